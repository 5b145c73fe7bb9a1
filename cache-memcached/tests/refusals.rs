//! Servers that answer with errors: the wrong one, a broken one, one that is full or wants a log-in.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cache_core::{Cache, Error, ErrorKind, OnError};
use cache_memcached::MemcachedCache;
use common::{CALLS, MINUTE, Memcached, cache, call_async, options, runtime};
use conformance_tests::faults::record;
use conformance_tests::servers::{Server, or_skip};

/// A server that answers the commands of each connection as `answer` says of its number and the command; values are
/// read. What it heard, as "number command".
fn fake(
    answer: impl Fn(usize, &str) -> String + Send + Sync + 'static,
) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
    let noted = Arc::clone(&heard);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let (heard, answer) = (Arc::clone(&heard), Arc::clone(&answer));
            std::thread::spawn(move || serve(number, stream, &*answer, &heard));
        }
    });
    (address, noted)
}

fn serve(
    number: usize,
    mut stream: TcpStream,
    answer: &dyn Fn(usize, &str) -> String,
    heard: &Mutex<Vec<String>>,
) {
    let mut read = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    while read.read_line(&mut line).is_ok_and(|count| count > 0) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["ms", _, length, ..] = words[..] {
            let mut value = vec![0; length.parse::<usize>().unwrap() + 2];
            if read.read_exact(&mut value).is_err() {
                return;
            }
        }
        let command = line.trim_end().to_owned();
        heard.lock().unwrap().push(format!("{number} {command}"));
        if stream.write_all(answer(number, &command).as_bytes()).is_err() {
            return;
        }
        line.clear();
    }
}

/// What a sound server answers, with nothing in it but a number.
fn sound(command: &str) -> String {
    let words: Vec<&str> = command.split(' ').collect();
    let number = words.iter().find(|word| word.starts_with('O')).map(|word| format!(" {word}"));
    let number = number.unwrap_or_default();
    match words[..] {
        ["version"] => "VERSION 1.6.18\r\n".to_owned(),
        ["flush_all"] => "OK\r\n".to_owned(),
        ["mg", _, "v", "f", "c", "t", ..] => format!("VA 1 f2 c8 t-1{number}\r\n5\r\n"),
        ["mg", _, "c", "u", ..] => format!("HD c8{number}\r\n"),
        ["mg", _, "v", "f", ..] => format!("VA 1 f16{number}\r\nv\r\n"),
        ["mg" | "ms" | "md" | "ma", ..] => format!("HD c9{number}\r\n"),
        _ => "ERROR\r\n".to_owned(),
    }
}

/// Those of [`CALLS`] that may be sent twice.
const REPEATED: [&str; 8] =
    ["get", "set", "touch", "has_key", "get_many", "set_many", "delete_many", "clear"];

fn both(cache: &Memcached, name: &str, call: fn(&Memcached) -> Result<(), Error>) -> [Result<(), Error>; 2] {
    [call(cache), runtime().block_on(call_async(cache, name))]
}

/// A server replaced: what is behind an old connection has gone bad, and a new one leads to a sound server.
#[test]
fn a_wrong_or_broken_server_is_left() {
    let mut tried = [0; 2];
    for bad in [
        "ERROR\r\n",
        "CLIENT_ERROR bad command line format\r\n",
        "SERVER_ERROR temporary failure\r\n",
        "SERVER_ERROR out of memory\r\n",
        "SERVER_ERROR mc_res_tko\r\n",
        "SERVER_ERROR backend failure\r\n",
        "-READONLY You can't write against a read only replica.\r\n",
        "HTTP/1.1 502 Bad Gateway\r\n",
    ] {
        for (name, call) in CALLS {
            for (half, tried) in tried.iter_mut().enumerate() {
                // From `turned` on the first connection is to a bad server.
                let turned = Arc::new(AtomicUsize::new(0));
                let look = Arc::clone(&turned);
                let (address, heard) =
                    fake(move |number, command| match (number, look.load(Ordering::SeqCst)) {
                        (0, 1) => bad.to_owned(),
                        _ => sound(command),
                    });
                let cache = Cache::new(options(address).operation_timeout(MINUTE).build().unwrap());
                let runtime = runtime();
                let again = |call: fn(&Memcached) -> Result<(), Error>, name| match half {
                    0 => call(&cache),
                    _ => runtime.block_on(call_async(&cache, name)),
                };
                again(|cache| cache.get::<String>("k").map(drop), "get").unwrap();
                turned.store(1, Ordering::SeqCst);
                let outcome = again(call, name);
                let repeated = heard.lock().unwrap().iter().any(|said| said.starts_with("1 v"));
                if REPEATED.contains(&name) {
                    outcome.unwrap_or_else(|e| panic!("{name} after {bad:?}, half {half}: {e}"));
                    assert!(repeated, "{name} after {bad:?}, half {half}");
                } else if ["add", "delete"].contains(&name) {
                    let e = outcome.unwrap_err();
                    assert!(!repeated, "{name} after {bad:?}, half {half}: it was sent twice");
                    let refused = bad.starts_with("ERROR") || bad.starts_with("CLIENT_ERROR");
                    let expected = match name {
                        "add" if !refused => ErrorKind::OutcomeUnknown,
                        _ if bad.starts_with("SERVER_ERROR") => ErrorKind::Unavailable,
                        _ => ErrorKind::Rejected,
                    };
                    assert_eq!(e.kind(), expected, "{name} after {bad:?}, half {half}: {e}");
                }
                // The bad connection is never used again.
                again(|cache| cache.get::<String>("k").map(drop), "get").unwrap();
                let after = heard.lock().unwrap().last().unwrap().clone();
                assert!(after.starts_with("1 "), "{name} after {bad:?}, half {half}: {after}");
                *tried += 1;
            }
        }
    }
    for (backend, tried) in ["memcached", "memcached async"].into_iter().zip(tried) {
        record(32, backend, tried, 0, "0 calls on a connection to a broken server after its first error");
    }
}

