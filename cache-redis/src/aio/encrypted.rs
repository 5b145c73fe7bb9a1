//! [`Encrypted`]: TLS as a stream that can be shared.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use cache_pipeline::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// How much is written in one go.
const PIECE: usize = 64 << 10;

pub(super) struct Encrypted(pub(super) TlsStream<TcpStream>);

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, room).map_err(crate::tls::with_kind)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        // What it takes before it fails it does not say: that is little.
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
