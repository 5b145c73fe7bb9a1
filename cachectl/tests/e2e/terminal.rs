//! A terminal: what is asked before something is destroyed, and what may reach it of what is stored.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::session::Session;

/// Calls the program on a terminal of its own, on which `answer` is typed once it asks: what the terminal
/// shows, and the exit status.
fn on_a_terminal(url: &str, arguments: &[&str], answer: &str) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachectl"));
    command.args(["--url", url]).args(arguments).env_clear().stdout(Stdio::null());
    answered(command, answer, false)
}

/// The same of any command; with `all` its standard output is the terminal too.
fn answered(mut command: Command, answer: &str, all: bool) -> (String, i32) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    if all {
        command.stdout(theirs.try_clone().unwrap());
    }
    let mut process = command.stdin(theirs.try_clone().unwrap()).stderr(theirs).spawn().unwrap();
    // It holds the other side of the terminal.
    drop(command);
    let mut ours = File::from(ours);
    // Linux ends with an error once nobody has the other side any more.
    let (mut shown, mut byte) = (Vec::new(), [0]);
    while !answer.is_empty() && !shown.ends_with(b"[y/N] ") && ours.read(&mut byte).is_ok_and(|n| n > 0) {
        shown.push(byte[0]);
    }
    ours.write_all(answer.as_bytes()).unwrap();
    let _ = ours.read_to_end(&mut shown);
    let status = process.wait().unwrap().code().unwrap();
    (String::from_utf8(shown).unwrap(), status)
}

#[test]
fn what_destroys_asks_first() {
    let session = Session::new();
    let url = format!("file://{}/cache", session.dir().display());
    let is_there = || session.run(&["--url", &url, "has-key", "k"], "").2 == 0;
    for command in [&["clear"][..], &["delete-many", "k", "other"]] {
        assert_eq!(session.run(&["--url", &url, "set", "k", "1"], "").2, 0);
        for (answer, goes) in [("n\n", false), ("\n", false), ("y\n", true)] {
            let (shown, status) = on_a_terminal(&url, command, answer);
            assert!(shown.contains("? [y/N] "), "{command:?}: {shown}");
            assert_eq!(shown.contains("nothing was done"), !goes, "{command:?}: {shown}");
            assert_eq!(
                (status, is_there()),
                if goes { (0, false) } else { (2, true) },
                "{command:?} {answer:?}"
            );
        }
        assert_eq!(session.run(&["--url", &url, "set", "k", "1"], "").2, 0);
        let yes = [command, &["--yes"]].concat();
        let (shown, status) = on_a_terminal(&url, &yes, "");
        assert_eq!((&*shown, status, is_there()), ("", 0, false), "{yes:?}");
    }
}

#[test]
fn what_can_be_taken_back_asks_nothing() {
    let session = Session::new();
    let url = format!("file://{}/cache", session.dir().display());
    for command in [&["set", "k", "1"][..], &["touch", "k"], &["delete", "k"]] {
        assert_eq!(on_a_terminal(&url, command, ""), (String::new(), 0), "{command:?}");
    }
}

/// What a terminal obeys, or what changes how the text around it reads.
const OBEYED: [char; 14] = [
    '\u{1b}',
    '\u{7}',
    '\u{7f}',
    '\u{85}',
    '\u{9b}',
    '\u{9d}',
    '\u{ad}',
    '\u{200b}',
    '\u{202e}',
    '\u{2028}',
    '\u{2029}',
    '\u{2066}',
    '\u{feff}',
    '\u{e0041}',
];

fn hostile() -> String {
    OBEYED.iter().fold("x".to_owned(), |text, c| format!("{text}{c}]0;y"))
}

/// What a whole terminal shows of a call.
fn shown(session: &Session, arguments: &[&str]) -> String {
    let (shown, _) = answered(session.command(arguments), "", true);
    let others: Vec<char> = shown
        .chars()
        .filter(|&c| c != '\n' && c != '\r' && (c.is_control() || OBEYED.contains(&c)))
        .collect();
    assert!(others.is_empty(), "{arguments:?} sends {others:?} to the terminal: {shown:?}");
    shown
}

