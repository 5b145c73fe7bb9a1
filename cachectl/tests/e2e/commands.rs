//! What does not depend on a backend: the command line itself, help, completions.

use crate::session::Session;

#[test]
fn wrong_command_lines() {
    let mut session = Session::with_url("locmem://");
    for arguments in [
        &["gett", "k"][..],
        &["get"],
        &["get", "a", "b"],
        &["get-many"],
        &["set", "k"],
        &["set", "k", "hello"],
        &["set", "k", "1", "--timeout", "soon"],
        &["set", "k", "1", "--timeot", "5"],
        &["touch", "k", "--timeout", "5 minutes"],
        &["get", "k", "--version", "two"],
        &["incr", "k", "1.5"],
        &["incr", "k", "9223372036854775808"],
        &["get", "k", "--cache", "other"],
        &["get", "k", "--settings", "x.toml"],
        &["bench", "--seconds", "0"],
        &["bench", "--seconds", "nan"],
        &["bench", "--threads", "0"],
        &["completions", "tcsh"],
        &["createcachetable"],
    ] {
        session.call(arguments);
    }
    session.compare("wrong_command_lines");
}

#[test]
fn help() {
    let mut session = Session::new();
    if cfg!(feature = "conformance") {
        session.call(&["--help"]);
    }
    session.call(&["set", "--help"]);
    if cfg!(feature = "conformance") {
        session.compare("help");
    }
    let (version, _, status) = Session::new().run(&["--version"], "");
    assert_eq!((version.trim(), status), (concat!("cachectl ", env!("CARGO_PKG_VERSION")), 0));
    // Without a command there is nothing to do, and the help says what there is.
    let (said, errors, status) = Session::new().run(&[], "");
    assert_eq!((&*said, status), ("", 2));
    assert!(errors.starts_with("cachectl: "), "{errors}");
}

#[test]
fn completions_know_the_commands() {
    let session = Session::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (script, errors, status) = session.run(&["completions", shell], "");
        assert_eq!((status, &*errors), (0, ""), "{shell}");
        for word in ["createcachetable", "incr-version", "settings"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    let (script, _, _) = session.run(&["completions", "bash", "--json"], "");
    let script: serde_json::Value = serde_json::from_str(&script).unwrap();
    assert!(script["script"].as_str().unwrap().contains("_cachectl"));
}

#[test]
fn whoever_stops_reading_is_no_error() {
    let script = format!("{} completions bash | head -n 1", env!("CARGO_BIN_EXE_cachectl"));
    let ended = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(ended.status.success());
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}
