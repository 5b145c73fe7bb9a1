//! [`Socket`]: a stream on which everything until further notice ends at one deadline.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A connected stream with a deadline.
///
/// The kernel's timeouts are per read and write, so before each the time that is left is looked
/// at. Setting it costs a system call: that is saved while the timeout already set ends the wait
/// no more than a tenth of the operation timeout too late.
#[derive(Debug)]
pub(crate) struct Socket {
    /// A unix socket too: reading, writing and timeouts are the same calls.
    stream: TcpStream,
    deadline: Instant,
    slack: Duration,
    read_timeout: Duration,
    write_timeout: Duration,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, deadline: Instant, operation_timeout: Duration) -> Self {
        Self {
            stream,
            deadline,
            slack: operation_timeout / 10,
            read_timeout: Duration::ZERO,
            write_timeout: Duration::ZERO,
        }
    }

    pub(crate) const fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Whether the other side has closed, or sent something nobody asked for. For a socket on
    /// which no reply is due.
    pub(crate) fn is_stale(&self) -> bool {
        let look = || {
            self.stream.set_nonblocking(true)?;
            let seen = self.stream.peek(&mut [0]);
            self.stream.set_nonblocking(false)?;
            seen
        };
        !matches!(look(), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
    }

    /// The timeout to set; `None` where the one that is set will do.
    fn timeout(&self, set: Duration) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let good = set >= left && set <= left + self.slack;
        Ok((!good).then_some(left))
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(timeout) = self.timeout(self.read_timeout)? {
                self.stream.set_read_timeout(Some(timeout))?;
                self.read_timeout = timeout;
            }
            match self.stream.read(buffer) {
                // The kernel counts in ticks of its own and may wake a little early.
                Err(e) if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
                outcome => return outcome,
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        loop {
            if let Some(timeout) = self.timeout(self.write_timeout)? {
                self.stream.set_write_timeout(Some(timeout))?;
                self.write_timeout = timeout;
            }
            match self.stream.write(data) {
                Err(e) if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
                outcome => return outcome,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn many_reads_share_one_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let dribble = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        });
        let timeout = Duration::from_millis(300);
        let begun = Instant::now();
        let stream = TcpStream::connect(address).unwrap();
        let mut socket = Socket::new(stream, begun + timeout, timeout);
        let error = socket.read_exact(&mut [0; 1000]).unwrap_err();
        let took = begun.elapsed();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(took >= timeout && took < timeout * 6 / 5 + Duration::from_millis(20), "{took:?}");
        drop(socket);
        dribble.join().unwrap();
    }
}
