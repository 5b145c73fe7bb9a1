//! [`Address`]: where a server listens, and how a connection to it is made.

use std::fmt;
use std::future::{Future, ready};
use std::io;
use std::net::{self, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cache_core::Mode;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use crate::Call;
use crate::call::time_left;
use crate::dns::SYSTEM;

/// The first pause before a socket with a full queue is tried again, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];

/// Where a server listens: a host and a port, or a Unix socket.
///
/// Both halves connect by the same rules, all of it before a deadline:
///
/// - **A name is resolved again for each connection**, on a thread that nobody joins. All callers that need the
///   same name at the same time wait for one thread, each no longer than its deadline.
/// - **The addresses of a name are tried in the resolver's order.** Each has an even share of the time that is
///   left, so a dead one does not use up the time of those behind it.
/// - **A Unix socket whose queue of connections is full** (`EAGAIN`) is waited for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A host, by name or by number (without brackets), and a port.
    Tcp {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Address {
    /// Connects for sync callers. Blocks this thread. The stream is a blocking one, and of a Unix socket it is a
    /// `TcpStream` too, so that a caller has one type; Nagle's algorithm is off.
    ///
    /// # Errors
    /// `TimedOut` at `deadline`, else what the last of the addresses failed with. Where `deadline` has passed already,
    /// nothing is looked up and no connection is begun.
    pub(crate) fn connect_in_place(&self, deadline: Instant) -> io::Result<net::TcpStream> {
        time_left(deadline)?;
        cache_core::poll_now(async {
            match self {
                Self::Tcp { host, port } => {
                    let addresses = SYSTEM.look_up(Mode::Blocking, (host, *port), deadline).await?;
                    first(addresses, deadline, |address, end| ready(open_in_place(address, end))).await
                }
                Self::Unix(path) => {
                    let stream = open_unix(Mode::Blocking, &SocketAddrUnix::new(path)?, deadline).await?;
                    stream.set_nonblocking(false)?;
                    Ok(stream)
                }
            }
        })
    }

    /// Connects for async callers, as [`connect_in_place`](Self::connect_in_place) does. Inside of a tokio runtime with its
    /// I/O and time drivers, to which the stream belongs.
    ///
    /// # Errors
    /// As [`connect_in_place`](Self::connect_in_place).
    pub(crate) async fn connect(&self, deadline: Instant) -> io::Result<TcpStream> {
        time_left(deadline)?;
        match self {
            Self::Tcp { host, port } => {
                let addresses = SYSTEM.look_up(Mode::Async, (host, *port), deadline).await?;
                first(addresses, deadline, open).await
            }
            Self::Unix(path) => {
                let stream = open_unix(Mode::Async, &SocketAddrUnix::new(path)?, deadline).await?;
                TcpStream::from_std(stream)
            }
        }
    }
}

/// A connection to the first of `addresses` that has one; `open` is told until when it may try.
async fn first<S, F>(
    addresses: Vec<SocketAddr>,
    deadline: Instant,
    open: impl Fn(SocketAddr, Instant) -> F + Send,
) -> io::Result<S>
where
    S: Send,
    F: Future<Output = io::Result<S>> + Send,
{
    let mut failure = io::ErrorKind::AddrNotAvailable.into();
    let mut untried = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        // One that does not answer must not eat the time of those behind it.
        let share = time_left(deadline)? / untried.max(1);
        match open(address, Instant::now() + share).await {
            Ok(stream) => return Ok(stream),
            Err(e) => failure = e,
        }
        untried -= 1;
    }
    Err(failure)
}

fn open_in_place(to: SocketAddr, deadline: Instant) -> io::Result<net::TcpStream> {
    let stream = net::TcpStream::connect_timeout(&to, time_left(deadline)?)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn open(to: SocketAddr, deadline: Instant) -> io::Result<TcpStream> {
    let stream =
        timeout_at(deadline.into(), TcpStream::connect(to)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects to a Unix socket, and tries again while its queue is full: the system tells nobody when
/// that has room.
async fn open_unix(mode: Mode, path: &SocketAddrUnix, deadline: Instant) -> io::Result<net::TcpStream> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    // The standard library's stream of any stream socket: both kinds then have one driver.
    let stream = net::TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    let [mut pause, longest] = PAUSES;
    loop {
        match rustix::net::connect(&stream, path) {
            Err(Errno::AGAIN) => {
                let full =
                    |_| io::Error::new(io::ErrorKind::TimedOut, "its queue of new connections stayed full");
                let time = pause.min(time_left(deadline).map_err(full)?);
                Call { mode, deadline }.sleep(time).await;
                pause = (pause * 2).min(longest);
            }
            connected => return connected.map(|()| stream).map_err(io::Error::from),
        }
    }
}

#[cfg(test)]
mod tests;
