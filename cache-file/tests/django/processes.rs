//! Several threads and processes on one directory.

use std::path::Path;
use std::time::Duration;

use cache_core::{BaseCache as _, Cache, Clock};
use cache_file::{FileCache, Layout};
use conformance_tests::faults::{effort, record};

use crate::common::{dir, job, run, spawn, wait_for};
use crate::{HOUR, entry_files};

const INCRS: i64 = 1_000;
const ADDERS: usize = 8;
const ROUNDS: usize = 200;
const LIMIT: u64 = 300;

fn open(dir: &Path) -> (FileCache, Cache<FileCache>) {
    let options = FileCache::builder(dir.join("cache")).layout(Layout::Django);
    let backend = options.max_entries(LIMIT).build().unwrap();
    (backend.clone(), Cache::new(backend))
}

pub(crate) fn work() {
    let Some((job, dir, number)) = job() else { return };
    let (backend, cache) = open(&dir);
    match job.as_str() {
        "incr" => {
            for _ in 0..INCRS {
                cache.incr("n").unwrap();
            }
        }
        "add" => {
            let gate = std::fs::OpenOptions::new().append(true).create(true).open(dir.join("gate")).unwrap();
            let mut won = String::new();
            for round in 0..ROUNDS {
                std::io::Write::write_all(&mut &gate, b".").unwrap();
                let all = ((round + 1) * ADDERS) as u64;
                wait_for("the other adders", || gate.metadata().unwrap().len() >= all);
                if cache.add(&format!("round {round}"), &number, HOUR).unwrap() {
                    won.push_str(&format!("{round} "));
                }
            }
            std::fs::write(dir.join(format!("won-{number}")), won).unwrap();
        }
        "bound" => {
            for n in 0..150 {
                let key = format!("{number}-{n}");
                cache.set(&key, &n, HOUR).unwrap();
                assert!(backend.entries().unwrap().unwrap() <= LIMIT);
                if n % 7 == 0 {
                    cache.delete(&key).unwrap();
                }
            }
        }
        other => panic!("no such job: {other}"),
    }
}

#[test]
fn threads_and_processes_count_exactly_and_keep_the_lifetime() {
    let dir = dir();
    let (clock, hands) = Clock::manual();
    let options = FileCache::builder(dir.path().join("cache")).layout(Layout::Django).clock(clock);
    let cache = Cache::new(options.build().unwrap());
    cache.set("n", &0, HOUR).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..INCRS {
                    cache.incr("n").unwrap();
                }
            });
        }
        run("incr", dir.path(), 8);
    });
    let counted = cache.get::<i64>("n").unwrap().unwrap();
    let figure = format!("{counted} counted by 8 processes and 2 threads x {INCRS}");
    record(8, "file-django", 10 * INCRS.unsigned_abs(), (10 * INCRS).abs_diff(counted), &figure);
    assert_eq!(counted, 10 * INCRS);
    hands.advance(HOUR + Duration::from_secs(1));
    assert_eq!(cache.get::<i64>("n").unwrap(), None);
}

#[test]
fn add_has_one_winner_in_every_round() {
    let batches = effort(1, 50);
    let mut failures = Vec::new();
    for _ in 0..batches {
        let dir = dir();
        run("add", dir.path(), ADDERS);
        let mut winners = vec![Vec::new(); ROUNDS];
        for number in 0..ADDERS {
            let won = std::fs::read_to_string(dir.path().join(format!("won-{number}"))).unwrap();
            for round in won.split_whitespace() {
                winners[round.parse::<usize>().unwrap()].push(number);
            }
        }
        let (_, cache) = open(dir.path());
        for (round, winners) in winners.iter().enumerate() {
            let stored = cache.get::<usize>(&format!("round {round}")).unwrap();
            if winners.len() != 1 || stored != winners.first().copied() {
                failures.push(format!("round {round}: {winners:?} won, the value is that of {stored:?}"));
            }
        }
    }
    let rounds = batches * ROUNDS as u64;
    let figure = format!("{} of {rounds} rounds of {ADDERS} processes without one winner", failures.len());
    record(9, "file-django", rounds, failures.len() as u64, &figure);
    assert!(failures.is_empty(), "{figure}: {failures:#?}");
}

#[test]
fn the_bound_holds_with_several_processes() {
    let dir = dir();
    let mut children: Vec<_> = (0..3).map(|number| spawn("bound", dir.path(), number)).collect();
    let (backend, _) = open(dir.path());
    let mut most = 0;
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        most = most.max(backend.entries().unwrap().unwrap());
        std::thread::sleep(Duration::from_millis(5));
    }
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert!(most <= LIMIT && most > LIMIT / 2, "{most}");
    assert!(entry_files(backend.dir()).len() as u64 <= LIMIT);
}
