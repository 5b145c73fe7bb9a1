//! Several threads and processes at once, and locks held by others.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cache_core::{BaseCache, Cache, ErrorKind, Timeout};
use cache_db::DatabaseCache;
use common::{Gate, LAYOUTS, build, cache, cache_of, job, join, layout, look, place, rows_and_count, worker};
use conformance_tests::faults::{effort, quickest, record};

const PROCESSES: usize = 8;

fn wall_us() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
}

#[test]
fn eight_processes_count_to_the_last_one() {
    if let Some(job) = job() {
        let options = DatabaseCache::builder(&job[0]).layout(layout(&job[1]));
        let cache = build(options.busy_timeout(Duration::from_secs(60)));
        for _ in 0..1_000 {
            cache.incr("n").unwrap();
        }
        return;
    }
    for (name, _) in LAYOUTS {
        let (_dir, path) = place();
        let cache = cache_of(name, &path);
        cache.set("n", &0, Duration::from_secs(600)).unwrap();
        let job = format!("{}|{name}", path.display());
        join((0..PROCESSES).map(|_| worker("eight_processes_count_to_the_last_one", &job)));
        let sum = cache.get::<i64>("n").unwrap().unwrap();
        let figure = format!("{PROCESSES} processes x 1,000 incr made {sum}");
        record(8, name, 8_000, sum.abs_diff(8_000), &figure);
        assert_eq!(sum, 8_000, "{name}");
    }
}

#[test]
fn eight_processes_open_a_new_file_at_once_and_lose_no_set() {
    if let Some(job) = job() {
        spin_until(job[1].parse().unwrap());
        let cache = cache(Path::new(&job[0]));
        for i in 0..50 {
            cache.set(&format!("{}-{i}", job[2]), &i, Timeout::Never).unwrap();
        }
        return;
    }
    for _ in 0..3 {
        let (_dir, path) = place();
        let start = wall_us() + 150_000;
        join((0..PROCESSES).map(|process| {
            let job = format!("{}|{start}|{process}", path.display());
            worker("eight_processes_open_a_new_file_at_once_and_lose_no_set", &job)
        }));
        assert_eq!(rows_and_count(&path, "cache"), (400, 400));
    }
}

fn spin_until(moment_us: u128) {
    let early = moment_us.saturating_sub(wall_us()).saturating_sub(500);
    std::thread::sleep(Duration::from_micros(early.try_into().unwrap()));
    while wall_us() < moment_us {
        std::hint::spin_loop();
    }
}

#[test]
fn one_process_wins_each_add() {
    const STEP_US: u128 = 2_000;
    let rounds = effort(600, 10_000) as usize;
    if let Some(job) = job() {
        let cache = cache_of(&job[3], Path::new(&job[0]));
        let (start, process): (u128, usize) = (job[1].parse().unwrap(), job[2].parse().unwrap());
        let mut wins = String::new();
        // Two processes race at a time: more could not spin at once on two cores.
        for round in (0..rounds).filter(|round| round % (PROCESSES / 2) == process / 2) {
            // A little apart by chance: the one may look just before the other's commit.
            let apart = u128::from(fastrand::u8(0..40));
            spin_until(start + round as u128 * STEP_US + apart);
            if cache.add(&round.to_string(), &job[2], Timeout::Never).unwrap() {
                wins += &format!("{round} ");
            }
        }
        std::fs::write(format!("{}.wins{process}", job[0]), wins).unwrap();
        return;
    }
    for (name, _) in LAYOUTS {
        let (dir, path) = place();
        // Every other key exists already and has expired: Django's layout knows only seconds.
        let cache = cache_of(name, &path);
        let keys = (0..rounds).step_by(2).map(|round| (round.to_string(), "expired"));
        cache.set_many(keys, Duration::from_millis(1)).unwrap();
        std::thread::sleep(cache.backend().capabilities().ttl_resolution);
        let start = wall_us() + 300_000;
        join((0..PROCESSES).map(|process| {
            worker("one_process_wins_each_add", &format!("{}|{start}|{process}|{name}", path.display()))
        }));
        let mut wins = vec![0; rounds];
        let mut overwritten = 0;
        for process in 0..PROCESSES {
            let of_one = std::fs::read_to_string(dir.path().join(format!("cache.db.wins{process}"))).unwrap();
            for round in of_one.split_whitespace().map(|round| round.parse::<usize>().unwrap()) {
                wins[round] += 1;
                let found = cache.get::<String>(&round.to_string()).unwrap();
                overwritten += u64::from(found != Some(process.to_string()));
            }
        }
        let wrong = wins.iter().filter(|wins| **wins != 1).count();
        let figure =
            format!("{wrong} of {rounds} rounds without one winner, {overwritten} winners overwritten");
        record(9, name, rounds as u64, wrong as u64 + overwritten, &figure);
        assert_eq!((wrong, overwritten), (0, 0), "{name}: {figure}");
    }
}

