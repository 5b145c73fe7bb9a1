//! Several processes on one directory: counting, adding, and the bound.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a failure is a panic")]

mod common;

use std::fs;
use std::path::Path;
use std::time::Duration;

use cache_core::{BaseCache as _, Cache, Clock};
use cache_file::FileCache;
use common::{dir, entry_files, job, run, spawn, wait_for};
use conformance_tests::faults::{effort, record};

const HOUR: Duration = Duration::from_secs(3_600);
const INCRS: i64 = 1_000;
const ADDERS: usize = 8;
const ROUNDS: usize = 1_000;

fn open(dir: &Path, limit: u64) -> (FileCache, Cache<FileCache>) {
    let backend = FileCache::builder(dir.join("cache")).max_entries(limit).build().unwrap();
    (backend.clone(), Cache::new(backend))
}

/// What the tests below have processes do.
#[test]
#[ignore = "a worker, started by the tests"]
fn worker() {
    let Some((job, dir, number)) = job() else { return };
    match job.as_str() {
        "incr" => {
            let (_, cache) = open(&dir, 10);
            for _ in 0..INCRS {
                cache.incr("n").unwrap();
            }
        }
        "add" => add_in_rounds(&dir, number),
        "bound" => {
            let (backend, cache) = open(&dir, 700);
            for n in 0..1_500 {
                let key = format!("{number}-{n}");
                cache.set(&key, &n, HOUR).unwrap();
                assert!(backend.entries().unwrap().unwrap() <= 700);
                if n % 7 == 0 {
                    cache.delete(&key).unwrap();
                }
            }
        }
        other => panic!("no such job: {other}"),
    }
}

#[test]
fn eight_processes_count_exactly_and_keep_the_lifetime() {
    let dir = dir();
    let (clock, hands) = Clock::manual();
    let backend = FileCache::builder(dir.path().join("cache")).max_entries(10).clock(clock).build().unwrap();
    let cache = Cache::new(backend);
    cache.set("n", &0, HOUR).unwrap();
    run("incr", dir.path(), 8);
    let counted = cache.get::<i64>("n").unwrap().unwrap();
    let lost = (8 * INCRS).abs_diff(counted);
    record(8, "file", 8 * INCRS.unsigned_abs(), lost, &format!("{counted} counted by 8 processes x {INCRS}"));
    assert_eq!(counted, 8 * INCRS);
    hands.advance(HOUR + Duration::from_secs(1));
    assert_eq!(cache.get::<i64>("n").unwrap(), None);
}

/// Meets the others at a gate before every round: a file of one byte per process and round.
fn add_in_rounds(dir: &Path, number: usize) {
    let (_, cache) = open(dir, 100_000);
    let gate = fs::OpenOptions::new().append(true).create(true).open(dir.join("gate")).unwrap();
    let value = vec![u8::try_from(number).unwrap(); 65_536];
    let mut won = String::new();
    for round in 0..ROUNDS {
        std::io::Write::write_all(&mut &gate, b".").unwrap();
        let all = ((round + 1) * ADDERS) as u64;
        wait_for("the other adders", || gate.metadata().unwrap().len() >= all);
        if cache.add(&format!("round {round}"), &serde_bytes_like(&value), HOUR).unwrap() {
            won.push_str(&format!("{round} "));
        }
    }
    fs::write(dir.join(format!("won-{number}")), won).unwrap();
}

/// Large, so that a writer takes long enough to be overtaken.
fn serde_bytes_like(value: &[u8]) -> String {
    value.iter().map(|&b| char::from(b'a' + b)).collect()
}

#[test]
fn add_has_one_winner_in_every_round() {
    let batches = effort(1, 10);
    let mut failures = Vec::new();
    let mut counts = [0; ADDERS];
    for _ in 0..batches {
        let dir = dir();
        run("add", dir.path(), ADDERS);
        let mut winners = vec![Vec::new(); ROUNDS];
        for number in 0..ADDERS {
            let won = fs::read_to_string(dir.path().join(format!("won-{number}"))).unwrap();
            for round in won.split_whitespace() {
                winners[round.parse::<usize>().unwrap()].push(number);
            }
        }
        let (_, cache) = open(dir.path(), 100_000);
        for (round, winners) in winners.iter().enumerate() {
            let stored = cache.get::<String>(&format!("round {round}")).unwrap().unwrap();
            let stored = usize::from(stored.as_bytes()[0] - b'a');
            counts[stored] += 1;
            if *winners != [stored] {
                failures.push(format!("round {round}: {winners:?} won, the value is that of {stored}"));
            }
        }
    }
    let rounds = batches * ROUNDS as u64;
    let figure = format!(
        "{} of {rounds} rounds of {ADDERS} processes without one winner; won by each: {counts:?}",
        failures.len()
    );
    record(9, "file", rounds, failures.len() as u64, &figure);
    assert!(failures.is_empty(), "{figure}: {failures:#?}");
}

#[test]
fn the_bound_holds_with_several_processes_and_the_count_stays_true() {
    let dir = dir();
    let mut children: Vec<_> = (0..4).map(|number| spawn("bound", dir.path(), number)).collect();
    let (backend, _) = open(dir.path(), 700);
    let mut most = 0;
    let mut looks = 0;
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        // Counted from outside while files come and go. A listing is not one moment, but it counts every file
        // that exists throughout, and at most 700 do.
        most = most.max(backend.entries().unwrap().unwrap());
        looks += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert!(looks > 10 && most <= 700 && most > 650, "{looks} {most}");
    assert_eq!(entry_files(backend.dir()).len() as u64, backend.entries().unwrap().unwrap());
}
