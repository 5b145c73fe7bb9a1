//! What the tests share: a protocol of lines, a connection, and a server that answers each line with
//! the same line.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use cache_pipeline::{Fault, Incoming, Link, Malformed, Protocol};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::timeout;

pub(crate) const LONG: Duration = Duration::from_secs(10);

/// Answers are lines.
#[derive(Default)]
pub(crate) struct Lines(Incoming);

impl Protocol for Lines {
    type Answer = Option<String>;
    type Nonsense = Malformed;

    fn room(&mut self) -> &mut [u8] {
        self.0.room()
    }

    fn filled(&mut self, count: usize) {
        self.0.filled(count);
    }

    fn read(&mut self, answer: &mut Option<String>) -> Result<bool, Malformed> {
        let Some(line) = self.0.line()? else { return Ok(false) };
        *answer = Some(String::from_utf8(line.to_vec()).map_err(|_| Malformed)?);
        Ok(true)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn missing(&self) -> usize {
        self.0.missing()
    }
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
    let link = Link::new(&Handle::current(), Box::new(stream), Lines::default());
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
) -> Result<String, Fault<Malformed>> {
    let write = |out: &mut Vec<u8>| out.extend_from_slice(format!("{text}\n").as_bytes());
    let call = link.exchange(write, None, Instant::now() + within);
    timeout(within + LONG, call).await.unwrap().map(Option::unwrap)
}
