//! What is not an entry, or not yet, or no longer.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, symlink};
use std::sync::Barrier;
use std::time::{Duration, Instant, SystemTime};

use cache_core::{BaseCache as _, Cache, ErrorKind};
use cache_file::{FileCache, Layout};
use conformance_tests::faults::record;
use rustix::fs::{CWD, Mode, mkfifoat};

use crate::{HOUR, cache, entry_files, only_file};

/// The length of an expiry that this crate writes.
const HEAD: usize = 18;

/// Nothing is under `k`, and a set repairs that.
fn is_a_miss_until_set(cache: &Cache<FileCache>, backend: &FileCache, what: &str, put: impl Fn()) {
    let absent: [(&str, &dyn Fn() -> bool); 6] = [
        ("get", &|| cache.get::<String>("k").unwrap().is_none()),
        ("touch", &|| !cache.touch("k", HOUR).unwrap()),
        ("incr", &|| cache.incr("k").unwrap_err().kind() == ErrorKind::KeyNotFound),
        ("incr_version", &|| cache.incr_version("k").unwrap_err().kind() == ErrorKind::KeyNotFound),
        ("get_many", &|| cache.get_many::<String, _>(["k"]).unwrap().is_empty()),
        ("add", &|| cache.add("k", "added", HOUR).unwrap()),
    ];
    for (op, is_absent) in absent {
        put();
        assert!(is_absent(), "{op}: {what}");
    }
    put();
    cache.set("k", "mine", HOUR).unwrap();
    assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("mine"), "{what}");
    assert!(fs::symlink_metadata(only_file(backend.dir())).unwrap().is_file(), "{what}");
    assert_eq!(backend.entries().unwrap(), Some(1), "{what}");
}

#[test]
fn every_kind_of_damage_is_a_miss_and_is_swept() {
    let (_dir, backend, cache) = cache(|o| o);
    cache.set("k", "text", HOUR).unwrap();
    let file = only_file(backend.dir());
    let whole = fs::read(&file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        bytes
    };
    for (what, bytes) in [
        ("empty", vec![]),
        ("half a head", whole[..5].to_vec()),
        ("a head alone", whole[..HEAD].to_vec()),
        ("half a body", whole[..whole.len() - 6].to_vec()),
        ("a flipped bit in the body", flipped(whole.len() - 8)),
        ("a flipped bit in the checksum", flipped(whole.len() - 1)),
        ("no pickle", b"not a pickle, and long enough to be looked at in some detail, is it not?".to_vec()),
        ("an expiry that is text", [b"X\x01\0\0\0a.", &whole[HEAD..]].concat()),
        ("an expiry that is True", [b"\x80\x04\x88.", &whole[HEAD..]].concat()),
    ] {
        // One who writes in place may be at a young file.
        is_a_miss_until_set(&cache, &backend, what, || fs::write(&file, &bytes).unwrap());
        fs::write(&file, &bytes).unwrap();
        assert_eq!((backend.purge_expired().unwrap(), file.exists()), (Some(0), true), "{what}");
        let put_an_old_one = || {
            fs::write(&file, &bytes).unwrap();
            let old = SystemTime::now() - Duration::from_secs(60);
            File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
        };
        is_a_miss_until_set(&cache, &backend, what, put_an_old_one);
        put_an_old_one();
        assert_eq!((cache.get::<String>("k").unwrap(), file.exists()), (None, false), "{what}");
        put_an_old_one();
        assert_eq!(
            (backend.purge_expired().unwrap(), entry_files(backend.dir()).len()),
            (Some(1), 0),
            "{what}"
        );
    }
    // Django writes in place and does not shorten the file.
    fs::write(&file, [&whole[..], b"what a longer value left"].concat()).unwrap();
    assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("text"));
    assert!(cache.touch("k", HOUR).unwrap());
    assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("text"));
}

