//! What a server says is a stranger's text: no control character of it reaches an error, a log or a terminal, and nothing
//! that the server quotes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use common::{MINUTE, at, build, run, shown};
use conformance_tests::faults::Log;

/// Characters that move a cursor, set a window's title, or turn the direction of writing.
const EVIL: &str = "\u{1b}]0;title\u{7}\u{9b}2J\u{202e}\u{2066}\u{200b}\u{7f}";

/// A server that answers every command with `reply`.
fn server(reply: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let reply = reply.clone();
            thread::spawn(move || {
                let mut request = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut request) {
                    let commands =
                        request[..read].split(|&b| b == b'\n').filter(|line| line.starts_with(b"*")).count();
                    if stream.write_all(reply.repeat(commands).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn is_harmless(text: &str) {
    let wrong = |c: &char| c.is_control() && *c != '\n' || EVIL.contains(*c) && !c.is_ascii();
    assert!(!text.chars().any(|c| wrong(&c)), "expected no character that moves a cursor in {text:?}");
    assert!(!text.contains("hunter2"), "expected nothing that the server quotes in {text:?}");
}

#[test]
fn errors_are_shown_without_control_characters_and_quotations() {
    let log = Log::everything();
    for reply in [
        format!("-ERR strange {EVIL} thing"),
        format!("-STRANGE{EVIL} thing"),
        format!("-ERR unknown thing '{EVIL}', with args beginning with: 'hunter2' "),
        format!("-NEWCODE don't know \"hunter2\" {EVIL}"),
        format!("-READONLY {EVIL} 'hunter2'"),
        format!("-MOVED 1 {EVIL}:1"),
    ] {
        let cache = build(at(server(reply.clone() + "\r\n")));
        for error in [
            cache.get::<i64>("k").unwrap_err(),
            cache.set("k", &1, MINUTE).unwrap_err(),
            cache.ping().unwrap_err(),
            run(cache.aget::<i64>("k")).unwrap_err(),
            run(cache.aset("k", &1, MINUTE)).unwrap_err(),
        ] {
            is_harmless(&shown(&error));
        }
        let error = cache.get::<i64>("k").unwrap_err().to_string();
        assert!(error.contains("refused GET"), "{reply:?}: expected that GET is named: {error}");
    }
    is_harmless(&log.text());
}

/// Words with an apostrophe are not cut at it.
#[test]
fn the_whole_text_is_shown() {
    let cache = build(at(server("-ERR it doesn't like this, and isn't sorry\r\n".to_owned())));
    let error = cache.get::<i64>("k").unwrap_err().to_string();
    assert!(error.ends_with("refused GET: ERR it doesn't like this, and isn't sorry"), "{error}");
}

#[test]
fn a_log_in_that_is_refused_is_named() {
    let refusing = server("-NEWCODE the 'hunter2' is wrong\r\n".to_owned());
    let cache = build(common::to(format!("redis://:hunter2@{refusing}/3")));
    for error in [cache.get::<i64>("k").unwrap_err(), run(cache.aget::<i64>("k")).unwrap_err()] {
        is_harmless(&shown(&error));
        assert!(error.to_string().contains("refused AUTH"), "expected that AUTH is named: {error}");
    }
}

#[test]
fn info_shows_a_version_without_control_characters() {
    // DBSIZE first, then INFO: one reply for both kinds would be wrong for one of them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut request = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut request) {
                    let said = format!("redis_version:7{EVIL}\r\n");
                    let reply = if String::from_utf8_lossy(&request[..read]).contains("DBSIZE") {
                        ":3\r\n".to_owned()
                    } else {
                        format!("${}\r\n{said}\r\n", said.len())
                    };
                    stream.write_all(reply.as_bytes()).unwrap();
                }
            });
        }
    });
    let cache = build(at(address));
    for info in [cache.info().unwrap(), run(cache.ainfo()).unwrap()] {
        assert_eq!(info.entries, Some(3));
        let said = info.servers.iter().chain(&info.details);
        let said: String = said.map(|(name, text)| format!("{name} {text}\n")).collect();
        assert!(said.contains("Redis 7"), "expected the version in {said:?}");
        is_harmless(&said);
    }
}

/// A member's name comes from the server too, and is shown as the address.
#[cfg(feature = "cluster")]
#[test]
fn a_cluster_names_no_members_that_are_none() {
    for host in [format!("h{EVIL}"), "a b".to_owned(), "h/../x".to_owned()] {
        let slots =
            format!("*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n${}\r\n{host}\r\n:1\r\n$1\r\nx\r\n", host.len());
        let cache = build(at(server(slots)).cluster());
        for error in [cache.get::<i64>("k").unwrap_err(), run(cache.aget::<i64>("k")).unwrap_err()] {
            assert_eq!(error.kind(), cache_core::ErrorKind::Rejected, "{error}");
            is_harmless(&shown(&error));
        }
    }
}
