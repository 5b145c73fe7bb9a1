//! The SQLite backend beside bare rusqlite, Django's `DatabaseCache` and diskcache.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a measuring program prints, and ends where it cannot go on"
)]

#[path = "db/bare.rs"]
mod bare;
#[path = "db/load.rs"]
mod load;

use std::cell::RefCell;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use bare::Bare;
use benches::{Bench, Contender, Python, Unit};
use cache_core::Cache;
use cache_db::DatabaseCache;
use load::{Gate, Operation, Picks, Row, TIMEOUT, on_threads};

type Db = Cache<DatabaseCache>;

/// Nanoseconds of one case, ours and bare rusqlite's.
struct Measured {
    case: (Operation, u64),
    ours: f64,
    bare: f64,
}

/// What a row holds.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Number(i64),
}

fn main() {
    let bench = Bench::from_args("db");
    let small = measure(&bench, 1_000);
    if !bench.quick() {
        // Only to see how the cost grows.
        measure(&bench, 30_000);
    }
    let large = measure(&bench, bench.size(1_000_000, 2_000));
    if !bench.quick() {
        flatness(&bench, &small, &large);
    }
}

/// Measures all cases in tables of this many rows.
fn measure(bench: &Bench, rows: u64) -> Vec<Measured> {
    let case = |operation: Operation, threads: u64| {
        let s = if threads == 1 { "" } else { "s" };
        format!("{}, {rows} rows, {threads} thread{s}", operation.name())
    };
    let all = [1, 2].into_iter().flat_map(|threads| Operation::ALL.map(|operation| (operation, threads)));
    let wanted: Vec<_> = all.filter(|&(operation, threads)| bench.wants(&case(operation, threads))).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let cache = filled(&path("ours.db"), rows);
    let mut bare: Vec<Bare> =
        (0..2).map(|thread| Bare::open(&path("bare.db"), Picks::new(rows, thread))).collect();
    bare[0].fill(Row::all(rows));
    let mut checking: Vec<Bare> =
        (0..2).map(|thread| Bare::open(&path("bare.db"), Picks::new(rows, thread)).checking()).collect();
    let python = django_tests::python::or_skip();
    let start = |peer: &str| {
        let place = path(peer);
        let args = [peer, place.to_str().unwrap(), &rows.to_string()];
        Python::start_if_there(python.as_ref()?, "db.py", &args).map(RefCell::new)
    };
    let alone = wanted.iter().any(|&(_, threads)| threads == 1);
    let django = if alone { start("django") } else { None };
    // It would fill a large table for a minute.
    let diskcache = if alone && rows < 10_000 { start("diskcache") } else { None };
    let mut measured = Vec::new();
    for (operation, threads) in wanted {
        // Two handles on it: one beside each of the two groups of peers.
        let bare = RefCell::new(&mut bare[..threads as usize]);
        let run_bare = |calls| {
            on_threads(&mut bare.borrow_mut(), calls, |bare, calls, gate| bare.run(operation, calls, gate))
        };
        let floor = || Contender::timed("bare rusqlite", run_bare).floor();
        let mut peers = vec![floor().goal(0.8)];
        if operation == Operation::Get {
            let run_checking = |calls| {
                on_threads(&mut checking[..threads as usize], calls, |bare, calls, gate| {
                    bare.run(operation, calls, gate)
                })
            };
            // What is left between this and our time is code.
            peers.push(Contender::timed("the same with its checks", run_checking).floor());
        }
        let mut picks: Vec<Picks> = (0..threads).map(|thread| Picks::new(rows, thread)).collect();
        let mut run_ours = |calls| {
            on_threads(&mut picks, calls, |picks, calls, gate| run(&cache, operation, picks, calls, gate))
        };
        let case = case(operation, threads);
        into_memory(dir.path());
        if let Some(medians) = bench.compare(&case, Contender::timed("ours", &mut run_ours), peers) {
            measured.push(Measured { case: (operation, threads), ours: medians[0], bare: medians[1] });
        }
        // The Python peers run apart: a contender that runs after another process finds the processor cold.
        let has_it = matches!(operation, Operation::Get | Operation::Set | Operation::Incr);
        let django = django.as_ref().map(|django| in_python("Django", django, operation));
        let diskcache = diskcache.as_ref().map(|diskcache| in_python("diskcache", diskcache, operation));
        let mut peers: Vec<_> = django.into_iter().chain(diskcache.filter(|_| has_it)).collect();
        if threads == 1 && !peers.is_empty() {
            peers.push(floor());
            into_memory(dir.path());
            bench.compare(&case, Contender::timed("ours", &mut run_ours), peers);
        }
    }
    measured
}

