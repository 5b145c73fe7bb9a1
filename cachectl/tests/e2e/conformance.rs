//! `conformance` on SQLite, files, memory, memcached and Redis. A few checks: all of them are what each
//! backend's own tests run.

use conformance_tests::servers::{Server, or_skip};

use crate::backends::entries;
use crate::session::Session;

fn checks(session: &mut Session, name: &str) {
    session.call(&["set", "kept", "1"]);
    let before = entries(session);
    session.call(&["conformance", "B::set_get"]);
    // Its processes are this program with the same arguments.
    session.call(&["conformance", "C::proc_visibility"]);
    session.call(&["conformance", "L::clear_empties"]);
    session.call(&["conformance", "no such check"]);
    let (lines, errors, status) = session.run(&["conformance", "K::", "--json"], "");
    assert_eq!(status, 0, "{name}: {lines}{errors}");
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (sum, checks) = lines.split_last().unwrap();
    assert!(checks.len() > 20, "{lines:?}");
    assert!(checks.iter().all(|line| line["check"].as_str().unwrap().starts_with("K::")));
    let passed = checks.iter().filter(|line| line["status"] == "pass").count();
    assert_eq!((sum["pass"].as_u64().unwrap(), sum["fail"].as_u64().unwrap()), (passed as u64, 0));
    assert!(passed * 2 > checks.len(), "{lines:?}");
    assert_eq!(entries(session), before, "{name}: it leaves nothing behind");
    session.call(&["get", "kept"]);
}

#[test]
fn sqlite() {
    let mut session = Session::new();
    let url = format!("sqlite://{}/cache.db?max_entries=unlimited", session.dir().display());
    session.before(&["--url", &url]);
    checks(&mut session, "sqlite");
    session.compare("conformance_sqlite");
}

#[test]
fn file() {
    let mut session = Session::new();
    let url = format!("file://{}/cache?max_entries=unlimited", session.dir().display());
    session.before(&["--url", &url]);
    checks(&mut session, "file");
    session.compare("conformance_file");
}

#[test]
fn memcached() {
    let Some(server) = or_skip(Server::memcached(&[])) else { return };
    let mut session = Session::on_server("memcached", server.address());
    checks(&mut session, "memcached");
    session.compare("conformance_memcached");
}

#[test]
fn redis() {
    let Some(server) = or_skip(Server::redis(&[])) else { return };
    let mut session = Session::on_server("redis", format_args!("{}/1", server.address()));
    checks(&mut session, "redis");
    session.compare("conformance_redis");
}

#[test]
fn what_cannot_be_checked() {
    let mut session = Session::new();
    for url in ["locmem://", "locmem://?max_entries=unlimited", "dummy://", "redis://127.0.0.1:1"] {
        session.title(url);
        session.call(&["--url", url, "conformance", "B::set_get"]);
    }
    session.compare("conformance");
}
