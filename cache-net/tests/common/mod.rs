//! What the tests share: a protocol of lines, a connection, and a server that answers each line with
//! the same line.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt;
use std::time::{Duration, Instant};

use cache_core::{Error, Mode};
use cache_net::{
    Address, Call, Cause, Failure, Incoming, Limits, Link, Malformed, Protocol, RetrySafety, Server, Verdict,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::timeout;

pub(crate) const LONG: Duration = Duration::from_secs(10);

/// A request is a line, and so is its answer, or it is a block whose length is in its line: `$5`. What an answer says of its connection is written in it.
#[derive(Default)]
pub(crate) struct Lines {
    /// The first line of a new connection, which is answered with `welcome`.
    pub(crate) hello: Option<&'static str>,
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server of lines")
    }
}

impl Protocol for Lines {
    type Request = String;
    type Answer = Option<String>;
    type Malformed = Malformed;

    fn write(request: &String, out: &mut Vec<u8>) {
        out.extend_from_slice(request.as_bytes());
        out.push(b'\n');
    }

    fn answer_to(_: &String) -> Option<String> {
        None
    }

    fn read(incoming: &mut Incoming, answer: &mut Option<String>) -> Result<bool, Malformed> {
        if !incoming.is_expecting() {
            let Some(line) = incoming.line()? else { return Ok(false) };
            let line = String::from_utf8(line.to_vec()).map_err(|_| Malformed)?;
            match line.strip_prefix('$') {
                None => {
                    *answer = Some(line);
                    return Ok(true);
                }
                Some(length) => incoming.expect(length.parse().map_err(|_| Malformed)?),
            }
        }
        let Some(block) = incoming.block()? else { return Ok(false) };
        *answer = Some(format!("a block of {}", block.len()));
        Ok(true)
    }

    fn verdict(answer: &Option<String>) -> Verdict {
        match answer.as_deref() {
            Some("refused") => Verdict::Refused { wholly: true },
            Some("refused in part") => Verdict::Refused { wholly: false },
            Some("broken") => Verdict::Broken,
            Some("out of step") => Verdict::OutOfStep,
            Some("ends") => Verdict::Ends,
            _ => Verdict::Keep,
        }
    }

    fn handshake(&self) -> Option<String> {
        self.hello.map(str::to_owned)
    }

    fn check_handshake(&self, _: &String, answer: Option<String>) -> Result<(), Error> {
        match answer.as_deref() {
            Some("welcome") => Ok(()),
            said => Err(Error::rejected(format!("{self} does not let this client in: {said:?}"))),
        }
    }

    fn malformed(&self, request: &String, _: Malformed) -> Error {
        Error::rejected(format!("{self} answered {request} with something that is not a line"))
    }

    fn why_closed(&self) -> &'static str {
        "it may be going down"
    }
}

/// Whether it was too late.
pub(crate) fn is_late<M>(failure: &Failure<M>) -> bool {
    matches!(failure.cause, Cause::TimedOut)
}

/// Whether the connection ended.
pub(crate) fn is_end<M>(failure: &Failure<M>) -> bool {
    matches!(failure.cause, Cause::Ended(_))
}

pub(crate) fn two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

pub(crate) fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A link, and the server's end of it.
pub(crate) async fn connected() -> (Link<Lines>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let link = Link::new(&Handle::current(), Box::new(stream));
    (link, listener.accept().await.unwrap().0)
}

pub(crate) async fn echo(mut server: TcpStream) {
    let mut piece = [0; 8192];
    while let Ok(count @ 1..) = server.read(&mut piece).await {
        if server.write_all(&piece[..count]).await.is_err() {
            return;
        }
    }
}

/// Asks; a call that is never told anything fails the test in the end.
pub(crate) async fn ask(
    link: &Link<Lines>,
    text: &str,
    within: Duration,
) -> Result<String, Failure<Malformed>> {
    let write = |out: &mut Vec<u8>| out.extend_from_slice(format!("{text}\n").as_bytes());
    let call = link.exchange(write, None, Instant::now() + within);
    timeout(within + LONG, call).await.unwrap().map(Option::unwrap)
}

/// The server at a port of this machine, with short limits.
pub(crate) fn server_at(port: u16) -> Server<Lines> {
    Server::new(Lines::default(), Address::Tcp { host: "127.0.0.1".to_owned(), port }, Limits::default())
}

pub(crate) async fn call_async(
    server: &Server<Lines>,
    text: &str,
    safety: RetrySafety,
) -> Result<String, Error> {
    let call = Call::new(Mode::Async, LONG);
    Ok(server.call(call, &text.to_owned(), safety).await.map(Option::unwrap)?)
}
