//! [`Connection`]: one exchange at a time on one stream.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use cache_pipeline::Protocol as _;
use redis::Value;

use super::socket::Socket;
use crate::commands::Request;
use crate::failure::{self, Failure};
use crate::node::Target;
use crate::replies::{Answer, Garbled, Replies};

/// A buffer that grew beyond this is given back.
const KEPT_BUFFER: usize = 64 << 10;

/// A connection that has been idle for longer is looked at before it is used.
const TRUSTED: Duration = Duration::from_millis(10);

enum Stream {
    Plain(Socket),
    #[cfg(feature = "tls")]
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, Socket>>),
}

impl Stream {
    fn socket(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => &mut stream.sock,
        }
    }
}

impl Stream {
    /// Reads what has come; TLS' own reading would write first, which failed.
    fn read_only(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => loop {
                match stream.conn.reader().read(buffer) {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                    outcome => return outcome,
                }
                stream.conn.read_tls(&mut stream.sock)?;
                stream.conn.process_new_packets().map_err(io::Error::other)?;
            },
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(data),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A connection, logged in. An exchange takes it by value and gives it back only when the reply
/// was read whole: whatever goes wrong closes it.
pub(super) struct Connection {
    stream: Stream,
    replies: Replies,
    out: Vec<u8>,
    pub(super) opened: Instant,
    idle_since: Instant,
    used: bool,
}

impl Connection {
    /// Connects and logs in.
    pub(super) fn open(target: &Target, deadline: Instant) -> Result<Self, Failure> {
        let server = &target.server;
        let deadline = deadline.min(Instant::now() + target.connect_timeout);
        let failed = |e| Failure::before(failure::io(e, server));
        let socket = target.address.connect_in_place(deadline).map_err(failed)?;
        let socket = Socket::new(socket, deadline, target.operation_timeout);
        let stream = match target.tls_name().map_err(Failure::before)? {
            None => Stream::Plain(socket),
            #[cfg(feature = "tls")]
            Some((config, name)) => {
                let session = rustls::ClientConnection::new(config, name)
                    .map_err(|e| Failure::before(failure::rejected("TLS cannot be set up").with_source(e)))?;
                let mut stream = rustls::StreamOwned::new(session, socket);
                while stream.conn.is_handshaking() {
                    let shaken = stream.conn.complete_io(&mut stream.sock);
                    shaken.map_err(|e| Failure::before(crate::tls::handshake(e, server)))?;
                }
                Stream::Tls(Box::new(stream))
            }
        };
        let now = Instant::now();
        let connection = Self {
            stream,
            replies: Replies::default(),
            out: Vec::new(),
            opened: now,
            idle_since: now,
            used: false,
        };
        let Some(log_in) = target.log_in() else { return Ok(connection) };
        let (mut connection, reply) = connection
            .exchange(target, &log_in, deadline)
            .map_err(|failure| Failure { sent: false, ..failure })?;
        target.check_log_in(&log_in, reply).map_err(Failure::before)?;
        connection.used = false;
        Ok(connection)
    }

    /// Whether it was closed while nobody used it.
    pub(super) fn is_stale(&mut self) -> bool {
        self.idle_since.elapsed() > TRUSTED && self.stream.socket().is_stale()
    }

    pub(super) fn exchange(
        mut self,
        target: &Target,
        request: &Request,
        deadline: Instant,
    ) -> Result<(Self, Value), Failure> {
        self.stream.socket().set_deadline(deadline);
        self.out.clear();
        request.write(&mut self.out);
        let mut answer = Answer::to(&request.commands);
        // A command that did not go out whole is not carried out: the connection closes first.
        if let Err(e) = self.stream.write_all(&self.out).and_then(|()| self.stream.flush()) {
            let closed = !matches!(e.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
            return match closed.then(|| self.has_last_words(&mut answer)) {
                Some(Ok(true)) => Ok((self, answer.into_value())),
                #[cfg(feature = "tls")]
                Some(Err(said)) if crate::tls::is_of_tls(&said) => Err(self.failed(target, false, said)),
                _ => Err(self.failed(target, false, e)),
            };
        }
        while !self.replies.read(&mut answer).map_err(|wrong| garbled(target, wrong))? {
            match self.stream.read(self.replies.room()) {
                Ok(0) => return Err(self.failed(target, true, io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => self.replies.filled(count),
                Err(e) => return Err(self.failed(target, true, e)),
            }
        }
        // More than was asked for would be taken for the next reply.
        if !self.replies.is_empty() {
            return Err(garbled(target, Garbled::Other));
        }
        self.out.shrink_to(KEPT_BUFFER);
        self.idle_since = Instant::now();
        self.used = true;
        Ok((self, answer.into_value()))
    }

    /// Whether the server said why it closed the connection, in the middle of a command that it does not take.
    fn has_last_words(&mut self, answer: &mut Answer) -> io::Result<bool> {
        loop {
            match self.replies.read(answer) {
                Ok(false) => {}
                other => return Ok(other.is_ok()),
            }
            match self.stream.read_only(self.replies.room())? {
                0 => return Ok(false),
                count => self.replies.filled(count),
            }
        }
    }

    fn failed(&self, target: &Target, sent: bool, e: io::Error) -> Failure {
        let stale = self.used && !matches!(e.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
        Failure { error: failure::io(e, &target.server), sent, stale }
    }
}

fn garbled(target: &Target, wrong: Garbled) -> Failure {
    Failure { error: failure::garbled(&target.server, wrong), sent: true, stale: false }
}
