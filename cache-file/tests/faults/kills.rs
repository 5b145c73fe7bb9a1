//! Writers killed at random moments.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cache_core::{BaseCache as _, ErrorKind, Timeout};
use conformance_tests::faults::{again, effort, record};

use crate::common::{dir, wait_for};
use crate::store::{HOUR, Kind, Store, value_of};

const KEYS: u32 = 6;
const WRITERS: u32 = 2;

/// Full after a moment, so that culls are under way all the time; and one of two shards, where a
/// rename has two directories to change.
fn limits(kind: Kind) -> &'static [u64] {
    match kind {
        Kind::Native => &[40, 600],
        #[cfg(feature = "django")]
        Kind::Django => &[40],
    }
}

/// Every operation that changes something, over and over. What is not there may have been culled,
/// or be what the other writer deletes.
pub(crate) fn write_for_ever(kind: Kind, number: u64, dir: &Path) -> ExitCode {
    let limit = limits(kind)[(number / 10) as usize];
    let Store { backend, cache, .. } = kind.limited(dir, limit);
    let pid = std::process::id();
    // Made beforehand: most of the time is to be the store's.
    let values = |name| {
        (0..KEYS * 4)
            .map(|n| (format!("{name}{}", n % KEYS), n * 7))
            .map(|(key, n)| (value_of(&key, n), key))
            .collect::<Vec<_>>()
    };
    let (stays, moves) = (values("k"), values("moved"));
    fs::write(dir.join(format!("ready-{pid}")), "").unwrap();
    for round in 0_u32.. {
        let (value, key) = &stays[(round % (KEYS * 4)) as usize];
        cache.set(key, value, HOUR).unwrap();
        cache.touch(key, Timeout::Never).unwrap();
        match cache.incr("count") {
            Err(e) if e.kind() == ErrorKind::KeyNotFound => {
                cache.add("count", &0, Timeout::Never).unwrap();
            }
            counted => drop(counted.unwrap()),
        }
        let filler = filler(pid, round);
        cache.add(&filler, &value_of(&filler, round % 3), HOUR).unwrap();
        let (value, key_to_move) = &moves[(round % (KEYS * 4)) as usize];
        cache.set(key_to_move, value, HOUR).unwrap();
        match cache.incr_version(key_to_move) {
            Err(e) if e.kind() == ErrorKind::KeyNotFound => {}
            moved => drop(moved.unwrap()),
        }
        if round % 5 == 0 {
            cache.delete(key).unwrap();
        }
        if round % 16 == 7 {
            backend.purge_expired().unwrap();
        }
        if round % 64 == 40 {
            cache.clear().unwrap();
        }
    }
    ExitCode::SUCCESS
}

fn filler(pid: u32, round: u32) -> String {
    format!("filler {pid} {round}")
}

pub(crate) fn killed_at_random(kind: Kind) {
    let rounds = effort(50, 500);
    let dirs = [dir(), dir()];
    let stores: Vec<_> =
        limits(kind).iter().zip(&dirs).map(|(&n, at)| (n, at, kind.limited(at.path(), n))).collect();
    let (mut whole, mut left, mut failures) = (0_u64, 0, Vec::new());
    for round in 0..rounds {
        let place = round as usize % stores.len();
        let (limit, dir, store) = &stores[place];
        let pids = kill_writers(kind, place, dir.path());
        left += store.temp_files();
        match judge(store, *limit, &pids, round) {
            Ok(seen) => whole += seen,
            Err(what) => failures.push(format!("round {round}, limit {limit}: {what}")),
        }
    }
    let kills = rounds * u64::from(WRITERS);
    let figure = format!(
        "{} bad of {kills} kills; {whole} whole values read, {left} temporary files left and removed",
        failures.len()
    );
    record(1, kind.name(), kills, failures.len() as u64, &figure);
    assert!(failures.is_empty(), "{figure}: {failures:#?}");
    assert!(whole > rounds && left > 0, "it must hit something: {figure}");
}

/// Starts writers, kills them after a moment, and gives their process numbers.
fn kill_writers(kind: Kind, place: usize, dir: &Path) -> Vec<u32> {
    let start =
        |number| again(&crate::job("write", kind, place as u32 * 10 + number, dir)).unwrap().spawn().unwrap();
    let mut writers: Vec<_> = (0..WRITERS).map(start).collect();
    let pids: Vec<u32> = writers.iter().map(std::process::Child::id).collect();
    for pid in &pids {
        wait_for("a writer", || dir.join(format!("ready-{pid}")).exists());
    }
    let (since, lifetime) = (Instant::now(), Duration::from_micros(fastrand::u64(0..12_000)));
    while since.elapsed() < lifetime {
        std::hint::spin_loop();
    }
    for writer in &mut writers {
        // One that failed has ended already.
        assert_eq!(writer.try_wait().unwrap(), None, "a writer failed");
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    pids
}

/// Counts the whole values, if nothing is wrong.
fn judge(store: &Store, limit: u64, pids: &[u32], round: u64) -> Result<u64, String> {
    let Store { backend, cache, .. } = store;
    let error = |e: cache_core::Error| e.to_string();
    // Two renames, each with an entry of a full store under both keys.
    let most = limit + u64::from(WRITERS);
    let files = store.entry_files().len() as u64;
    if files > most {
        return Err(format!("{files} entries, at most {limit}"));
    }
    // Damage in a young file may be one who writes in place.
    store.age();
    // Every tenth time what was left unfinished is for a clear to remove.
    let clears = round % 10 == 9;
    if !clears {
        // Before a reader removes what is damaged. Nothing is: what is swept was left unfinished.
        let purged = backend.purge_expired().map_err(error)?;
        if purged != Some(0) {
            return Err(format!("{purged:?} expired or damaged entries"));
        }
    }
    let mut whole = 0;
    for key in 0..KEYS {
        for (key, version) in [(format!("k{key}"), 1), (format!("moved{key}"), 1), (format!("moved{key}"), 2)]
        {
            whole += u64::from(store.number(&key, version)?.is_some());
        }
    }
    for (pid, round) in pids.iter().flat_map(|&pid| (0..40).map(move |round| (pid, round))) {
        whole += u64::from(store.number(&filler(pid, round), 1)?.is_some());
    }
    cache.get::<i64>("count").map_err(error)?;
    store.works()?;
    if clears {
        cache.clear().map_err(error)?;
    }
    let (files, counted) = (store.entry_files().len() as u64, backend.entries().map_err(error)?);
    if store.temp_files() > 0 || counted != Some(files) {
        return Err(format!("{} temporary files, {files} entries, {counted:?} counted", store.temp_files()));
    }
    Ok(whole)
}