#[test]
fn one_thread_wins_each_add() {
    const ROUNDS: usize = 2_000;
    let (_dir, path) = place();
    let value = "x".repeat(1 << 16);
    let gate = Gate::new(2);
    let caches = [cache(&path), cache(&path)];
    // Few keys, so that the file stays small: the winner's entry is removed after each round.
    let race = |cache: &Cache<DatabaseCache>, round: usize| {
        let key = (round % 8).to_string();
        gate.pass();
        let won = cache.add(&key, &value, Timeout::Never);
        gate.pass();
        let gone = cache.delete(&key);
        gate.pass();
        gone.and(won).unwrap_or_else(|e| panic!("round {round}: {e}"))
    };
    let wins: Vec<Vec<bool>> = std::thread::scope(|scope| {
        let race = &race;
        let run = |cache| scope.spawn(move || (0..ROUNDS).map(|round| race(cache, round)).collect());
        let threads: Vec<_> = caches.iter().map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (round, (one, other)) in wins[0].iter().zip(&wins[1]).enumerate() {
        assert!(one != other, "round {round}: both won, or none: {one}");
    }
    let both = wins[0].iter().filter(|won| **won).count();
    assert!(both > 0 && both < ROUNDS, "no race: one thread always won");
}

#[test]
fn threads_lose_no_set_and_no_incr() {
    let (_dir, path) = place();
    let cache = cache(&path);
    cache.set("n", &0, Timeout::Never).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..12 {
            let cache = &cache;
            scope.spawn(move || {
                for i in 0..100 {
                    let key = format!("{thread}-{i}");
                    cache.set(&key, &i, Timeout::Never).unwrap();
                    assert_eq!(cache.get::<i64>(&key).unwrap(), Some(i));
                    cache.incr("n").unwrap();
                }
            });
        }
    });
    assert_eq!(cache.get::<i64>("n").unwrap(), Some(1_200));
    assert_eq!(rows_and_count(&path, "cache"), (1_201, 1_201));
}

#[test]
fn more_threads_than_connections_all_get_their_turn() {
    let (_dir, path) = place();
    // Who is not woken would be an error in the end.
    let cache = build(DatabaseCache::builder(&path).busy_timeout(Duration::from_secs(20)));
    cache.set("k", &1, Timeout::Never).unwrap();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..24 {
            let cache = &cache;
            scope.spawn(move || {
                for i in 0..200 {
                    assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
                    if i % 20 == thread % 20 {
                        cache.set(&format!("of {thread}"), &i, Timeout::Never).unwrap();
                    }
                }
            });
        }
    });
    assert!(start.elapsed() < Duration::from_secs(20), "somebody slept until the time was up");
}

#[test]
fn a_lock_held_by_somebody_is_waited_for() {
    let (_dir, path) = place();
    let cache = cache(&path);
    cache.set("k", &1, Timeout::Never).unwrap();
    let other = look(&path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..20)
            .map(|i| {
                let cache = &cache;
                scope.spawn(move || cache.set(&format!("w{i}"), &1, Timeout::Never))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(200));
        // Writers that wait keep no reader away.
        let mut reads: Vec<_> = (0..100)
            .map(|_| {
                let start = Instant::now();
                assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
                start.elapsed()
            })
            .collect();
        reads.sort();
        assert!(reads[50] < Duration::from_millis(100), "half of the reads took {:?} or more", reads[50]);
        other.execute_batch("COMMIT").unwrap();
        for writer in writers {
            writer.join().unwrap().unwrap();
        }
    });
    assert_eq!(rows_and_count(&path, "cache"), (21, 21));
}

#[test]
fn a_lock_held_too_long_is_a_typed_error_in_time() {
    let (_dir, path) = place();
    let patient = Duration::from_millis(300);
    let cache = build(DatabaseCache::builder(&path).busy_timeout(patient));
    let keys: Vec<String> = (0..5).map(|i| i.to_string()).collect();
    cache.set("k", &1, Timeout::Never).unwrap();
    let other = look(&path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    type Write<'a> = &'a dyn Fn(&Cache<DatabaseCache>) -> cache_core::Result<()>;
    let writes: [(&str, Write<'_>); 8] = [
        ("set present", &|c| c.set("k", &2, Timeout::Never)),
        ("set absent", &|c| c.set("absent", &2, Timeout::Never)),
        ("add", &|c| c.add("absent", &2, Timeout::Never).map(drop)),
        ("incr", &|c| c.incr("k").map(drop)),
        ("delete", &|c| c.delete("k").map(drop)),
        ("set_many", &|c| c.set_many(keys.iter().map(|k| (k, 1)), Timeout::Never).map(drop)),
        ("incr_version", &|c| c.incr_version("k").map(drop)),
        ("clear", &|c| c.clear()),
    ];
    for (name, write) in writes {
        let (failed, took) = quickest(patient * 4, || write(&cache));
        let e = failed.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unavailable, "{name}: {e}");
        assert!(e.to_string().contains("cache.db") && e.to_string().contains("300ms"), "{e}");
        assert!(took >= patient && took < patient * 4, "{name}: {took:?} where {patient:?} are allowed");
        assert_eq!(cache.get::<i64>("k").unwrap(), Some(1), "{name}");
    }
    other.execute_batch("ROLLBACK").unwrap();
    for (name, write) in writes {
        cache.set("k", &1, Timeout::Never).unwrap();
        write(&cache).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    let hasty = build(DatabaseCache::builder(&path).busy_timeout(Duration::ZERO));
    hasty.set("k", &1, Timeout::Never).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(hasty.set("k", &2, Timeout::Never).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn a_file_locked_whole_keeps_readers_waiting_no_longer_than_allowed() {
    let (_dir, path) = place();
    let other = look(&path);
    other.execute_batch("CREATE TABLE t (x); BEGIN EXCLUSIVE").unwrap();
    let cache = build(DatabaseCache::builder(&path).busy_timeout(Duration::from_millis(200)));
    let (failed, took) = quickest(Duration::from_secs(1), || cache.get::<i64>("k"));
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(took < Duration::from_secs(1), "{took:?} where 200 ms are allowed");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(cache.get::<i64>("k").unwrap(), None);
}