/// What is wrong everywhere is not tried for ever.
#[test]
fn it_is_tried_twice_and_no_more() {
    let (address, heard) = fake(|_, command| match command {
        "version" => sound(command),
        _ => "SERVER_ERROR temporary failure\r\n".to_owned(),
    });
    let cache = cache(address);
    for e in both(&cache, "get", |cache| cache.get::<String>("k").map(drop)).map(Result::unwrap_err) {
        assert_eq!(e.kind(), ErrorKind::Unavailable, "{e}");
        assert!(e.to_string().contains("could not do \"mg\" (temporary failure)"), "{e}");
    }
    let asked = heard.lock().unwrap().iter().filter(|said| said.contains("mg")).count();
    assert_eq!(asked, 4, "two for each half");
}

/// An item that finds no room says nothing of the server.
#[test]
fn a_full_server_keeps_its_connections() {
    let (address, heard) = fake(|_, command| match command.split(' ').next().unwrap() {
        "ms" => "SERVER_ERROR out of memory storing object\r\n".to_owned(),
        _ => sound(command),
    });
    let cache = cache(address);
    for _ in 0..3 {
        for e in both(&cache, "set", |cache| cache.set("k", "v", MINUTE)).map(Result::unwrap_err) {
            assert_eq!(e.kind(), ErrorKind::Storage, "{e}");
            assert!(
                e.to_string().contains("(out of memory storing object); start it with more memory"),
                "{e}"
            );
        }
    }
    let heard = heard.lock().unwrap();
    let sync = heard.iter().filter(|said| said.starts_with("0 ms")).count();
    assert_eq!(sync, 3, "{heard:?}");
    assert_eq!(heard.iter().filter(|said| said.contains(" ms")).count(), 6, "each was sent once: {heard:?}");
}

/// A real server at its limit: overload, and not a wrong server.
#[test]
fn too_many_connections_are_overload() {
    // The limit covers all descriptors, including the server's own: three connections are left.
    let Some(server) = or_skip(Server::memcached(&["-c", "24", "-t", "1"])) else { return };
    let mut held = Vec::new();
    // The server's answer, not a count: how many descriptors it has of its own differs.
    loop {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(b"version\r\n").unwrap();
        let mut line = String::new();
        BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
        if line.contains("Too many") {
            break;
        }
        held.push(stream);
    }
    let cache = cache(server.address());
    let degrading = options(server.address()).build().unwrap();
    let degrading = Cache::builder(degrading).on_error(OnError::Fallback).build().unwrap();
    let runtime = runtime();
    for (name, call) in CALLS {
        for e in [call(&cache).unwrap_err(), runtime.block_on(call_async(&cache, name)).unwrap_err()] {
            assert_eq!(e.kind(), ErrorKind::Unavailable, "{name}: {e}");
            let text = e.to_string();
            assert!(text.contains("higher -c") && !text.contains("version"), "{name}: {text}");
        }
    }
    assert_eq!(degrading.get::<String>("k").unwrap(), None);
    assert_eq!(runtime.block_on(degrading.aget::<String>("k")).unwrap(), None);
    assert_eq!(degrading.degraded(), 2);
    drop(held);
    conformance_tests::faults::until_ok(|| cache.set("k", "v", MINUTE));
    assert_eq!(cache.get::<String>("k").unwrap().unwrap(), "v");
}

