//! [`Connection`]: a blocking connection, used by one call at a time.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use crate::failure::{Cause, Failure};
use crate::socket::Socket;
use crate::target::Target;
use crate::{Incoming, Malformed, Protocol};

/// A buffer that grew beyond this is given back.
const KEPT_BUFFER: usize = 64 << 10;

/// A connection that has been idle for longer is looked at before it is used.
const TRUSTED: Duration = Duration::from_millis(10);

/// A connection that was idle for longer is closed: what lies between may have forgotten it.
pub(crate) const LONGEST_IDLE: Duration = Duration::from_secs(90);

/// What both kinds of streams do.
trait Bytes: Read + Write {}

impl<S: Read + Write> Bytes for S {}

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

    fn bytes(&mut self) -> &mut dyn Bytes {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => &mut **stream,
        }
    }

    /// Reads what has come, without writing first, as TLS does otherwise.
    fn read_only(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => crate::tls::read_only(stream, buffer),
        }
    }
}

/// A connection that has shaken hands. It may be used again only after an exchange that succeeded.
pub(crate) struct Connection {
    stream: Stream,
    incoming: Incoming,
    out: Vec<u8>,
    pub(crate) opened: Instant,
    pub(crate) idle_since: Instant,
    used: bool,
    /// An exchange is going on, or failed.
    pub(crate) busy: bool,
}

impl Connection {
    /// Connects and shakes hands, all of it before `deadline`.
    pub(crate) fn open<P: Protocol>(
        target: &Target<P>,
        deadline: Instant,
    ) -> Result<Self, Failure<P::Malformed>> {
        let unreachable = |e| Failure::before(Cause::Unreachable(e));
        let socket = target.address.connect_in_place(deadline).map_err(unreachable)?;
        let socket = Socket::new(socket, deadline, target.limits.operation_timeout);
        let stream = match target.tls {
            None => Stream::Plain(socket),
            #[cfg(not(feature = "tls"))]
            Some(never) => match never {},
            #[cfg(feature = "tls")]
            Some(ref tls) => {
                let session = tls.client(&target.address).map_err(|e| Failure::before(Cause::Unusable(e)))?;
                let shaken = crate::tls::handshake(session, socket);
                Stream::Tls(Box::new(shaken.map_err(|e| Failure::before(Cause::NoTls(e)))?))
            }
        };
        let now = Instant::now();
        let mut connection = Self {
            stream,
            incoming: Incoming::default(),
            out: Vec::new(),
            opened: now,
            idle_since: now,
            used: false,
            busy: false,
        };
        if let Some(hello) = target.protocol.handshake() {
            let shaken = connection.exchange::<P>(&hello, deadline);
            target.check_handshake(&hello, shaken)?;
            connection.used = false;
        }
        Ok(connection)
    }

    /// Whether it may be used again: it was not idle for long, nor did anything come meanwhile.
    pub(crate) fn is_good(&mut self) -> bool {
        let rested = self.idle_since.elapsed();
        rested <= TRUSTED || rested <= LONGEST_IDLE && self.stream.socket().is_quiet()
    }

    /// Sends `request` and reads its answer, all of it before `deadline`.
    pub(crate) fn exchange<P: Protocol>(
        &mut self,
        request: &P::Request,
        deadline: Instant,
    ) -> Result<P::Answer, Failure<P::Malformed>> {
        self.busy = true;
        self.stream.socket().set_deadline(deadline);
        self.out.clear();
        P::write(request, &mut self.out);
        let (mut written, mut answer) = (0, P::answer_to(request));
        let outcome = self.send(&mut written).and_then(|()| self.receive::<P>(&mut answer));
        let outcome = match outcome {
            // A server that closes in the middle of a request may have said why.
            Err(Cause::Ended(e)) if written < self.out.len() => {
                match self.read_last_words::<P>(&mut answer) {
                    Ok(true) => return Ok(answer),
                    #[cfg(feature = "tls")]
                    Err(said) if crate::tls::of_tls(&said).is_some() => Err(Cause::Ended(said)),
                    _ => Err(Cause::Ended(e)),
                }
            }
            other => other,
        };
        outcome.map_err(|cause| Failure { cause, written, length: self.out.len(), used: self.used })?;
        self.out.shrink_to(KEPT_BUFFER);
        self.used = true;
        self.busy = false;
        Ok(answer)
    }

    fn send<M>(&mut self, written: &mut usize) -> Result<(), Cause<M>> {
        while *written < self.out.len() {
            match self.stream.bytes().write(&self.out[*written..]).map_err(cause)? {
                0 => return Err(Cause::Ended(io::ErrorKind::WriteZero.into())),
                count => *written += count,
            }
        }
        self.stream.bytes().flush().map_err(cause)
    }

    fn receive<P: Protocol>(&mut self, answer: &mut P::Answer) -> Result<(), Cause<P::Malformed>> {
        while !P::read(&mut self.incoming, answer).map_err(Cause::Malformed)? {
            match self.stream.bytes().read(self.incoming.room()).map_err(cause)? {
                0 => return Err(Cause::Ended(io::ErrorKind::UnexpectedEof.into())),
                count => self.incoming.filled(count),
            }
        }
        // More than was asked for would be taken for the next answer.
        if self.incoming.is_empty() || P::verdict(answer).is_last() {
            return Ok(());
        }
        Err(Cause::Malformed(Malformed.into()))
    }

    /// Reads what a server said before it closed the connection. True if that is a whole answer.
    fn read_last_words<P: Protocol>(&mut self, answer: &mut P::Answer) -> io::Result<bool> {
        loop {
            match P::read(&mut self.incoming, answer) {
                Ok(false) => {}
                other => return Ok(other.is_ok()),
            }
            match self.stream.read_only(self.incoming.room())? {
                0 => return Ok(false),
                count => self.incoming.filled(count),
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.busy {
            self.stream.socket().end_abruptly();
        }
    }
}

fn cause<M>(e: io::Error) -> Cause<M> {
    if crate::socket::is_timeout(&e) { Cause::TimedOut } else { Cause::Ended(e) }
}
