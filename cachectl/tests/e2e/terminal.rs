//! What is asked on a terminal before something is destroyed.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::session::Session;

/// Calls the program on a terminal of its own, on which `answer` is typed once it asks: what the terminal
/// shows, and the exit status.
fn on_a_terminal(url: &str, arguments: &[&str], answer: &str) -> (String, i32) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_cachectl"))
        .args(["--url", url])
        .args(arguments)
        .env_clear()
        .stdin(theirs.try_clone().unwrap())
        .stdout(Stdio::null())
        .stderr(theirs)
        .spawn()
        .unwrap();
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
