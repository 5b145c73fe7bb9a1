//! [`Socket`]: a blocking stream on which every wait ends at the deadline of its call.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::call::time_left;
use crate::stream;

/// A connected TCP or Unix socket with a deadline.
///
/// The system's timeouts are for each read and write. Setting them costs two system calls, so a timeout that is already
/// set is kept while it ends no more than a twentieth of the operation timeout too late.
#[derive(Debug)]
pub(crate) struct Socket {
    /// Of a Unix socket too: reading, writing and timeouts are the same calls.
    stream: TcpStream,
    deadline: Instant,
    slack: Duration,
    timeout: Option<Duration>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, deadline: Instant, operation_timeout: Duration) -> Self {
        Self { stream, deadline, slack: operation_timeout / 20, timeout: None }
    }

    pub(crate) const fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Looks, without waiting, whether nothing has come that was not read: no byte and no end.
    pub(crate) fn is_quiet(&self) -> bool {
        stream::nothing_came(&self.stream)
    }

    /// See [`Stream::end_abruptly`](crate::Stream::end_abruptly).
    pub(crate) fn end_abruptly(&self) {
        stream::end_abruptly(&self.stream);
    }

    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(timeout))?;
        self.stream.set_write_timeout(Some(timeout))?;
        self.timeout = Some(timeout);
        Ok(())
    }

    /// Calls `action` until it does something or the deadline has passed. A timeout that was set for an earlier call may
    /// end too soon for this one.
    fn wait(&mut self, mut action: impl FnMut(&mut TcpStream) -> io::Result<usize>) -> io::Result<usize> {
        let left = time_left(self.deadline)?;
        if self.timeout.is_none_or(|timeout| timeout > left + self.slack) {
            self.set_timeout(left)?;
        }
        loop {
            match action(&mut self.stream) {
                Err(e) if is_timeout(&e) => {
                    let left = time_left(self.deadline)?;
                    self.set_timeout(left)?;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {
                    time_left(self.deadline)?;
                }
                done => return done,
            }
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait(|stream| stream.read(buffer))
    }
}

impl Write for Socket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.wait(|stream| stream.write(data))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether `e` is a timeout of a socket, as the system reports it.
pub(crate) fn is_timeout(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
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

    #[test]
    fn a_short_timeout_of_an_earlier_call_does_not_end_a_later_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let short = Duration::from_millis(50);
        let mut socket = Socket::new(stream, Instant::now() + short, short);
        assert_eq!(socket.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::TimedOut);
        socket.set_deadline(Instant::now() + Duration::from_secs(20));
        let later = thread::spawn(move || {
            thread::sleep(short * 4);
            server.write_all(b"x").unwrap();
            server
        });
        assert_eq!(socket.read(&mut [0]).unwrap(), 1);
        drop(later.join().unwrap());
    }
}
