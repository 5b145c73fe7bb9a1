//! A file system without `flock`, such as some network mounts: reads go on, and each change says why it cannot be made.

use std::path::Path;
use std::process::ExitCode;

use cache_core::ErrorKind;
use conformance_tests::faults::{Injection, Strace, again};

use crate::common::dir;
use crate::store::{HOUR, Kind, Store};

/// What the kernel says where a file system has no locks.
const ERRORS: [&str; 4] = ["ENOLCK", "EOPNOTSUPP", "ENOSYS", "EINVAL"];

type Change = fn(&Store) -> cache_core::Result<()>;

const CHANGES: [(&str, Change); 6] = [
    ("set", |s| s.cache.set("k", &2, HOUR)),
    ("set-new", |s| s.cache.set("new", &2, HOUR)),
    ("add", |s| s.cache.add("new", &2, HOUR).map(drop)),
    ("incr", |s| s.cache.incr("k").map(drop)),
    ("delete", |s| s.cache.delete("k").map(drop)),
    ("clear", |s| s.cache.clear()),
];

pub(crate) fn no_locks(kind: Kind) {
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(e) => return eprintln!("skipped: {e}"),
    };
    for (number, (name, _)) in CHANGES.iter().enumerate() {
        let error = ERRORS[number % ERRORS.len()];
        let dir = dir();
        let store = kind.limited(dir.path(), 100);
        store.cache.set("k", &41, HOUR).unwrap();
        let command = again(&crate::job("lockless", kind, name, dir.path())).unwrap();
        let ended = strace.run(&command, "flock", 1, Injection::Error(error)).unwrap();
        // Nothing ended where the change takes no lock.
        assert_eq!(ended.and_then(|end| end.code()), Some(i32::from(REFUSED)), "{name}, {error}");
        // Nothing was done, and nothing is left.
        assert_eq!(store.cache.get::<i64>("k").unwrap(), Some(41), "{name}, {error}");
        assert_eq!((store.entry_files().len(), store.temp_files()), (1, 0), "{name}, {error}");
    }
}

const REFUSED: u8 = 7;

/// The worker: makes the change, whose first lock fails.
pub(crate) fn work(kind: Kind, change: &str, dir: &Path) -> ExitCode {
    let store = kind.limited(dir, 100);
    let (_, run) = CHANGES.iter().find(|(name, _)| *name == change).unwrap();
    let said = run(&store).unwrap_err();
    let text = said.to_string();
    assert_eq!(said.kind(), ErrorKind::Storage, "{text}");
    assert!(text.contains("has no locks (flock)") && text.contains("on a local disk"), "{text}");
    assert!(text.contains(dir.to_str().unwrap()), "{text}");
    // The next lock is one again.
    assert_eq!(store.cache.get::<i64>("k").unwrap(), Some(41));
    store.works().unwrap();
    store.cache.set("k", &41, HOUR).unwrap();
    ExitCode::from(REFUSED)
}
