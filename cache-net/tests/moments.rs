//! Things that happen in the middle of the driver's turn, and servers that leave it no pause.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use std::{fmt, io};

use cache_core::Error;
use cache_net::{Failure, Incoming, Link, Malformed, Protocol, Stream, Verdict};
use common::{LONG, Lines, is_end, is_late, one_thread};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

const T: Duration = Duration::from_millis(100);

type Outcome = Result<Option<String>, Failure<Malformed>>;

/// What is to happen when the driver is about to read.
type Moment = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// A stream, and a moment.
struct Watched(TcpStream, Moment);

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let now = self.1.lock().unwrap().take();
        now.into_iter().for_each(|now| now());
        Pin::new(&mut self.0).poll_read(cx, to)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Stream for Watched {
    fn is_quiet(&self) -> bool {
        self.0.is_quiet()
    }

    fn end_abruptly(&self) {
        self.0.end_abruptly();
    }
}

async fn ask(link: Arc<Link<Lines>>, within: Duration) -> Outcome {
    link.exchange(|out| out.extend_from_slice(b"k\n"), None, Instant::now() + within).await
}

/// A call that came in the middle of the driver's turn, after `end` brought that about.
async fn outcome_of_a_call_in_between(within: Duration, end: impl FnOnce(TcpStream)) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let moment = Moment::default();
    let stream = Watched(stream, Arc::clone(&moment));
    let link = Arc::new(Link::new(&Handle::current(), Box::new(stream)));
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
    assert!(is_late(&outcome.unwrap_err()));
}

#[test]
fn a_call_that_came_as_the_connection_ended_is_told() {
    let fault = one_thread().block_on(outcome_of_a_call_in_between(LONG, drop)).unwrap_err();
    assert_eq!((fault.written, fault.length), (0, 2));
    assert!(is_end(&fault));
}

/// There is always something to read: one long line after the other, of which none is an answer to the first call.
struct Endless;

impl AsyncRead for Endless {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        to.put_slice(b"x\n");
        Poll::Ready(Ok(()))
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
struct Flood;

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server that never stops")
    }
}

impl Protocol for Flood {
    type Request = ();
    type Answer = ();
    type Malformed = Malformed;

    fn write((): &(), out: &mut Vec<u8>) {
        out.push(b'k');
    }

    fn answer_to((): &()) {}

    fn read(incoming: &mut Incoming, (): &mut ()) -> Result<bool, Malformed> {
        while incoming.line()?.is_some() {}
        Ok(false)
    }

    fn verdict((): &()) -> Verdict {
        Verdict::Keep
    }

    fn handshake(&self) -> Option<()> {
        None
    }

    fn check_handshake(&self, (): &(), (): ()) -> Result<(), Error> {
        Ok(())
    }

    fn malformed(&self, (): &(), _: Malformed) -> Error {
        Error::rejected("not a line")
    }

    fn why_closed(&self) -> &'static str {
        "never"
    }
}

#[test]
fn a_server_that_never_stops_talking_does_not_hold_a_call() {
    one_thread().block_on(async {
        let link = Link::<Flood>::new(&Handle::current(), Box::new(Endless));
        let call = link.exchange(|out| out.push(b'k'), (), Instant::now() + T);
        let fault = timeout(Duration::from_secs(2), call).await.unwrap().unwrap_err();
        assert!(is_late(&fault), "{fault:?}");
    });
}
