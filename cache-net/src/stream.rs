//! [`Stream`]: a connected stream of bytes for tokio's tasks; and what both halves ask of a socket.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A connected stream of bytes.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Looks, without waiting, whether nothing has come that was not read: no byte and no end.
    fn is_quiet(&self) -> bool;

    /// Makes the stream end at once when it is dropped, so that the server drops what has come of a command that is cut,
    /// and no port stays taken.
    fn end_abruptly(&self);

    /// The most bytes that are written in one go.
    fn longest_write(&self) -> usize {
        usize::MAX
    }
}

impl Stream for TcpStream {
    fn is_quiet(&self) -> bool {
        nothing_came(self)
    }

    fn end_abruptly(&self) {
        end_abruptly(self);
    }
}

pub(crate) fn nothing_came(socket: impl AsFd) -> bool {
    let looked = rustix::net::recv(socket, &mut [0_u8], RecvFlags::PEEK | RecvFlags::DONTWAIT);
    matches!(looked, Err(Errno::AGAIN))
}

pub(crate) fn end_abruptly(socket: impl AsFd) {
    // Where the system refuses, it ends as sockets do; a Unix socket always does.
    let _ = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}