#[test]
fn stored_text_does_not_command_the_terminal() {
    let hostile = hostile();
    let mut session = Session::new();
    let dir = session.dir().display().to_string();
    let file = session.file(
        "settings.json",
        &serde_json::json!({
            "default": {"backend": "file", "location": format!("{dir}/{hostile}")},
            &*hostile: {"backend": "sqlite", "location": format!("{dir}/{hostile}.db"), "options": {"table": hostile}},
            "bad": {"backend": hostile},
            "option": {"backend": "locmem", "options": {&*hostile: 1}},
        })
        .to_string(),
    );
    session.before(&["--settings", &file.display().to_string()]);
    let json = serde_json::Value::from(&*hostile).to_string();
    for (cache, key) in [("default", &*hostile), (&*hostile, "k")] {
        assert_eq!(session.run(&["--cache", cache, "set", key, &json], "").2, 0);
    }
    let many = format!("{{{json}: [{json}]}}");
    assert_eq!(session.run_with_bytes(&["set-many"], many.as_bytes()).2, 0);
    assert_eq!(session.run(&["set", "text", &json], "").2, 0);
    // The same JSON, in other letters.
    for arguments in
        [&["get", "text"][..], &["get", "text", "--json"], &["get-many", "text"], &["get", &hostile]]
    {
        let said = shown(&session, arguments);
        let read: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
        assert!(read.to_string().contains(&*json), "{arguments:?}: {said}");
    }
    assert!(shown(&session, &["make-key", "a\u{9b}b\nc"]).ends_with("a\\u009bb\\u000ac\r\n"));
    for arguments in [
        &["decode", "text"][..],
        &["decode", &hostile],
        &["info"],
        &["--cache", &hostile, "info"],
        &["check"],
        &["check", "--json"],
        &["createcachetable", "--dry-run"],
        &["createcachetable"],
        &["--cache", "bad", "get", "k"],
        &["--cache", "option", "get", "k"],
        &["--cache", &hostile, "incr", "k"],
        &["--cache", &format!("no{hostile}"), "get", "k"],
        &["--settings", &hostile, "get", "k"],
        &["--settings", &hostile, "get", "k", "--json"],
        &[&hostile],
        &["get", "k", &hostile],
        &["get", "k", "--version", &hostile],
        &["set", "k", "1", "--timeout", &hostile],
        &["set", "k", &hostile],
        &["incr", &hostile],
        &["completions", &hostile],
    ] {
        assert!(!shown(&session, arguments).is_empty(), "{arguments:?}");
    }
    let question = answered(session.command(&["--cache", &hostile, "clear"]), "n\n", true).0;
    assert!(question.contains("[y/N]") && !question.contains(OBEYED), "{question:?}");
}

#[test]
fn errors_in_a_log_command_no_terminal_either() {
    let session = Session::with_url("locmem://");
    for arguments in [vec!["incr".to_owned(), hostile()], vec![hostile()]] {
        let arguments: Vec<&str> = arguments.iter().map(|argument| &**argument).collect();
        let (_, errors, _) = session.run(&arguments, "");
        assert!(errors.lines().count() == 1 && !errors.contains(OBEYED), "{errors:?}");
    }
}

#[test]
fn a_pipe_gets_the_text_as_it_is() {
    let mut session = Session::new();
    let url = format!("file://{}/cache", session.dir().display());
    session.before(&["--url", &url]);
    let key = hostile();
    let (made, _, _) = session.run(&["make-key", &key], "");
    assert_eq!(made, format!(":1:{key}\n"));
}

#[test]
fn raw_bytes_are_for_pipes() {
    let mut session = Session::new();
    let url = format!("file://{}/cache", session.dir().display());
    session.before(&["--url", &url]);
    assert_eq!(session.run_with_bytes(&["set", "k", "-", "--raw"], b"\x1b]0;y\x07\x9b2J").2, 0);
    let (said, status) = answered(session.command(&["get", "k", "--raw"]), "", true);
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("--raw writes bytes as they are") && !said.contains('\u{1b}'), "{said:?}");
}
