//! What is planted in the place of an entry, a temporary file, a subdirectory, the count or
//! the directory itself, and keys that look like paths.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use cache_core::{BaseCache as _, ErrorKind};
use conformance_tests::faults::{again, record};
use rustix::fs::{CWD, FileType, Mode, mkfifoat, mknodat};

use crate::common::dir;
use crate::store::{HOUR, Kind, Store};

/// Longer than any call may take, and shorter than a wait for a lock.
const HANGS: Duration = Duration::from_secs(4);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    /// Leads to what was in the place, moved away.
    Link,
    DanglingLink,
    /// Of the same file, moved away.
    HardLink,
    Fifo,
    Socket,
    Directory,
}

const THINGS: [Thing; 6] =
    [Thing::Link, Thing::DanglingLink, Thing::HardLink, Thing::Fifo, Thing::Socket, Thing::Directory];

/// What an operation said, and how long it took; nothing if it hangs. A thread that hangs ends with
/// this program.
fn within_limit(operation: Operation, store: Store) -> (Option<Result<bool, ErrorKind>>, Duration) {
    let (since, (tell, told)) = (Instant::now(), mpsc::channel());
    std::thread::spawn(move || tell.send(operation(&store).map_err(|e| e.kind())));
    (told.recv_timeout(HANGS).ok(), since.elapsed())
}

/// Puts `thing` in the place of `place`, and moves what was in the place to `outside`.
fn plant(thing: Thing, place: &Path, outside: &Path) {
    if place.symlink_metadata().is_ok() {
        fs::rename(place, outside).unwrap();
    } else {
        fs::write(outside, "theirs").unwrap();
    }
    let mode = Mode::RUSR | Mode::WUSR;
    match thing {
        Thing::Link => symlink(outside, place).unwrap(),
        Thing::DanglingLink => symlink(outside.with_file_name("nowhere"), place).unwrap(),
        Thing::HardLink => fs::hard_link(outside, place).unwrap(),
        Thing::Fifo => mkfifoat(CWD, place, mode).unwrap(),
        // As a node: a socket bound by its path may not have a path over 107 bytes.
        Thing::Socket => mknodat(CWD, place, FileType::Socket, mode, 0).unwrap(),
        Thing::Directory => {
            fs::create_dir(place).unwrap();
            fs::write(place.join("inside"), "theirs").unwrap();
        }
    }
}

/// Everything outside the cache's directory: names and contents.
fn snapshot(at: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(at).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            all.insert(entry.path(), Vec::new());
            snapshot(&entry.path(), all);
        } else {
            all.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
}

/// Whether an operation took what is planted for an entry.
type Operation = fn(&Store) -> cache_core::Result<bool>;

const OPERATIONS: [(&str, Operation); 12] = [
    ("get", |s| Ok(s.cache.get::<i64>("k")?.is_some())),
    ("get_many", |s| Ok(!s.cache.get_many::<i64, _>(["k"])?.is_empty())),
    ("has_key", |s| s.cache.has_key("k")),
    ("touch", |s| s.cache.touch("k", HOUR * 2)),
    ("incr", |s| s.cache.incr("k").map(|_| true)),
    ("incr_version", |s| s.cache.incr_version("k").map(|_| true)),
    ("delete", |s| s.cache.delete("k")),
    ("add", |s| s.cache.add("k", &1, HOUR).map(|added| !added)),
    ("set", |s| s.cache.set("k", &1, HOUR).map(|()| false)),
    ("set a new key", |s| s.cache.set("new", &1, HOUR).map(|()| false)),
    ("sweep", |s| s.backend.purge_expired().map(|_| false)),
    ("clear", |s| s.cache.clear().map(|()| false)),
];

/// The places of a store with one entry, under `k`; with true those where it must not be found.
fn places(store: &Store) -> Vec<(PathBuf, bool)> {
    let entry = store.only_file();
    let temp = entry.with_file_name(".tmp-0123456789abcdef");
    let mut places = vec![(entry.clone(), true), (temp, false), (store.root.clone(), true)];
    if let Some(shard) = entry.parent().filter(|parent| *parent != store.root) {
        places.push((shard.to_path_buf(), true));
        places.push((store.root.join(".cache-file-state"), false));
    }
    places
}

