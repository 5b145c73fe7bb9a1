//! The file backend beside cacache, diskcache, Django's file cache and the bare calls: 4 KiB values under
//! `BENCH_DIR`, or cargo's target directory. It should be on a real disk.

#![allow(clippy::unwrap_used, reason = "a measuring program ends where it cannot go on")]

#[path = "file/bare.rs"]
mod bare;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bare::{Bare, Replace};
use benches::{Bench, Contender, Python};
use cache_core::{Bytes, Cache};
use cache_file::FileCache;

const HOUR: Duration = Duration::from_secs(3_600);

/// Within 1.4 times of the bare calls.
const BARE: f64 = 0.71;

/// How many new keys are set before they are removed again, outside the measured time.
const NEW: u64 = 200;

fn main() {
    let bench = Bench::from_args("file");
    let home = std::env::var_os("BENCH_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    std::fs::create_dir_all(&home).unwrap();
    for entries in bench.size(vec![1_000, 10_000, 100_000], vec![60]) {
        if ["get", "set, present key", "set, new key", "touch"]
            .iter()
            .any(|what| bench.wants(&case(what, entries)))
        {
            let dir = tempfile::Builder::new().prefix("bench-file-").tempdir_in(&home).unwrap();
            measure(&bench, dir.path(), entries);
        }
    }
}

fn case(what: &str, entries: u64) -> String {
    format!("{what}, {entries} entries")
}

/// A key of the store, never the one of the call before.
fn key(n: u64, entries: u64) -> String {
    format!("k{}", n * 7_919 % entries)
}

/// No two values are the same: a store that keeps equal ones once has no advantage.
fn value(n: u64) -> Vec<u8> {
    let mut value = vec![7; 4_096];
    value[..8].copy_from_slice(&n.to_le_bytes());
    value
}

/// Times `set` of new keys alone, and takes them back with `undo`.
fn new_keys<'a>(name: &str, mut set: impl FnMut(u64) + 'a, mut undo: impl FnMut(u64) + 'a) -> Contender<'a> {
    let mut done = 0;
    Contender::timed(name, move |calls| {
        let (mut took, end) = (Duration::ZERO, done + calls);
        while done < end {
            let batch = done..end.min(done + NEW);
            // Once outside the time: what the system had taken from memory is read from the disk then.
            batch.clone().for_each(&mut set);
            batch.clone().for_each(&mut undo);
            let since = Instant::now();
            batch.clone().for_each(&mut set);
            took += since.elapsed();
            batch.clone().for_each(&mut undo);
            done = batch.end;
        }
        took
    })
}

/// The Python peers that are installed.
fn pythons(dir: &Path, entries: u64) -> Vec<(&'static str, RefCell<Python>)> {
    let Some(interpreter) = django_tests::python::or_skip() else { return Vec::new() };
    let start = |which: &'static str| {
        let place = dir.join(which).display().to_string();
        let python = Python::start_if_there(&interpreter, "file.py", &[which, &place, &entries.to_string()])?;
        Some((which, RefCell::new(python)))
    };
    ["django", "diskcache"].into_iter().filter_map(start).collect()
}

