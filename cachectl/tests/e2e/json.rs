//! `--json`: names that stay, errors as objects, and what else a program relies on.

use serde_json::Value;

use crate::session::Session;

/// Every name in an answer, but those within what the user stored.
fn names(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (name, value) in entries {
                found.push(name.clone());
                if !["value", "found"].contains(&&**name) {
                    names(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

fn object(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "{text}");
    let value: Value = serde_json::from_str(text).unwrap();
    assert!(value.is_object(), "{text}");
    value
}

fn check_names(value: &Value) {
    let mut found = Vec::new();
    names(value, &mut found);
    let is_snake = |name: &String| {
        name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') && !name.is_empty()
    };
    let others: Vec<_> = found.iter().filter(|name| !is_snake(name)).collect();
    assert!(others.is_empty(), "{others:?}: {value}");
}

fn tour(session: &Session) {
    for (arguments, input) in [
        (&["set", "k", "1"][..], ""),
        (&["get", "k"], ""),
        (&["get", "nothing"], ""),
        (&["add", "k", "1"], ""),
        (&["touch", "k"], ""),
        (&["has-key", "k"], ""),
        (&["set-many"], "{\"a key\": 1, \"b\": 2}"),
        (&["get-many", "k", "b"], ""),
        (&["incr", "k"], ""),
        (&["incr-version", "k"], ""),
        (&["make-key", "k"], ""),
        (&["decode", "b"], ""),
        (&["ping"], ""),
        (&["info"], ""),
        (&["check"], ""),
        (&["purge-expired"], ""),
        (&["bench", "--seconds", "0.01"], ""),
        (&["delete-many", "b", "nothing"], ""),
        (&["delete", "k"], ""),
        (&["clear"], ""),
        (&["completions", "bash"], ""),
    ] {
        let arguments = [arguments, &["--json"]].concat();
        let (said, errors, status) = session.run(&arguments, input);
        assert!(status < 2 && errors.is_empty(), "{arguments:?}: {errors}");
        check_names(&object(&said));
    }
}

#[test]
fn names_are_stable_on_files_and_a_database() {
    for scheme in ["file", "sqlite"] {
        let session = Session::new();
        let url = format!("{scheme}://{}/store?max_entries=unlimited", session.dir().display());
        let mut session = session;
        session.before(&["--url", &url]);
        tour(&session);
    }
}

#[test]
fn names_hold_no_address() {
    use conformance_tests::servers::{Server, or_skip};

    for (scheme, server) in [("redis", Server::redis(&[])), ("memcached", Server::memcached(&[]))] {
        let Some(server) = or_skip(server) else { continue };
        let address = server.address().to_string();
        let session = Session::on_server(scheme, &address);
        let (said, errors, status) = session.run(&["info", "--json"], "");
        assert_eq!((status, &*errors), (0, ""));
        let info = object(&said);
        check_names(&info);
        assert!(info["servers"][0]["server"].as_str().unwrap().contains(&address), "{said}");
        assert!(info["servers"][0]["version"].as_str().unwrap().contains(char::is_numeric), "{said}");
    }
}

#[test]
fn errors_are_objects_too() {
    let session = Session::new();
    let file =
        session.file("s.toml", "[caches.default]\nurl = \"locmem://\"\n[caches.bad]\nbackend = \"x\"\n");
    let file = file.display().to_string();
    for (arguments, kind, status) in [
        (&["--json", "--url", "locmem://", "gett"][..], "usage", 2),
        (&["--json"], "usage", 2),
        (&["get", "--json"], "usage", 2),
        (&["--url", "locmem://", "set", "k", "{", "--json"], "usage", 2),
        (&["--url", "locmem://", "--json", "set", "k", "1", "--timeout", "-1"], "usage", 2),
        (&["--url", "locmem://", "--json", "bench", "--seconds", "0"], "usage", 2),
        (&["--url", "locmem://", "incr", "k", "--json"], "key_not_found", 1),
        (&["--url", "memcached://127.0.0.1:1", "get", "a key", "--json"], "invalid_cache_key", 2),
        (&["--url", "redis://127.0.0.1:1", "ping", "--json"], "unavailable", 3),
        (&["--url", "redis://127.0.0.1:port", "ping", "--json"], "invalid_cache_backend", 2),
        (&["--settings", &file, "--cache", "bad", "get", "k", "--json"], "invalid_cache_backend", 2),
        (&["--settings", "absent.toml", "check", "--json"], "invalid_cache_backend", 2),
    ] {
        let (said, errors, ended) = session.run(arguments, "");
        assert_eq!((&*said, ended), ("", status), "{arguments:?}: {errors}");
        let error = object(&errors);
        check_names(&error);
        let error = &error["error"];
        assert_eq!(error["kind"], kind, "{errors}");
        assert_eq!(error["exit_status"], status, "{errors}");
        assert!(!error["message"].as_str().unwrap().is_empty(), "{errors}");
    }
    let (_, errors, _) = session.run(&["--url", "locmem://", "incr", "k", "--json"], "");
    assert_eq!(object(&errors)["error"]["key"], ":1:k");
    // Behind -- it is a key.
    let (_, errors, _) = session.run(&["--url", "locmem://", "get", "a", "--", "--json"], "");
    assert!(errors.starts_with("cachectl: "), "{errors}");
}

#[test]
fn delete_many_says_how_many_it_removed() {
    let session = Session::new();
    let url = format!("file://{}/cache", session.dir().display());
    let mut session = session;
    session.before(&["--url", &url]);
    assert_eq!(session.run(&["set-many"], "{\"a\": 1, \"b\": 2, \"c\": 3}").2, 0);
    assert_eq!(session.run(&["delete-many", "a", "nothing", "a"], ""), ("1\n".into(), String::new(), 0));
    assert_eq!(session.run(&["delete-many", "b", "c", "--json"], "").0, "{\"removed\":2}\n");
    assert_eq!(session.run(&["delete-many", "b", "c"], "").0, "0\n");
}

#[test]
fn a_negative_timeout_is_a_wrong_command_line() {
    let session = Session::new();
    let url = format!("file://{}/cache", session.dir().display());
    let mut session = session;
    session.before(&["--url", &url]);
    assert_eq!(session.run(&["set", "k", "1"], "").2, 0);
    for command in [&["set", "k", "2"][..], &["add", "new", "2"], &["touch", "k"], &["set-many"]] {
        for timeout in ["-1", "-0.5", "-5m", "-never"] {
            for arguments in [["--timeout", timeout].to_vec(), vec![&*format!("--timeout={timeout}")]] {
                let (said, errors, status) = session.run(&[command, &arguments].concat(), "{\"k\": 2}");
                assert_eq!((&*said, status), ("", 2), "{command:?} {arguments:?}: {errors}");
            }
        }
    }
    assert_eq!(session.run(&["get", "k"], "").0, "1\n", "nothing was changed");
}