pub(crate) fn planted(kind: Kind) {
    let (mut tried, mut longest, mut failures) = (0, Duration::ZERO, Vec::new());
    let number_of_places = if kind == Kind::Native { 5 } else { 3 };
    for (thing, number) in THINGS.into_iter().flat_map(|thing| (0..number_of_places).map(move |n| (thing, n)))
    {
        for (name, operation) in OPERATIONS {
            for is_fresh in [true, false] {
                let dir = dir();
                let mut store = kind.limited(dir.path(), 2_000);
                store.cache.set("k", &41, HOUR).unwrap();
                let (place, is_hidden) = places(&store).swap_remove(number);
                if thing == Thing::HardLink && place.is_dir() {
                    continue;
                }
                plant(thing, &place, &dir.path().join("outside"));
                let outside = |all: &mut BTreeMap<_, _>| {
                    let outside = dir.path().join("outside");
                    if outside.is_dir() {
                        snapshot(&outside, all);
                    } else {
                        all.insert(outside.clone(), fs::read(outside).unwrap());
                    }
                };
                let [mut before, mut after] = [BTreeMap::new(), BTreeMap::new()];
                outside(&mut before);
                if is_fresh {
                    store = kind.limited(dir.path(), 2_000);
                } else if place == store.root {
                    // Until it looks again it goes on in its own directory, wherever that was moved.
                    let since = Instant::now();
                    while store.cache.has_key("k").is_ok_and(|is_there| is_there) && since.elapsed() < HANGS {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    outside(&mut before);
                }
                let (outcome, took) = within_limit(operation, store);
                outside(&mut after);
                tried += 1;
                longest = longest.max(took);
                let refused = matches!(
                    outcome,
                    Some(Err(ErrorKind::Storage | ErrorKind::KeyNotFound | ErrorKind::InvalidCacheBackend))
                );
                let inside = place.join("inside");
                if before != after
                    || !(refused || outcome == Some(Ok(false)) || (outcome == Some(Ok(true)) && !is_hidden))
                    || thing == Thing::Directory && !inside.exists()
                    || dir.path().join("nowhere").exists()
                {
                    let place = place.file_name().unwrap().display();
                    failures.push(format!(
                        "{thing:?} as {place}, fresh: {is_fresh}, {name}: {outcome:?} {took:?}"
                    ));
                }
            }
        }
    }
    for (more, bad) in [keys_that_look_like_paths(kind), a_directory_of_another_user(kind)] {
        tried += more;
        failures.extend(bad);
    }
    let figure = format!(
        "{} of {tried} outside reads, writes or hangs; longest call {} ms",
        failures.len(),
        longest.as_millis()
    );
    record(24, kind.name(), tried, failures.len() as u64, &figure);
    assert!(failures.is_empty(), "{figure}: {failures:#?}");
}

/// What another user puts where the cache's directory is to be, `get` included: a directory is theirs to
/// fill, even if nobody else may write to it.
fn a_directory_of_another_user(kind: Kind) -> (u64, Vec<String>) {
    let (theirs, ours) = (12_345, 12_346);
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: a directory of another user: only root can make one");
        return (0, Vec::new());
    }
    let dir = tempfile::tempdir().unwrap();
    let store = kind.limited(dir.path(), 100);
    store.cache.set("k", &41, HOUR).unwrap();
    chown_all(dir.path(), theirs);
    let worker = |user| {
        let mut command = again(&crate::job("read", kind, "k", dir.path())).unwrap();
        command.uid(user).gid(user).current_dir("/").status()
    };
    match worker(theirs).map(|status| status.code()) {
        Ok(Some(FOUND)) => {}
        other => {
            eprintln!(
                "skipped: a directory of another user: another user cannot run this program: {other:?}"
            );
            return (0, Vec::new());
        }
    }
    let code = worker(ours).unwrap().code();
    let failures = (code != Some(REFUSED)).then(|| format!("a directory of another user: {code:?}"));
    (1, failures.into_iter().collect())
}

const FOUND: i32 = 0;
const REFUSED: i32 = 3;

/// How a read by another user ended.
pub(crate) fn read(kind: Kind, key: &str, dir: &Path) -> ExitCode {
    let read = kind.limited(dir, 100).cache.get::<i64>(key);
    ExitCode::from(match read.map_err(|e| e.kind()) {
        Ok(Some(41)) => FOUND as u8,
        Err(ErrorKind::InvalidCacheBackend) => REFUSED as u8,
        _ => 4,
    })
}

/// Gives everything to a user, for all to read.
fn chown_all(path: &Path, user: u32) {
    chown(path, Some(user), Some(user)).unwrap();
    let is_dir = path.is_dir();
    fs::set_permissions(path, fs::Permissions::from_mode(if is_dir { 0o755 } else { 0o644 })).unwrap();
    if is_dir {
        fs::read_dir(path).unwrap().for_each(|entry| chown_all(&entry.unwrap().path(), user));
    }
}

/// They name a file in the cache's directory as any other key does.
fn keys_that_look_like_paths(kind: Kind) -> (u64, Vec<String>) {
    let dir = dir();
    fs::write(dir.path().join("outside"), "theirs").unwrap();
    let store = kind.limited(dir.path(), 100);
    let keys =
        ["../outside", "../../outside", "/outside", "..", ".", "a/../../outside", "/dev/null", "~/outside"];
    let mut failures = Vec::new();
    for key in keys {
        store.cache.set(key, "mine", HOUR).unwrap();
        assert_eq!(store.cache.get::<String>(key).unwrap().as_deref(), Some("mine"), "{key}");
        assert!(store.cache.touch(key, HOUR).unwrap(), "{key}");
        store.cache.incr_version(key).unwrap();
        let made = fs::read_dir(dir.path()).unwrap().count();
        if made != 2 || fs::read(dir.path().join("outside")).unwrap() != b"theirs" {
            failures.push(format!("the key {key}"));
        }
        assert!(store.cache.with_version(2).delete(key).unwrap(), "{key}");
    }
    (keys.len() as u64, failures)
}
