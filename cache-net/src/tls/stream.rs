//! [`Stream`] for TLS, as tokio's tasks use it.

use std::io;
use std::time::Instant;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Stream;

/// Shakes hands on `stream`, before `deadline`.
pub(crate) async fn handshake_async(
    (connector, name): (TlsConnector, ServerName<'static>),
    stream: TcpStream,
    deadline: Instant,
) -> io::Result<TlsStream<TcpStream>> {
    let shaken = timeout_at(deadline.into(), connector.connect(name, stream)).await;
    shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

impl Stream for TlsStream<TcpStream> {
    /// When it fails it does not say what it took before: that shall be little.
    fn longest_write(&self) -> usize {
        64 << 10
    }

    fn is_quiet(&self) -> bool {
        self.get_ref().0.is_quiet()
    }

    fn end_abruptly(&self) {
        self.get_ref().0.end_abruptly();
    }
}
