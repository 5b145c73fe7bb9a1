//! Every command on values, keys and stores, on SQLite, files, memcached and Redis.

use conformance_tests::servers::{Server, or_skip};

use crate::session::Session;

fn tour(session: &mut Session) {
    for (key, value) in [
        ("text", "\"hello\""),
        ("number", "41"),
        ("list", "[1, 2.5, null, {\"a\": \"b\"}]"),
        ("big", "9223372036854775807"),
    ] {
        session.call(&["set", key, value]);
    }
    session.call(&["ping"]);
    session.call(&["get", "text"]);
    session.call(&["get", "number", "--json"]);
    session.call(&["get", "list"]);
    session.call(&["get", "nothing"]);
    session.call(&["get", "nothing", "--json"]);
    session.call_with(&["set", "piped", "-", "--timeout", "5m"], "{\"from\": \"standard input\"}\n");
    session.call(&["get", "piped"]);
    session.call(&["set", "negative", "-7", "--version", "2"]);
    session.call(&["get", "negative"]);
    session.call(&["get", "negative", "--version", "2"]);
    session.call(&["set", "k", "{broken"]);
    session.call(&["add", "text", "1"]);
    session.call(&["add", "new", "1", "--timeout", "never"]);
    session.call(&["has-key", "new"]);
    session.call(&["has-key", "nothing", "--json"]);
    session.call(&["touch", "new", "--timeout", "1h30m"]);
    session.call(&["touch", "new", "--timeout", "0"]);
    session.call(&["touch", "new"]);
    session.call(&["delete", "text"]);
    session.call(&["delete", "text"]);
    session.call(&["incr", "number"]);
    session.call(&["incr", "number", "-50"]);
    session.call(&["decr", "number", "8", "--json"]);
    session.call(&["incr", "nothing"]);
    session.call(&["incr", "list"]);
    session.call(&["incr", "big"]);
    session.call(&["incr-version", "number"]);
    session.call(&["get", "number", "--version", "2"]);
    session.call(&["decr-version", "number", "--version", "2"]);
    session.call(&["incr-version", "nothing"]);
    session.call_with(&["set-many", "--timeout", "60"], "{\"a\": 1, \"b\": [true], \"c\": \"x\"}");
    session.call_with(&["set-many"], "[1]");
    session.call_with(&["set-many"], "");
    session.call(&["get-many", "c", "a"]);
    session.call(&["get-many", "a", "nothing", "--json"]);
    session.call(&["delete-many", "a", "b", "nothing"]);
    session.call(&["get-many", "a", "b", "c"]);
    session.call(&["make-key", "k", "--version", "-3"]);
    session.call(&["decode", "number"]);
    session.call(&["decode", "list"]);
    session.call(&["decode", "c", "--json"]);
    session.call(&["decode", "nothing"]);
    session.call(&["purge-expired"]);
    session.call(&["purge-expired", "--json"]);
    session.call(&["createcachetable", "--dry-run"]);
    session.call(&["createcachetable"]);
    session.call(&["clear"]);
    session.call(&["get-many", "c", "number"]);
    session.call(&["check"]);
}

pub(crate) fn entries(session: &Session) -> u64 {
    let (said, errors, status) = session.run(&["info", "--json"], "");
    assert_eq!(status, 0, "{errors}");
    let info: serde_json::Value = serde_json::from_str(&said).unwrap();
    info["entries"].as_u64().unwrap()
}

/// Figures for each operation.
fn bench(session: &Session) {
    let arguments = ["bench", "--seconds", "0.05", "--size", "10", "--threads", "2", "--json"];
    let (said, errors, status) = session.run(&arguments, "");
    assert_eq!(status, 0, "{errors}");
    let figures: serde_json::Value = serde_json::from_str(&said).unwrap();
    for operation in ["set", "get", "get_miss", "has_key", "touch", "incr"] {
        assert!(figures[operation]["calls_per_second"].as_f64().unwrap() > 0.0, "{said}");
        let (median, most) = (&figures[operation]["median_us"], &figures[operation]["p99_us"]);
        assert!(median.as_f64().unwrap() <= most.as_f64().unwrap(), "{said}");
    }
    let (said, _, status) = session.run(&["bench", "--seconds", "0.01"], "");
    assert_eq!((status, said.lines().count()), (0, 7), "{said}");
}

#[test]
fn sqlite() {
    let mut session = Session::new();
    let url = format!("sqlite://{}/cache.db?max_entries=unlimited", session.dir().display());
    session.before(&["--url", &url]);
    tour(&mut session);
    session.call(&["set", "kept", "1"]);
    bench(&session);
    assert_eq!(entries(&session), 1);
    let (info, _, _) = session.run(&["info"], "");
    assert!(info.contains("database   DIR/cache.db\n") && info.contains("SQLite     3."), "{info}");
    assert!(info.contains("evictions  0\n"), "{info}");
    session.compare("sqlite");
}

#[test]
fn file() {
    let mut session = Session::new();
    let url = format!("file://{}/cache?max_entries=unlimited", session.dir().display());
    session.before(&["--url", &url]);
    tour(&mut session);
    session.call(&["set", "kept", "1"]);
    bench(&session);
    assert_eq!(entries(&session), 1);
    session.call(&["info"]);
    session.compare("file");
}

#[test]
fn memcached() {
    let Some(server) = or_skip(Server::memcached(&[])) else { return };
    let mut session = Session::on_server("memcached", server.address());
    session.replace(server.address().to_string(), "SERVER");
    tour(&mut session);
    // What was cleared is counted by memcached until it comes across it.
    let before = entries(&session);
    bench(&session);
    assert!(entries(&session) <= before);
    let (info, _, _) = session.run(&["info"], "");
    assert!(info.contains("hit ratio") && info.contains("server SERVER  memcached 1."), "{info}");
    drop(server);
    session.call(&["ping"]);
    session.call(&["get", "k"]);
    session.call(&["check"]);
    session.compare("memcached");
}

#[test]
fn redis() {
    let Some(server) = or_skip(Server::redis(&[])) else { return };
    let mut session = Session::on_server("redis", format_args!("{}/1", server.address()));
    session.replace(server.address().to_string(), "SERVER");
    tour(&mut session);
    session.call(&["set", "kept", "1"]);
    bench(&session);
    assert_eq!(entries(&session), 1);
    let (info, _, _) = session.run(&["info"], "");
    assert!(info.contains("hit ratio") && info.contains("SERVER"), "{info}");
    assert!(info.contains("  Redis ") || info.contains("  Valkey "), "{info}");
    drop(server);
    session.call(&["ping"]);
    session.call(&["set", "k", "1"]);
    session.call(&["check"]);
    session.compare("redis");
}
