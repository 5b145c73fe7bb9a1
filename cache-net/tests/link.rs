//! A connection that tasks share.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use cache_net::{Cause, Link, Stream};
use common::{LONG, Lines, ask, connected, echo, is_end, is_late, one_thread, two_threads};
use conformance_tests::faults::cancelled;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

/// Counts what is written by how many calls.
struct Counted {
    inner: TcpStream,
    writes: Arc<AtomicUsize>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, to)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.inner).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl Stream for Counted {
    fn is_quiet(&self) -> bool {
        self.inner.is_quiet()
    }

    fn end_abruptly(&self) {
        self.inner.end_abruptly();
    }
}

#[test]
fn what_many_ask_at_once_goes_out_together() {
    one_thread().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inner = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let writes = Arc::new(AtomicUsize::new(0));
        let stream = Counted { inner, writes: Arc::clone(&writes) };
        let link = Arc::new(Link::<Lines>::new(&Handle::current(), Box::new(stream)));
        tokio::spawn(echo(listener.accept().await.unwrap().0));
        for n in 0..100 {
            ask(&link, &n.to_string(), LONG).await.unwrap();
        }
        assert_eq!(writes.swap(0, Ordering::Relaxed), 100, "a call alone is written at once");
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let link = Arc::clone(&link);
                tokio::spawn(async move {
                    for n in 0..100 {
                        ask(&link, &n.to_string(), LONG).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let writes = writes.load(Ordering::Relaxed);
        assert!(writes <= 50 * 100 / 10, "{writes} writes for {} calls", 50 * 100);
    });
}

#[test]
fn each_call_has_its_own_deadline() {
    two_threads().block_on(async {
        let (link, mut server) = connected().await;
        // The first timer is the longest: a shorter one that comes later must not wait for it.
        let (late, (early, took)) = tokio::join!(ask(&link, "late", LONG), async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let begun = Instant::now();
            let early = ask(&link, "early", Duration::from_millis(100)).await.unwrap_err();
            let took = begun.elapsed();
            assert!(!link.is_usable(), "nobody is to be given it");
            server.write_all(b"late\nearly\n").await.unwrap();
            (early, took)
        });
        assert_eq!(late.unwrap(), "late", "what was under way goes on");
        assert!(is_late(&early));
        assert_eq!((early.written, early.length), (6, 6));
        assert!(took >= Duration::from_millis(100) && took < Duration::from_secs(5), "{took:?}");
        // Nobody waits any more: the server sees the end.
        let mut rest = Vec::new();
        tokio::time::timeout(LONG, server.read_to_end(&mut rest)).await.unwrap().ok();
    });
}

#[test]
fn a_silent_server_is_given_up_though_its_callers_left() {
    two_threads().block_on(async {
        let (link, _server) = connected().await;
        cancelled(Some(3), ask(&link, "k", Duration::from_millis(50))).await;
        let begun = Instant::now();
        while link.is_usable() {
            assert!(begun.elapsed() < LONG);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn what_nobody_asked_for_ends_it() {
    two_threads().block_on(async {
        let (link, mut server) = connected().await;
        let serve = async {
            let mut asked = [0; 2];
            server.read_exact(&mut asked).await.unwrap();
            server.write_all(b"k\nsurprise\n").await.unwrap();
        };
        assert_eq!(tokio::join!(ask(&link, "k", LONG), serve).0.unwrap(), "k");
        let begun = Instant::now();
        while link.is_usable() {
            assert!(begun.elapsed() < LONG);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(ask(&link, "k", LONG).await.is_err());
        // What cannot be an answer is told to the one it came for, and ends the others' calls.
        let (link, mut server) = connected().await;
        let serve = async {
            let mut asked = [0; 8];
            server.read_exact(&mut asked).await.unwrap();
            server.write_all(b"\xff\n").await.unwrap();
        };
        let (one, two, ()) = tokio::join!(ask(&link, "one", LONG), ask(&link, "two", LONG), serve);
        assert!(matches!(one.unwrap_err().cause, Cause::Malformed(_)));
        assert!(is_end(&two.unwrap_err()));
    });
}

/// A runtime of one thread polls nothing between two calls.
#[test]
fn an_end_in_between_is_seen_before_anything_is_sent() {
    let runtime = one_thread();
    let (link, server) = runtime.block_on(connected());
    let echoing = runtime.spawn(echo(server));
    assert_eq!(runtime.block_on(ask(&link, "k", LONG)).unwrap(), "k");
    echoing.abort();
    assert!(runtime.block_on(echoing).unwrap_err().is_cancelled());
    std::thread::sleep(Duration::from_millis(50));
    let fault = runtime.block_on(ask(&link, "k", LONG)).unwrap_err();
    assert_eq!(fault.written, 0);
    assert!(fault.used);
}

#[test]
fn a_long_request_says_so_until_it_is_out() {
    two_threads().block_on(async {
        let (link, mut server) = connected().await;
        let length = 16 << 20;
        let long = async {
            let write = |out: &mut Vec<u8>| {
                out.resize(length - 1, b'x');
                out.push(b'\n');
            };
            link.exchange(write, None, Instant::now() + LONG).await.unwrap()
        };
        let serve = async {
            let begun = Instant::now();
            while !link.is_congested() {
                assert!(begun.elapsed() < LONG);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let mut asked = vec![0; length];
            server.read_exact(&mut asked).await.unwrap();
            server.write_all(b"done\n").await.unwrap();
        };
        let (answer, ()) = tokio::join!(long, serve);
        assert_eq!(answer.as_deref(), Some("done"));
        assert!(!link.is_congested());
    });
}
