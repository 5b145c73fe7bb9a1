//! Commands on a store that does not exist yet: reads create nothing, and `ping` and `check` say so.

use crate::session::Session;

/// Everything below the directory.
fn files(session: &Session) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![session.dir().to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}

const SAID: &str = "the store does not exist yet; the first write creates it";

#[test]
fn what_reads_creates_nothing() {
    for url in [
        "file://DIR/cache",
        "file://DIR/cache?layout=django&codec=pickle",
        "sqlite://DIR/cache.db",
        "sqlite://DIR/a/b/cache.db?layout=django&codec=pickle",
    ] {
        let mut session = Session::new();
        let url = url.replace("DIR", &session.dir().display().to_string());
        session.before(&["--url", &url]);
        let (said, errors, status) = session.run(&["ping"], "");
        assert_eq!((&*said, status), ("", 3), "{url}: {errors}");
        assert_eq!(errors, format!("cachectl: {SAID}\n"), "{url}");
        let (_, errors, status) = session.run(&["ping", "--json"], "");
        assert!(status == 3 && errors.contains("\"kind\":\"absent\""), "{url}: {errors}");
        let (said, _, status) = session.run(&["check"], "");
        assert_eq!((said, status), (format!("cache \"default\": warning: {SAID}\n"), 0), "{url}");
        let (said, _, status) = session.run(&["check", "--json"], "");
        assert!(status == 0 && said.contains("\"status\":\"warning\""), "{url}: {said}");
        for (arguments, expected) in [
            (&["info"][..], 0),
            (&["get", "k"], 1),
            (&["get", "k", "--raw"], 1),
            (&["get-many", "k"], 1),
            (&["has-key", "k"], 1),
            (&["decode", "k"], 1),
            (&["make-key", "k"], 0),
            (&["createcachetable", "--dry-run"], if url.starts_with("sqlite") { 0 } else { 2 }),
        ] {
            let (_, errors, status) = session.run(arguments, "");
            assert_eq!(status, expected, "{url} {arguments:?}: {errors}");
        }
        assert_eq!(files(&session), Vec::<std::path::PathBuf>::new(), "{url}");
        assert_eq!(session.run(&["set", "k", "1"], "").2, 0, "{url}");
        assert_eq!(session.run(&["ping"], "").0, "pong\n", "{url}");
        assert_eq!(session.run(&["check"], "").0, "cache \"default\": ok\n", "{url}");
    }
}

#[test]
fn a_path_in_a_directory_that_is_not_there_looks_no_better() {
    for url in [
        "file://DIR/none/cache",
        "file://DIR/none/such/cache",
        "sqlite://DIR/none/app.db",
        "sqlite://DIR/none/such/app.db",
    ] {
        let mut session = Session::new();
        let url = url.replace("DIR", &session.dir().display().to_string());
        session.before(&["--url", &url]);
        for command in ["ping", "check", "info"] {
            let (said, errors, status) = session.run(&[command], "");
            assert!(!said.contains("pong") && !said.contains(": ok"), "{url} {command}: {said}");
            assert!(command != "ping" || status == 3, "{url}: {errors}");
        }
        assert_eq!(session.run(&["get", "k"], "").2, 1, "{url}");
        assert_eq!(files(&session), Vec::<std::path::PathBuf>::new(), "{url}");
    }
}
