//! Connecting, by TCP, TLS or a unix socket.

use std::time::Instant;

use cache_pipeline::Stream;

use crate::failure::{self, Failure};
use crate::node::Target;

/// Connects, all of it before `deadline`.
pub(super) async fn connect(target: &Target, deadline: Instant) -> Result<Box<dyn Stream>, Failure> {
    let failed = |e| Failure::before(failure::io(e, &target.server));
    let stream = target.address.connect(deadline).await.map_err(failed)?;
    match target.tls_name().map_err(Failure::before)? {
        None => Ok(Box::new(stream)),
        #[cfg(feature = "tls")]
        Some((config, name)) => {
            let connector = tokio_rustls::TlsConnector::from(config);
            let shaken = tokio::time::timeout_at(deadline.into(), connector.connect(name, stream)).await;
            let shaken = shaken.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
            let stream = shaken.map_err(|e| Failure::before(crate::tls::handshake(e, &target.server)))?;
            Ok(Box::new(super::encrypted::Encrypted(stream)))
        }
    }
}
