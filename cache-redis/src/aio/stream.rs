//! Connecting, by TCP, TLS or a unix socket.

#[cfg(not(unix))]
use std::io;

use cache_pipeline::Stream;
use tokio::net::TcpStream;

use crate::failure::{self, Failure};
use crate::location::Address;
use crate::node::Target;

/// Connects. Waits without end: the caller has the deadline.
pub(super) async fn connect(target: &Target) -> Result<Box<dyn Stream>, Failure> {
    let failed = |e| Failure::before(failure::io(e, &target.server));
    match &target.server.address {
        Address::Tcp { host, port, .. } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
            stream.set_nodelay(true).map_err(failed)?;
            match target.tls_name().map_err(Failure::before)? {
                None => Ok(Box::new(stream)),
                #[cfg(feature = "tls")]
                Some((config, name)) => {
                    let connector = tokio_rustls::TlsConnector::from(config);
                    let stream = connector.connect(name, stream).await.map_err(failed)?;
                    Ok(Box::new(super::encrypted::Encrypted(stream)))
                }
            }
        }
        #[cfg(unix)]
        Address::Unix(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await.map_err(failed)?)),
        #[cfg(not(unix))]
        Address::Unix(_) => {
            Err(failed(io::Error::new(io::ErrorKind::Unsupported, "no unix sockets on this system")))
        }
    }
}
