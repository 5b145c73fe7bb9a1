//! `--raw`: bytes as they are, both ways.

use conformance_tests::servers::{Server, or_skip};

use crate::session::Session;

/// Every byte, in an order in which neither the ends nor the whole look like a string.
fn bytes() -> Vec<u8> {
    (0..=255).rev().chain(*b"\n\r\n\0").collect()
}

fn round_trip(session: &Session) {
    let bytes = bytes();
    for (key, given) in
        [("bytes", &*bytes), ("none", b""), ("newline", b"\n"), ("text", "h\u{9b}i".as_bytes())]
    {
        let (said, errors, status) = session.run_with_bytes(&["set", key, "-", "--raw"], given);
        assert_eq!((status, &*said, &*errors), (0, &b""[..], &b""[..]), "{key}");
        let (said, errors, status) = session.run_with_bytes(&["get", key, "--raw"], b"");
        assert_eq!((status, &*said, &*errors), (0, given, &b""[..]), "{key}");
    }
    let added = session.run_with_bytes(&["add", "added", "-", "--raw"], &bytes);
    assert_eq!((added.2, &*added.0), (0, &b"true\n"[..]));
    assert_eq!(session.run_with_bytes(&["get", "added", "--raw"], b"").0, bytes);
    assert_eq!(session.run_with_bytes(&["add", "added", "-", "--raw"], b"other").2, 1);
    // A string, a counter, and the argument itself.
    for (key, value) in [("a", "\"h\\u009bi\""), ("b", "-17"), ("c", "18446744073709551615")] {
        assert_eq!(session.run(&["set", key, value], "").2, 0);
    }
    assert_eq!(session.run(&["set", "d", "[1]", "--raw"], "").2, 0);
    for (key, raw) in [("a", "h\u{9b}i"), ("b", "-17"), ("c", "18446744073709551615"), ("d", "[1]")] {
        let (said, errors, status) = session.run(&["get", key, "--raw"], "");
        assert_eq!((&*said, &*errors, status), (raw, "", 0), "{key}");
    }
    assert_eq!(session.run(&["get", "nothing", "--raw"], ""), (String::new(), String::new(), 1));
    // What has no bytes of its own.
    assert_eq!(session.run(&["set", "list", "[{\"a\": 0.5}]"], "").2, 0);
    let (said, errors, status) = session.run(&["get", "list", "--raw"], "");
    assert_eq!((&*said, status), ("", 2));
    assert!(errors.contains("--raw gives bytes"), "{errors}");
    let (said, errors, status) = session.run(&["get", "bytes"], "");
    assert_eq!((&*said, status), ("", 2));
    assert!(errors.contains("get --raw"), "{errors}");
    assert_eq!(session.run(&["get", "bytes", "--raw", "--json"], "").2, 2);
    // Bytes that are not JSON, without --raw.
    let (_, errors, status) = session.run_with_bytes(&["set", "bytes", "-"], b"\xff");
    assert_eq!(status, 2);
    assert!(String::from_utf8(errors).unwrap().contains("--raw"));
    assert_eq!(session.run_with_bytes(&["get", "bytes", "--raw"], b"").0, bytes, "nothing was changed");
}

#[test]
fn files_and_sqlite() {
    for url in ["file://DIR/files", "sqlite://DIR/cache.db", "file://DIR/json?codec=json"] {
        let mut session = Session::new();
        let url = url.replace("DIR", &session.dir().display().to_string());
        session.before(&["--url", &url]);
        round_trip(&session);
    }
}

#[test]
fn servers() {
    for (scheme, server) in [("redis", Server::redis(&[])), ("memcached", Server::memcached(&[]))] {
        let Some(server) = or_skip(server) else { continue };
        round_trip(&Session::on_server(scheme, server.address()));
    }
}