/// On a connection that is not the first, and so says no version.
#[test]
fn too_many_connections_later_are_overload_too() {
    let full = Arc::new(AtomicUsize::new(0));
    let look = Arc::clone(&full);
    let (address, _) = fake(move |_, command| match look.load(Ordering::SeqCst) {
        0 => sound(command),
        _ => "ERROR Too many open connections\r\n".to_owned(),
    });
    let cache = cache(address);
    cache.set("k", "v", MINUTE).unwrap();
    full.store(1, Ordering::SeqCst);
    for (name, call) in CALLS {
        for e in both(&cache, name, call).map(Result::unwrap_err) {
            assert_eq!(e.kind(), ErrorKind::Unavailable, "{name}: {e}");
            assert!(e.to_string().contains("higher -c"), "{name}: {e}");
        }
    }
}

/// A real server that wants a log-in (`-Y`).
#[test]
fn a_log_in_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("users");
    std::fs::write(&file, "app:secret\n").unwrap();
    let Some(server) = or_skip(Server::memcached(&["-Y", file.to_str().unwrap()])) else { return };
    let cache = cache(server.address());
    let runtime = runtime();
    for (name, call) in CALLS {
        for e in [call(&cache).unwrap_err(), runtime.block_on(call_async(&cache, name)).unwrap_err()] {
            assert_eq!(e.kind(), ErrorKind::Rejected, "{name}: {e}");
            let text = e.to_string();
            assert!(text.contains("wants a log-in (unauthenticated)") && !text.contains("version"), "{text}");
        }
    }
    for reason in ["CLIENT_ERROR authentication failure", "SERVER_ERROR unauthorized, null bucket"] {
        let (address, _) = fake(move |_, command| match command {
            "version" => sound(command),
            _ => format!("{reason}\r\n"),
        });
        for e in both(&common::cache(address), "get", |cache| cache.get::<String>("k").map(drop)) {
            let e = e.unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Rejected, "{e}");
            assert!(e.to_string().contains("wants a log-in"), "{e}");
        }
    }
}

/// TLS and SASL close the connection without a word of memcached's.
#[test]
fn a_server_that_hangs_up_is_explained() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // It reads the first request, so that closing is not a reset.
            let _ = stream.read(&mut [0; 100]);
        }
    });
    let cache = Cache::new(options(address).operation_timeout(MINUTE).build().unwrap());
    for e in both(&cache, "get", |cache| cache.get::<String>("k").map(drop)).map(Result::unwrap_err) {
        assert_eq!(e.kind(), ErrorKind::Unavailable, "{e}");
        assert!(e.to_string().contains("speaks TLS (-Z)"), "{e}");
    }
}

/// What a server says reaches no terminal raw, and what it quotes is nobody's to see.
#[test]
fn the_words_of_a_server_are_cleaned() {
    let secret = "hunter2";
    let hostile = "bad \u{1b}[2J\u{9b}31m\u{202e} 'hunter2' it's \u{7f}";
    for place in ["CLIENT_ERROR", "SERVER_ERROR", "ERROR", "version", "stats"] {
        let (address, _) = fake(move |_, command| match (place, command) {
            ("version", "version") => format!("VERSION {hostile}\r\n"),
            (_, "version") => sound(command),
            ("stats", "stats") => {
                format!("STAT version {hostile}\r\nSTAT limit_maxbytes {hostile}\r\nEND\r\n")
            }
            _ => format!("{place} {hostile}\r\n"),
        });
        let cache: Cache<MemcachedCache> = common::cache(address);
        let shown = if place == "stats" {
            format!(
                "{:?}",
                cache.info().unwrap().servers.iter().map(|(_, text)| text.clone()).collect::<String>()
            )
        } else {
            let e = cache.get::<String>("k").unwrap_err();
            assert!(place == "version" || e.to_string().contains("\"mg\""), "the command is not named: {e}");
            format!("{e} {}", conformance_tests::faults::shown(&e))
        };
        assert!(shown.contains("bad"), "{place}: {shown}");
        assert!(!shown.contains(secret), "{place}: {shown}");
        let raw = shown.chars().find(|&c| (c.is_control() && c != '\n') || c == '\u{202e}');
        assert_eq!(raw, None, "{place}: {shown:?}");
    }
}
