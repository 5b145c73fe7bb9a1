//! Writers that are killed at random moments. What a writer was told is done stays; what it had begun
//! happened whole or not at all.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use cache_core::{Cache, Timeout};
use cache_db::{DatabaseCache, DatabaseCacheBuilder};
use common::{build, check, job, layout, quick_place, wait_for, worker};
use conformance_tests::faults::{effort, record};

const WRITERS: u64 = 2;

/// Keys of each kind.
const KEYS: u64 = 40;

/// The most entries of the table that is culled all the time.
const MOST: i64 = 30;

/// What a writer does as its `i`-th call. All but the last three have keys of the writer's own.
enum Op {
    Set(String),
    Add(String),
    Touch(String),
    Delete(String),
    SetMany([String; 2]),
    /// Another writer sets it, too.
    Shared(String),
    Culled(String),
    Incr,
}

fn hash(of: impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

fn op(writer: u64, i: u64) -> Op {
    let dice = hash((writer, i));
    let n = dice / 16 % KEYS;
    let own = format!("own-{writer}-{n}");
    match dice % 16 {
        0..4 => Op::Set(own),
        4 => Op::Add(own),
        5 => Op::Touch(own),
        6 => Op::Delete(own),
        7..10 => Op::SetMany([format!("pair-{writer}-{n}"), format!("riap-{writer}-{n}")]),
        10 => Op::Shared(format!("shared-{n}")),
        11..14 => Op::Culled(format!("culled-{}", i % 500)),
        _ => Op::Incr,
    }
}

/// A value that says what it is, and which no part of can be of another.
fn value(key: &str, writer: u64, i: u64) -> String {
    let seed = hash((key, writer, i));
    let words: Vec<String> = (0..seed % 150).map(|n| format!("{:016x}", hash((seed, n)))).collect();
    format!("{key} {writer} {i} {}", words.join(" "))
}

/// The writer and the call by which `found` came under `key`; `None` if no call stored it so.
fn origin(key: &str, found: &str) -> Option<(u64, u64)> {
    let mut words = found.split(' ').skip(1).map(|word| word.parse().ok());
    let (writer, i) = (words.next()??, words.next()??);
    (found == value(key, writer, i)).then_some((writer, i))
}

/// Own keys, and the call that stored each.
type Entries = BTreeMap<String, u64>;

fn expect(entries: &mut Entries, writer: u64, i: u64) {
    match op(writer, i) {
        Op::Set(key) => drop(entries.insert(key, i)),
        Op::Add(key) => drop(entries.entry(key).or_insert(i)),
        Op::Delete(key) => drop(entries.remove(&key)),
        Op::SetMany(keys) => entries.extend(keys.map(|key| (key, i))),
        Op::Touch(_) | Op::Shared(_) | Op::Culled(_) | Op::Incr => {}
    }
}

fn options(name: &str, path: &Path) -> DatabaseCacheBuilder {
    DatabaseCache::builder(path).layout(layout(name)).unlimited()
}

fn culled(name: &str, path: &Path) -> Cache<DatabaseCache> {
    build(options(name, path).table("culled").max_entries(MOST.unsigned_abs()))
}

/// Writes until it is killed, a byte into its notes after each call.
fn write(name: &str, path: &Path, writer: u64, from: u64) {
    let (kept, culled) = (build(options(name, path)), culled(name, path));
    kept.has_key("n").unwrap();
    culled.has_key("n").unwrap();
    let mut notes = std::fs::File::create(notes(path, writer)).unwrap();
    for i in from.. {
        let of = |key: &str| value(key, writer, i);
        match op(writer, i) {
            Op::Set(key) | Op::Shared(key) => kept.set(&key, &of(&key), Timeout::Never).unwrap(),
            Op::Add(key) => drop(kept.add(&key, &of(&key), Timeout::Never).unwrap()),
            Op::Touch(key) => drop(kept.touch(&key, Duration::from_secs(3_600)).unwrap()),
            Op::Delete(key) => drop(kept.delete(&key).unwrap()),
            Op::SetMany(keys) => {
                let pairs = keys.each_ref().map(|key| (key, of(key)));
                drop(kept.set_many(pairs, Timeout::Never).unwrap());
            }
            Op::Culled(key) => culled.set(&key, &of(&key), Duration::from_secs(1 + i % 3)).unwrap(),
            Op::Incr => drop(kept.incr("n").unwrap()),
        }
        notes.write_all(b".").unwrap();
    }
}

fn notes(path: &Path, writer: u64) -> std::path::PathBuf {
    path.with_file_name(format!("notes-{writer}"))
}

/// Kills writers over and over; `test` is the name of the test that calls it.
fn kill_writers(test: &str, name: &str) {
    if let Some(job) = job() {
        return write(&job[0], Path::new(&job[1]), job[2].parse().unwrap(), job[3].parse().unwrap());
    }
    let (_dir, path) = quick_place();
    let cache = build(options(name, &path));
    cache.set("n", &0, Timeout::Never).unwrap();
    let rounds = effort(15, 1_000 / WRITERS);
    let mut from = [0; WRITERS as usize];
    let mut entries: [Entries; WRITERS as usize] = Default::default();
    let (mut counted, mut calls, mut problems) = (0, 0, Vec::new());
    for round in 0..rounds {
        // A new start each time, or one over what the dead left open.
        if round % 2 == 0 {
            cache.close().unwrap();
        }
        let start = |writer: u64| {
            let job = format!("{name}|{}|{writer}|{}", path.display(), from[writer as usize]);
            worker(test, &job)
        };
        let mut writers: Vec<_> = (0..WRITERS).map(start).collect();
        (0..WRITERS).for_each(|writer| wait_for(&notes(&path, writer)));
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..25_000)));
        for writer in &mut writers {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        let mut sums = (counted, counted);
        for writer in 0..WRITERS {
            let w = writer as usize;
            let done = std::fs::read(notes(&path, writer)).unwrap().len() as u64;
            std::fs::remove_file(notes(&path, writer)).unwrap();
            let all = from[w]..from[w] + done;
            sums.0 += all.clone().filter(|&i| matches!(op(writer, i), Op::Incr)).count() as i64;
            sums.1 += (all.start..=all.end).filter(|&i| matches!(op(writer, i), Op::Incr)).count() as i64;
            all.clone().for_each(|i| expect(&mut entries[w], writer, i));
            let mut with_the_last = entries[w].clone();
            expect(&mut with_the_last, writer, all.end);
            let found = own_entries(&cache, writer, &mut problems);
            if found != entries[w] && found != with_the_last {
                problems.push(format!("writer {writer}: {}", difference(&entries[w], &found)));
            }
            (entries[w], from[w], calls) = (found, all.end + 1, calls + done);
        }
        let sum = cache.get::<i64>("n").unwrap().unwrap_or_default();
        if sum < sums.0 || sum > sums.1 {
            problems.push(format!("counted to {sum} where {sums:?} were told or begun"));
        }
        counted = sum;
        whole_values(&cache, (0..KEYS).map(|n| format!("shared-{n}")), &mut problems);
        let small = culled(name, &path);
        whole_values(&small, (0..500).map(|n| format!("culled-{n}")), &mut problems);
        for table in ["cache", "culled"] {
            let (whole, rows, entries) = check(&path, name, table);
            if whole != "ok" || rows != entries || table == "culled" && rows > MOST {
                problems.push(format!("{table}: {whole}, {rows} rows, counted {entries}"));
            }
        }
    }
    let kills = rounds * WRITERS;
    let figure = format!(
        "{} torn, foreign, lost or miscounted after {kills} kills in {calls} calls; integrity_check ok each time",
        problems.len()
    );
    let figure = if problems.is_empty() { figure } else { problems[0].clone() };
    record(7, name, kills, problems.len() as u64, &figure);
    println!("{figure}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(calls > kills, "the writers wrote nothing");
}