fn measure(bench: &Bench, dir: &Path, entries: u64) {
    // Enough room that nothing is culled, and the usual number of shards of such a store.
    let store =
        FileCache::builder(dir.join("ours")).max_entries(entries + entries / 5 + 2 * NEW).build().unwrap();
    let cache = Cache::new(store);
    let cacache_dir = dir.join("cacache");
    for n in 0..entries {
        cache.set_bytes(&format!("k{n}"), Bytes::from(value(n)), HOUR).unwrap();
        cacache::write_sync(&cacache_dir, format!("k{n}"), value(n)).unwrap();
    }
    let bare = &Bare::like(&dir.join("ours"), &dir.join("bare"));
    let pythons = pythons(dir, entries);
    // What was written goes to the disk now, and not while the calls are timed.
    rustix::fs::sync();

    let python = |order: &'static str, django: Option<f64>, diskcache: Option<f64>| {
        pythons.iter().map(move |(which, python)| {
            let (name, goal) = match *which {
                "django" => ("Django", django),
                _ => ("diskcache", diskcache),
            };
            let peer = Contender::timed(name, move |calls| python.borrow_mut().run(order, calls));
            match goal {
                Some(goal) => peer.goal(goal),
                None => peer,
            }
        })
    };
    let many = entries >= 100_000;
    let set_goal = Some(if many { 1_000.0 } else { 15.0 });

    // Some systems take from memory what lay idle for half a minute, and 100,000 files of each side cannot
    // all be read as often: what is timed was read just before.
    let ours = Contender::each_from_memory("ours", |n| cache.get_bytes(&key(n, entries)).unwrap().unwrap());
    let cacache = |n| cacache::read_sync(&cacache_dir, key(n, entries)).unwrap();
    let mut peers = vec![
        Contender::each_from_memory("bare open, read, close", |n| bare.read(n)).goal(BARE).floor(),
        Contender::each_from_memory("the same with links and checksum", |n| bare.read_checked(n)).floor(),
        Contender::each_from_memory("std::fs::read", |n| std::fs::read(bare.path(n)).unwrap()),
        Contender::each_from_memory("cacache", cacache).goal(2.5),
    ];
    peers.extend(python("get", Some(8.0), Some(1.5)));
    bench.compare(&case("get", entries), ours, peers);

    let ours = Contender::each("ours", |n| cache.touch(&key(n, entries), HOUR).unwrap());
    let mut peers = vec![Contender::each("bare open, write of 24 bytes, close", |n| bare.amend(n))];
    peers.extend(python("touch", None, None));
    bench.compare(&case("touch", entries), ours, peers);

    let ours = new_keys(
        "ours",
        |n| cache.set_bytes(&format!("new{n}"), Bytes::from(value(n)), HOUR).unwrap(),
        |n| assert!(cache.delete(&format!("new{n}")).unwrap()),
    );
    let mut peers = vec![
        new_keys(
            "bare write, rename",
            |n| bare.write(&bare.new_path(n), &value(n), Replace::Rename),
            |n| std::fs::remove_file(bare.new_path(n)).unwrap(),
        )
        .goal(BARE),
        new_keys(
            "the same with locks and count",
            |n| bare.write_counted(&bare.new_path(n), &value(n), false),
            |n| std::fs::remove_file(bare.new_path(n)).unwrap(),
        )
        .floor(),
        new_keys(
            "cacache",
            |n| drop(cacache::write_sync(&cacache_dir, format!("new{n}"), value(n)).unwrap()),
            |n| cacache::remove_sync(&cacache_dir, format!("new{n}")).unwrap(),
        )
        .goal(1.0),
    ];
    peers.extend(python("set_new", set_goal, None));
    bench.compare(&case("set, new key", entries), ours, peers);

    // Each way has its own keys and has replaced each of them once before it is timed. Where freeing blocks on the
    // disk is expensive, all pay for it alike, outside the measured time.
    let replaced = bare.share();
    let old = |n: u64| format!("k{}", n % replaced);
    let set = |n: u64| cache.set_bytes(&old(n), Bytes::from(value(n)), HOUR).unwrap();
    let set_cacache = |n: u64| drop(cacache::write_sync(&cacache_dir, old(n), value(n)).unwrap());
    let replace = |way, n| bare.write(bare.path_for(way, n), &value(n), way);
    let wanted = bench.wants(&case("set, present key", entries));
    for n in 0..if wanted { replaced } else { 0 } {
        set(n);
        set_cacache(n);
        Replace::ALL.into_iter().for_each(|way| replace(way, n));
    }
    let mut peers: Vec<_> = Replace::ALL
        .into_iter()
        .map(|way| Contender::each(way.name(), move |n| replace(way, n)).goal(BARE))
        .collect();
    let counted = Contender::each("the last with locks and count", |n| {
        bare.write_counted(bare.path_for(Replace::Exchange, n), &value(n), true);
    });
    peers.push(counted.floor());
    peers.push(Contender::each("cacache", set_cacache).goal(1.0));
    peers.extend(python("set", set_goal, None));
    bench.compare(&case("set, present key", entries), Contender::each("ours", set), peers);
}