/// Reads the files through, by another program, as closing a file would take SQLite's locks on it from this one.
/// Some systems take from memory what lay idle for half a minute.
fn into_memory(dir: &Path) {
    let files =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    assert!(Command::new("cat").args(files).stdout(Stdio::null()).status().unwrap().success());
}

/// What a large table costs beside a small one: at most half more, or no more than it costs SQLite
/// by itself.
fn flatness(bench: &Bench, small: &[Measured], large: &[Measured]) {
    for (small, large) in
        small.iter().flat_map(|s| large.iter().filter(|l| l.case == s.case).map(move |l| (s, l)))
    {
        let (operation, threads) = small.case;
        let case = format!("{}, {threads} threads: 1,000,000 rows", operation.name());
        let limit = ("limit, 1.5 x 1,000 rows", small.ours * 1.5);
        bench.compare_numbers(&case, Unit::Ns, large.ours, limit, Some(1.0));
        let bare = ("1,000, and what rusqlite grows by", small.ours + large.bare - small.bare);
        let is_flat = large.ours <= limit.1;
        bench.compare_floor(&case, Unit::Ns, large.ours, bare, if is_flat { None } else { Some(0.8) });
    }
}

fn filled(path: &Path, rows: u64) -> Db {
    let backend = DatabaseCache::builder(path).max_entries(2_000_000).build().unwrap();
    let cache = Cache::new(backend);
    let entries = Row::all(rows).map(|row| match row {
        Row::Text(n) => (row.key(), Value::Text(Row::value(n))),
        Row::Number(_) => (row.key(), Value::Number(0)),
    });
    cache.set_many(entries, TIMEOUT).unwrap();
    cache
}

fn run(cache: &Db, operation: Operation, picks: &mut Picks, calls: u64, gate: &Gate) -> Instant {
    let start = gate.pass();
    for call in 0..calls {
        match operation {
            Operation::Get => {
                let found: Option<String> = cache.get(&picks.text().key()).unwrap();
                assert!(found.is_some());
            }
            Operation::Set => cache.set(&picks.text().key(), &Row::value(call), TIMEOUT).unwrap(),
            Operation::Incr => assert!(cache.incr(&picks.number().key()).unwrap() > 0),
            Operation::GetMany => {
                let found: Vec<(String, String)> =
                    cache.get_many(picks.hundred().map(|row| row.key())).unwrap();
                assert_eq!(found.len(), 100);
            }
            Operation::SetMany => {
                let entries = picks.hundred().map(|row| (row.key(), Row::value(call)));
                assert!(cache.set_many(entries, TIMEOUT).unwrap().is_empty());
            }
        }
    }
    start
}

fn in_python<'a>(name: &str, python: &'a RefCell<Python>, operation: Operation) -> Contender<'a> {
    let peer = Contender::timed(name, move |calls| python.borrow_mut().run(operation.function(), calls));
    match (name, operation) {
        ("Django", Operation::Get) => peer.goal(8.0),
        ("Django", Operation::Set | Operation::Incr) => peer.goal(10.0),
        ("diskcache", Operation::Set) => peer.goal(4.0),
        _ => peer,
    }
}