fn own_entries(cache: &Cache<DatabaseCache>, writer: u64, problems: &mut Vec<String>) -> Entries {
    let kinds = ["own", "pair", "riap"];
    let keys = kinds.iter().flat_map(|kind| (0..KEYS).map(move |n| format!("{kind}-{writer}-{n}")));
    let mut entries = Entries::new();
    for (key, found) in cache.get_many::<String, _>(keys).unwrap() {
        match origin(&key, &found) {
            Some((by, i)) if by == writer => drop(entries.insert(key, i)),
            _ => problems.push(format!("{key} holds what nobody stored there: {found:.60}")),
        }
    }
    entries
}

fn whole_values(
    cache: &Cache<DatabaseCache>,
    keys: impl Iterator<Item = String>,
    problems: &mut Vec<String>,
) {
    for (key, found) in cache.get_many::<String, _>(keys).unwrap() {
        if origin(&key, &found).is_none() {
            problems.push(format!("{key} holds what nobody stored there: {found:.60}"));
        }
    }
}

fn difference(expected: &Entries, found: &Entries) -> String {
    let keys = expected.keys().chain(found.keys()).filter(|key| expected.get(*key) != found.get(*key));
    let shown = keys.map(|key| format!("{key}: {:?} became {:?}", expected.get(key), found.get(key)));
    shown.collect::<Vec<_>>().join(", ")
}

#[test]
fn killed_writers_lose_and_tear_nothing() {
    kill_writers("killed_writers_lose_and_tear_nothing", "db");
}

#[cfg(feature = "django")]
#[test]
fn killed_writers_lose_and_tear_nothing_in_django_s_table() {
    kill_writers("killed_writers_lose_and_tear_nothing_in_django_s_table", "db-django");
}
