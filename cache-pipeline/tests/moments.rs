//! Things that happen in the middle of the driver's turn, and servers that leave it no pause.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use cache_pipeline::{Fault, Link, Malformed, Protocol, Stream};
use common::{LONG, Lines, one_thread};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, Repeat, repeat};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

const T: Duration = Duration::from_millis(100);

type Outcome = Result<Option<String>, Fault<Malformed>>;

/// What is to happen when the driver is about to read.
type Moment = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// Lines, and a moment.
struct Watched(Lines, Moment);

impl Protocol for Watched {
    type Answer = Option<String>;
    type Nonsense = Malformed;

    fn room(&mut self) -> &mut [u8] {
        let now = self.1.lock().unwrap().take();
        now.into_iter().for_each(|now| now());
        self.0.room()
    }

    fn filled(&mut self, count: usize) {
        self.0.filled(count);
    }

    fn read(&mut self, answer: &mut Option<String>) -> Result<bool, Malformed> {
        self.0.read(answer)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn missing(&self) -> usize {
        self.0.missing()
    }
}

async fn ask(link: Arc<Link<Watched>>, within: Duration) -> Outcome {
    link.exchange(|out| out.extend_from_slice(b"k\n"), None, Instant::now() + within).await
}

/// A call that came in the middle of the driver's turn, after `end` brought that about.
async fn outcome_of_a_call_in_between(within: Duration, end: impl FnOnce(TcpStream)) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let moment = Moment::default();
    let protocol = Watched(Lines::default(), Arc::clone(&moment));
    let link = Arc::new(Link::new(&Handle::current(), Box::new(stream), protocol));
    let first = tokio::spawn(ask(Arc::clone(&link), T));
    // It is sent, and the driver sleeps.
    sleep(T / 2).await;
    let (put, take) = std::sync::mpsc::channel();
    *moment.lock().unwrap() = Some(Box::new(move || {
        let mut call = Box::pin(ask(link, within));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        put.send(call).unwrap();
    }));
    end(listener.accept().await.unwrap().0);
    assert!(timeout(LONG, first).await.unwrap().unwrap().is_err());
    timeout(Duration::from_secs(2), take.recv().unwrap()).await.unwrap()
}

#[test]
fn a_call_that_is_late_already_is_told_with_the_others() {
    // The server stays, and says nothing.
    let outcome = one_thread().block_on(outcome_of_a_call_in_between(Duration::ZERO, std::mem::forget));
    assert_eq!(outcome.unwrap_err().error, io::ErrorKind::TimedOut);
}

#[test]
fn a_call_that_came_as_the_connection_ended_is_told() {
    let fault = one_thread().block_on(outcome_of_a_call_in_between(LONG, drop)).unwrap_err();
    assert_eq!((fault.written, fault.length), (0, 2));
    assert_ne!(fault.error, io::ErrorKind::TimedOut);
}

/// There is always something to read.
struct Endless(Repeat);

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, to)
    }
}

impl AsyncWrite for Endless {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Endless {
    fn is_quiet(&self) -> bool {
        false
    }

    fn end_abruptly(&self) {}
}

/// One answer that never ends.
struct Flood(Vec<u8>);

impl Protocol for Flood {
    type Answer = ();
    type Nonsense = Malformed;

    fn room(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn filled(&mut self, _: usize) {}

    fn read(&mut self, (): &mut ()) -> Result<bool, Malformed> {
        Ok(false)
    }

    fn is_empty(&self) -> bool {
        false
    }

    fn missing(&self) -> usize {
        usize::MAX
    }
}

#[test]
fn a_server_that_never_stops_talking_does_not_hold_a_call() {
    one_thread().block_on(async {
        let protocol = Flood(vec![0; 1024]);
        let link = Link::new(&Handle::current(), Box::new(Endless(repeat(b'x'))), protocol);
        let call = link.exchange(|out| out.push(b'k'), (), Instant::now() + T);
        let fault = timeout(Duration::from_secs(2), call).await.unwrap().unwrap_err();
        assert_eq!(fault.error, io::ErrorKind::TimedOut);
    });
}
