//! Connecting, all of it before a deadline.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::location::Address;

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

pub(super) fn connect(address: &Address, deadline: Instant) -> io::Result<TcpStream> {
    match address {
        Address::Tcp { host, port, .. } => {
            let addresses = resolve(host, *port, deadline)?;
            let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
            for (place, address) in addresses.iter().enumerate() {
                // One that does not answer must not eat the time of those behind it.
                let share = left(deadline)? / u32::try_from(addresses.len() - place).unwrap_or(u32::MAX);
                match open(Domain::for_address(*address), &SockAddr::from(*address), share) {
                    Ok(stream) => {
                        stream.set_nodelay(true)?;
                        return Ok(stream);
                    }
                    Err(e) => last = e,
                }
            }
            Err(last)
        }
        #[cfg(unix)]
        Address::Unix(path) => open(Domain::UNIX, &SockAddr::unix(path)?, left(deadline)?),
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "no unix sockets on this system")),
    }
}

fn open(domain: Domain, address: &SockAddr, timeout: Duration) -> io::Result<TcpStream> {
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.connect_timeout(address, timeout)?;
    Ok(TcpStream::from(socket))
}

/// The system's resolver knows no deadline, so it gets a thread of its own.
fn resolve(host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let name = host.to_owned();
    thread::Builder::new().name("cache-redis-resolve".to_owned()).spawn(move || {
        let found = (name.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // The caller may have given up.
        let _: Result<(), _> = sender.send(found);
    })?;
    let timed_out = |_| io::Error::from(io::ErrorKind::TimedOut);
    receiver.recv_timeout(left(deadline)?).map_err(timed_out)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_resolved() {
        let found = resolve("localhost", 7, Instant::now() + Duration::from_secs(5)).unwrap();
        assert!(
            !found.is_empty()
                && found.iter().all(|address| address.port() == 7 && address.ip().is_loopback())
        );
    }

    #[test]
    fn no_time_left_is_a_timeout() {
        let address = Address::Tcp { host: "127.0.0.1".to_owned(), port: 1, tls: false };
        assert_eq!(connect(&address, Instant::now()).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
