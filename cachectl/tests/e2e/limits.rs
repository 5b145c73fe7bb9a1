//! Settings that name no limit cost no cache an entry.

use crate::backends::entries;
use crate::session::Session;

/// The caches of this project that have a limit, as the beginning of a URL.
const STORES: [&str; 4] = [
    "sqlite://DIR/own.db?",
    "file://DIR/own?",
    "sqlite://DIR/django.db?layout=django&",
    "file://DIR/django?layout=django&",
];

/// This many entries, as a JSON object.
fn object(keys: std::ops::Range<usize>) -> String {
    let entries: Vec<String> = keys.map(|n| format!("\"k{n}\": {n}")).collect();
    format!("{{{}}}", entries.join(", "))
}

fn done(session: &Session, arguments: &[&str], input: &str) {
    let (said, errors, status) = session.run(arguments, input);
    assert_eq!((status, &*errors), (0, ""), "{arguments:?}: {said}");
}

/// A session for this store and this addition to its URL.
fn with(session: &mut Session, store: &str, more: &str) {
    let url = format!("{store}{more}").replace("DIR", &session.dir().display().to_string());
    session.before(&["--url", &url]);
}

/// Everything that may add an entry: five of them.
fn write_in_all_ways(session: &Session) {
    done(session, &["set", "probe", "1"], "");
    done(session, &["incr", "probe"], "");
    done(session, &["add", "added", "1"], "");
    done(session, &["set-many"], "{\"a\": 1, \"b\": 2, \"c\": 3}");
    done(session, &["incr-version", "a"], "");
    done(session, &["touch", "b"], "");
    done(session, &["delete", "c"], "");
    done(session, &["set", "c", "3"], "");
}

#[test]
fn a_url_without_a_limit_evicts_nothing() {
    for store in STORES {
        let mut session = Session::new();
        with(&mut session, store, "max_entries=100000");
        done(&session, &["set-many", "--timeout", "never"], &object(0..800));
        with(&mut session, store, "");
        write_in_all_ways(&session);
        assert_eq!(entries(&session), 805, "entries in {store} after 5 new ones by a URL without a limit");
        // Also where nothing was ever named.
        with(&mut session, &store.replace("DIR/", "DIR/new-"), "");
        done(&session, &["set-many", "--timeout", "never"], &object(0..400));
        write_in_all_ways(&session);
        assert_eq!(entries(&session), 405, "entries in {store} that nobody named a limit for");
    }
}

#[test]
fn a_limit_that_is_named_is_kept_and_shown() {
    for store in STORES {
        let mut session = Session::new();
        with(&mut session, store, "max_entries=unlimited");
        done(&session, &["set-many", "--timeout", "never"], &object(0..400));
        with(&mut session, store, "max_entries=10");
        for n in 0..400 {
            done(&session, &["set", &format!("new{n}"), "1"], "");
            if entries(&session) <= 10 {
                break;
            }
        }
        assert!(entries(&session) <= 10, "{store}: {} entries where 10 are the most", entries(&session));
        let (said, errors, _) = session.run(&["info"], "");
        assert!(
            said.lines().any(|line| line.starts_with("max") && line.ends_with(" 10")),
            "no limit of 10 in {said}{errors}"
        );
        // If the store remembers it, it applies to handles that name none.
        if !store.contains("django") {
            with(&mut session, store, "");
            done(&session, &["set-many"], &object(0..50));
            assert!(entries(&session) <= 10, "{store}: {} entries where 10 are the most", entries(&session));
        }
    }
}

#[test]
fn settings_without_a_limit_evict_nothing() {
    const CACHES: &str = r#"
[caches.default]
backend = "sqlite"
location = "DIR/own.db"

[caches.files]
backend = "file"
location = "DIR/own"

[caches.table]
backend = "django.core.cache.backends.db.DatabaseCache"
location = "my_cache_table"
options = { path = "DIR/app.db", layout = "django" }

[caches.directory]
backend = "django.core.cache.backends.filebased.FileBasedCache"
location = "DIR/django"
options = { layout = "django" }
"#;
    let mut session = Session::new();
    let lifted = CACHES.replace("own.db\"\n", "own.db\"\noptions = { max_entries = \"unlimited\" }\n");
    let lifted = lifted.replace("own\"\n", "own\"\noptions = { max_entries = \"unlimited\" }\n");
    let service = session.file("service.toml", &lifted).display().to_string();
    let tool = session.file("tool.toml", CACHES).display().to_string();
    for alias in ["default", "files", "table", "directory"] {
        session.before(&["--settings", &service, "--cache", alias]);
        done(&session, &["set-many", "--timeout", "never"], &object(0..500));
        session.before(&["--settings", &tool, "--cache", alias]);
        write_in_all_ways(&session);
        assert_eq!(entries(&session), 505, "entries in {alias} after 5 new ones by settings without a limit");
    }
}

#[cfg(feature = "conformance")]
#[test]
fn the_suite_does_not_run_on_a_store_that_remembers_a_limit() {
    for store in &STORES[..2] {
        let mut session = Session::new();
        with(&mut session, store, "max_entries=100");
        done(&session, &["set-many"], &object(0..90));
        with(&mut session, store, "");
        let (_, errors, status) = session.run(&["conformance", "B::set_get"], "");
        assert_eq!(status, 2, "{errors}");
        assert!(errors.contains("has a limit of entries"), "{errors}");
        assert_eq!(entries(&session), 90, "{store}");
    }
}

#[test]
fn info_shows_what_a_service_evicted_where_the_store_remembers_it() {
    for store in STORES {
        let mut session = Session::new();
        with(&mut session, store, "max_entries=10");
        done(&session, &["set-many", "--timeout", "never"], &object(0..30));
        let gone = 30 - entries(&session);
        with(&mut session, store, "");
        let (text, ..) = session.run(&["info"], "");
        let (said, ..) = session.run(&["info", "--json"], "");
        let info: serde_json::Value = serde_json::from_str(&said).unwrap();
        let line = format!("evictions    {gone}");
        if store.contains("django") {
            assert!(!text.contains("evictions") && info.get("evictions").is_none(), "{store}: {text}{said}");
        } else {
            assert!(text.lines().any(|of_text| of_text == line), "{store}: {line:?} in {text}");
            assert_eq!(info["evictions"].as_u64(), Some(gone), "{store}: {said}");
        }
    }
}