/// As Django's `touch` does it: in place, under the file's lock.
#[test]
fn a_reader_waits_for_one_who_writes_in_place() {
    let (_dir, backend, cache) = cache(|o| o);
    let text = "a value of some length ".repeat(40);
    cache.set("k", &text, HOUR).unwrap();
    let path = only_file(backend.dir());
    let whole = fs::read(&path).unwrap();
    // The same with a head as long as Python's, and what is behind it elsewhere.
    let longer = [b"\x80\x05\x95\x0a\0\0\0\0\0\0\0".as_slice(), &whole[2..]].concat();
    for (round, unlocks_early) in [false, true].into_iter().cycle().take(20).enumerate() {
        let file = File::options().write(true).open(&path).unwrap();
        let torn = Barrier::new(2);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                file.lock().unwrap();
                let (first, last) = longer.split_at(30);
                file.write_all_at(first, 0).unwrap();
                torn.wait();
                std::thread::sleep(Duration::from_millis(20));
                if unlocks_early {
                    // Python writes what is left in its buffer when the file is closed.
                    file.unlock().unwrap();
                    std::thread::sleep(Duration::from_micros(100));
                }
                file.write_all_at(last, 30).unwrap();
                file.unlock().unwrap();
            });
            torn.wait();
            let found = if round % 4 < 2 {
                cache.get::<String>("k").unwrap() == Some(text.clone())
            } else {
                cache.touch("k", HOUR).unwrap()
            };
            // Once the writer has unlocked, how long it takes is the scheduler's affair.
            assert!(found || unlocks_early, "round {round}: a torn file was taken for damage");
            writer.join().unwrap();
        });
        assert_eq!(cache.get::<String>("k").unwrap().as_ref(), Some(&text), "round {round}");
        fs::write(&path, &whole).unwrap();
    }
}

/// Django's `touch` unlocks the file before all is written, and another thread of Python's may come
/// between.
#[test]
fn a_file_torn_a_moment_ago_is_missed_and_left_alone() {
    let (_dir, backend, cache) = cache(|o| o.max_entries(1));
    cache.set("k", "text", HOUR).unwrap();
    let path = only_file(backend.dir());
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    assert_eq!(cache.get::<String>("k").unwrap(), None);
    assert!(cache.get_many::<String, _>(["k"]).unwrap().is_empty());
    assert!(!cache.touch("k", HOUR).unwrap());
    assert_eq!(cache.incr("k").unwrap_err().kind(), ErrorKind::KeyNotFound);
    backend.purge_expired().unwrap();
    fs::write(&path, &whole).unwrap();
    assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("text"));
    // It takes a place, and goes when that is needed.
    fs::write(&path, &whole[..5]).unwrap();
    cache.set("another", &1, HOUR).unwrap();
    assert!(!path.exists() && cache.has_key("another").unwrap());
    cache.set("k", "text", HOUR).unwrap();
    fs::write(&path, &whole[..5]).unwrap();
    cache.delete("k").unwrap();
    assert!(!path.exists(), "a delete removes it");
}

/// A number of a library's, as a timeout: `time.time() + numpy.float64(60)` is one too.
#[test]
fn an_entry_whose_expiry_python_alone_can_judge_is_missed_and_left_alone() {
    let (_dir, backend, cache) = cache(|o| o);
    cache.set("k", "text", HOUR).unwrap();
    let path = only_file(backend.dir());
    let whole = fs::read(&path).unwrap();
    let head = b"\x80\x04\x8c\x01m\x8c\x07Seconds\x93G\x40\x14\0\0\0\0\0\0\x85R.";
    let theirs = [&head[..], &whole[HEAD..]].concat();
    fs::write(&path, &theirs).unwrap();
    let old = SystemTime::now() - Duration::from_secs(60);
    File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    assert_eq!(cache.get::<String>("k").unwrap(), None);
    assert!(!cache.touch("k", HOUR).unwrap());
    assert_eq!((backend.purge_expired().unwrap(), backend.entries().unwrap()), (Some(0), Some(1)));
    assert_eq!(fs::read(&path).unwrap(), theirs);
}

