//! Several processes on one directory: counting, adding, the bound, and being killed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a failure is a panic")]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use cache_core::{BaseCache as _, Bytes, Cache, Clock, Timeout};
use cache_file::FileCache;
use common::{dir, entry_files, job, run, spawn, temp_files, wait_for};

const HOUR: Duration = Duration::from_secs(3_600);
const INCRS: i64 = 1_000;
const ADDERS: usize = 4;
const ROUNDS: usize = 1_000;
const KEYS: u32 = 8;

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
                cache.incr("n", 1).unwrap();
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
        "write" => write_for_ever(&dir, number),
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
    assert_eq!(cache.get::<i64>("n").unwrap(), Some(8 * INCRS));
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
    let mut counts = [0; ADDERS];
    for (round, winners) in winners.iter().enumerate() {
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        counts[winners[0]] += 1;
        let stored = cache.get::<String>(&format!("round {round}")).unwrap().unwrap();
        assert_eq!(usize::from(stored.as_bytes()[0] - b'a'), winners[0], "the winner's value is there");
    }
    println!("rounds won by each process: {counts:?}");
}

#[test]
fn the_bound_holds_with_several_processes_and_the_count_stays_true() {
    let dir = dir();
    let mut children: Vec<_> = (0..4).map(|number| spawn("bound", dir.path(), number)).collect();
    let (backend, _) = open(dir.path(), 700);
    let mut most = 0;
    let mut looks = 0;
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        // Counted from outside, while files come and go: a listing is not one moment, but a file
        // that is there throughout is counted, and at most 700 are.
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

/// A value that says whose it is and is wrong if any byte is: key, number, length, repetition.
fn value_of(key: u32, number: u32) -> Vec<u8> {
    let word = u64::from(key) << 32 | u64::from(number);
    let length = 100 + (number % 50) * 700;
    let mut value = length.to_le_bytes().to_vec();
    for n in 0..length {
        value.extend_from_slice(&(word.wrapping_mul(u64::from(n) * 2 + 1)).to_le_bytes());
    }
    value
}

fn is_value_of(key: u32, value: &[u8]) -> bool {
    // The first word after the length is the key and the number themselves.
    let word = value.get(4..12).and_then(|b| b.first_chunk()).map(|b| u64::from_le_bytes(*b));
    word.is_some_and(|word| {
        (word >> 32) == u64::from(key) && value_of(key, (word & 0xffff_ffff) as u32) == value
    })
}

fn write_for_ever(dir: &Path, number: usize) {
    let (_, cache) = open(dir, 600);
    fs::write(dir.join(format!("ready-{number}-{}", std::process::id())), "").unwrap();
    for round in 0_u32.. {
        let key = round % KEYS;
        let name = format!("k{key}");
        cache.set_bytes(&name, value_of(key, round), HOUR).unwrap();
        cache.touch(&name, Timeout::Never).unwrap();
        // May be absent: the other writer is deleting, and killed while it does.
        let _ = cache.incr("count", 1);
        cache.add(&format!("many {round} {number}"), &round, HOUR).unwrap();
        if round % 5 == 0 {
            cache.delete(&name).unwrap();
            cache.delete(&format!("many {round} {number}")).unwrap();
        }
    }
}

/// Writers are killed at random moments; `CACHE_FILE_KILLS` says how often (default 200).
#[test]
fn killed_writers_leave_whole_values_and_the_next_operation_works() {
    let kills: u32 = std::env::var("CACHE_FILE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let dir = dir();
    let (backend, cache) = open(dir.path(), 600);
    cache.set("count", &0, Timeout::Never).unwrap();
    let mut seen = 0_u32;
    let mut left = 0;
    for kill in 0..kills {
        let mut writers = [0, 1].map(|number| spawn("write", dir.path(), number));
        for (number, writer) in writers.iter().enumerate() {
            let ready = dir.path().join(format!("ready-{number}-{}", writer.id()));
            wait_for("a writer", || ready.exists());
        }
        let since = Instant::now();
        let lifetime = Duration::from_micros(fastrand::u64(0..8_000));
        while since.elapsed() < lifetime {
            std::hint::spin_loop();
        }
        for writer in &mut writers {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        left += temp_files(backend.dir()).len();
        for key in 0..KEYS {
            if let Some(value) = cache.get_bytes(&format!("k{key}")).unwrap() {
                assert!(is_value_of(key, &value), "kill {kill}: key {key} has a torn or foreign value");
                seen += 1;
            }
        }
        assert!(cache.get::<i64>("count").unwrap().is_some(), "kill {kill}");
        cache.set_bytes("k0", Bytes::from(value_of(0, kill)), HOUR).unwrap();
        cache.incr("count", 1).unwrap();
        assert!(entry_files(backend.dir()).len() as u64 <= 600, "kill {kill}");
        assert!(entry_files(backend.dir()).len() as u64 <= backend.entries().unwrap().unwrap());
        // Nothing was damaged, so nothing is swept but what was left unfinished.
        let swept = backend.sweep().unwrap();
        assert_eq!((swept.damaged, swept.expired), (0, 0), "kill {kill}");
        assert!(temp_files(backend.dir()).is_empty());
        assert_eq!(backend.entries().unwrap(), Some(swept.entries));
    }
    println!("{kills} kills of two writers, {seen} whole values read, {left} temporary files left and swept");
    assert!(seen > kills && left > 0, "the campaign must hit something: {seen} {left}");
}

#[test]
fn the_checker_of_values_finds_what_is_wrong() {
    let good = value_of(3, 77);
    assert!(is_value_of(3, &good) && !is_value_of(4, &good));
    assert!(!is_value_of(3, &good[..good.len() - 1]) && !is_value_of(3, &[]));
    let other = value_of(3, 78);
    let torn = [&other[..500], &good[500..]].concat();
    assert!(!is_value_of(3, &torn));
}
