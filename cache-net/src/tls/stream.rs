//! [`Encrypted`]: TLS as a stream for tokio's tasks.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Stream;

/// How much is written in one go.
const PIECE: usize = 64 << 10;

pub(crate) struct Encrypted(TlsStream<TcpStream>);

/// Shakes hands on `stream`, before `deadline`.
pub(crate) async fn handshake_async(
    (connector, name): (TlsConnector, ServerName<'static>),
    stream: TcpStream,
    deadline: Instant,
) -> io::Result<Encrypted> {
    let shaken = timeout_at(deadline.into(), connector.connect(name, stream)).await;
    shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map(Encrypted)
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, room)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        // It does not say what it takes before it fails: that is little.
        let piece = &data[..data.len().min(PIECE)];
        Pin::new(&mut self.0).poll_write(context, piece)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl Stream for Encrypted {
    fn is_quiet(&self) -> bool {
        self.0.get_ref().0.is_quiet()
    }

    fn end_abruptly(&self) {
        self.0.get_ref().0.end_abruptly();
    }
}