#[test]
fn a_value_longer_than_the_limit_is_an_error_and_left_alone() {
    let (_dir, backend, large) = cache(|o| o);
    large.set("k", &"x".repeat(5_000), HOUR).unwrap();
    let path = only_file(backend.dir());
    let whole = fs::read(&path).unwrap();
    let small = FileCache::builder(backend.dir()).layout(Layout::Django).max_inflated(1_000).build().unwrap();
    let small = Cache::new(small);
    // The second does not compress, so that its file is longer than a value may be.
    for incompressible in [false, true] {
        if incompressible {
            let noise: String = (0..5_000).map(|_| fastrand::alphanumeric()).collect();
            large.set("k", &noise, HOUR).unwrap();
        }
        let whole = if incompressible { fs::read(&path).unwrap() } else { whole.clone() };
        let error = small.get::<String>("k").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains("max_inflated"), "{error}");
        assert_eq!(small.touch("k", HOUR).unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(small.incr("k").unwrap_err().kind(), ErrorKind::NotAnInteger);
        assert!(!small.add("k", "mine", HOUR).unwrap() && small.has_key("k").unwrap());
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
    assert!(small.delete("k").unwrap());
}

#[test]
fn a_writer_in_place_who_never_ends_is_waited_for_no_longer_than_the_lock_timeout() {
    let (_dir, backend, cache) = cache(|o| o.lock_timeout(Duration::from_millis(50)));
    cache.set("k", "text", HOUR).unwrap();
    let path = only_file(backend.dir());
    let whole = fs::read(&path).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.lock().unwrap();
    file.write_all_at(b"torn", 0).unwrap();
    let since = Instant::now();
    assert_eq!(cache.get::<String>("k").unwrap(), None);
    assert_eq!(cache.touch("k", HOUR).unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(since.elapsed() < Duration::from_secs(5));
    assert!(path.exists(), "it is the writer's");
    file.write_all_at(&whole, 0).unwrap();
    drop(file);
    assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("text"));
}

#[test]
fn what_is_planted_in_an_entrys_place_is_not_followed() {
    let (dir, backend, cache) = cache(|o| o);
    cache.set("k", "theirs", HOUR).unwrap();
    let file = only_file(backend.dir());
    let outside = dir.path().join("outside");
    fs::rename(&file, &outside).unwrap();
    let before = fs::read(&outside).unwrap();
    let emptied = || drop(fs::remove_file(&file));
    is_a_miss_until_set(&cache, &backend, "a link to a good entry", || {
        emptied();
        symlink(&outside, &file).unwrap();
    });
    is_a_miss_until_set(&cache, &backend, "a FIFO", || {
        emptied();
        mkfifoat(CWD, &file, Mode::RUSR | Mode::WUSR).unwrap();
    });
    emptied();
    symlink(&outside, &file).unwrap();
    cache.clear().unwrap();
    assert_eq!(fs::read(&outside).unwrap(), before);
    emptied();
    fs::create_dir(&file).unwrap();
    assert_eq!(cache.get::<String>("k").unwrap(), None);
    let error = cache.set("k", "secret", HOUR).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains(file.to_str().unwrap()) && !format!("{error:?}").contains("secret"));
}

#[test]
fn files_of_others_survive_everything() {
    let (_dir, backend, cache) = cache(|o| o.max_entries(5));
    cache.set("k0", &0, HOUR).unwrap();
    let digits = "0123456789abcdef0123456789abcdef";
    let names = [
        "notes.txt".to_owned(),
        // Django's own temporary file, and what it would take for an entry.
        "tmpab12cd34".to_owned(),
        "readme.djcache".to_owned(),
        format!("{}.djcache", digits.to_uppercase()),
        format!("{digits}0.djcache"),
        format!("{digits}.djcache.bak"),
        ".tmp-mine".to_owned(),
    ];
    for name in &names {
        fs::write(backend.dir().join(name), "theirs").unwrap();
    }
    fs::create_dir(backend.dir().join(format!("{digits}.djcache"))).unwrap();
    for n in 0..50 {
        cache.set(&format!("k{n}"), &n, HOUR).unwrap();
    }
    backend.purge_expired().unwrap();
    cache.clear().unwrap();
    let is_theirs = |name: &&String| fs::read(backend.dir().join(name)).ok().as_deref() == Some(b"theirs");
    let kept = names.iter().filter(is_theirs).count();
    let lost = names.len() - kept;
    let figure = format!("{lost} of {} foreign files touched by culls, a sweep and a clear", names.len());
    record(25, "file-django", names.len() as u64, lost as u64, &figure);
    assert_eq!(lost, 0, "{figure}");
    assert_eq!(backend.entries().unwrap(), Some(0));
}

#[test]
fn a_directory_deleted_underneath_is_made_again() {
    let (_dir, backend, cache) = cache(|o| o);
    assert!(!cache.has_key("k").unwrap() && !cache.delete("k").unwrap());
    cache.clear().unwrap();
    backend.ping().unwrap();
    assert_eq!((backend.entries().unwrap(), backend.dir().exists()), (Some(0), false));
    for _ in 0..3 {
        cache.set("k", &1, HOUR).unwrap();
        backend.ping().unwrap();
        let info = backend.info().unwrap();
        assert_eq!((info.entries, info.max_entries), (Some(1), Some(300)));
        assert_eq!(info.bytes, Some(fs::metadata(only_file(backend.dir())).unwrap().len()));
        fs::remove_dir_all(backend.dir()).unwrap();
        assert!(!cache.has_key("k").unwrap() && !cache.touch("k", HOUR).unwrap());
        assert_eq!(cache.incr("k").unwrap_err().kind(), ErrorKind::KeyNotFound);
    }
}
