//! What an operation costs with few and with many entries: 4 KiB values, keys at random, and a
//! limit of 120,000 entries.
//!
//! `cargo run --release -p cache-file --example measure [DIRECTORY]`; the directory should be on a
//! real disk. Default: `target/cache-file-measure` in the working directory.
#![allow(clippy::print_stdout, reason = "it prints its measurements")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use cache_core::{BaseCache, Bytes, Cache, Error, Result};
use cache_file::FileCache;

const HOUR: Duration = Duration::from_secs(3_600);
const ROUNDS: u32 = 5_000;

/// Microseconds per call: the median of batches of 50, which a pause of the disk does not move.
fn micros(mut call: impl FnMut(u32) -> Result<()>) -> Result<f64> {
    let mut batches = Vec::new();
    for batch in 0..ROUNDS / 50 {
        let since = Instant::now();
        for n in batch * 50..(batch + 1) * 50 {
            call(n)?;
        }
        batches.push(since.elapsed().as_secs_f64() * 1e6 / 50.0);
    }
    batches.sort_by(f64::total_cmp);
    Ok(batches.get(batches.len() / 2).copied().unwrap_or(f64::NAN))
}

/// The same for what has the system's errors.
fn bare(mut call: impl FnMut() -> std::io::Result<()>) -> Result<f64> {
    micros(|_| call().map_err(|e| Error::storage("measuring").with_source(e)))
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let dir =
        std::env::args_os().nth(1).map_or_else(|| PathBuf::from("target/cache-file-measure"), PathBuf::from);
    let value = Bytes::from(vec![7; 4_096]);
    println!(
        "µs per call: entries, fs::read, get, miss, has_key, fs::write + rename, set over, set new + delete, touch, incr"
    );
    for entries in [1_000_u32, 10_000, 100_000] {
        let place = dir.join(entries.to_string());
        let backend = FileCache::builder(&place).max_entries(120_000).build()?;
        let cache = Cache::new(backend.clone());
        cache.clear()?;
        let since = Instant::now();
        for n in 0..entries {
            cache.set_bytes(&format!("k{n}"), value.clone(), HOUR)?;
        }
        let fill = since.elapsed().as_secs_f64() * 1e6 / f64::from(entries);
        cache.set("number", &0, HOUR)?;
        let key = || format!("k{}", fastrand::u32(..entries));
        // What the fill left in memory goes to the disk now, and not while the reads are timed.
        rustix::fs::sync();
        let get = micros(|_| cache.get_bytes(&key()).map(drop))?;
        let miss = micros(|n| cache.get_bytes(&format!("none{n}")).map(drop))?;
        let has = micros(|_| cache.has_key(&key()).map(drop))?;
        let set = micros(|_| cache.set_bytes(&key(), value.clone(), HOUR))?;
        let new = micros(|n| {
            cache.set_bytes(&format!("new{n}"), value.clone(), HOUR)?;
            cache.delete(&format!("new{n}")).map(drop)
        })?;
        let mut names: Vec<PathBuf> = Vec::new();
        for shard in std::fs::read_dir(&place)?.flatten().filter(|f| f.path().is_dir()) {
            names.extend(std::fs::read_dir(shard.path())?.flatten().map(|file| file.path()));
        }
        let any = || names.get(fastrand::usize(..names.len())).cloned().unwrap_or_default();
        let bare_get = bare(|| std::fs::read(any()).map(drop))?;
        let bare_set = bare(|| {
            let target = any();
            let temp = target.with_extension("tmp");
            let content = std::fs::read(&target)?;
            std::fs::write(&temp, content)?;
            std::fs::rename(temp, target)
        })?;
        let touch = micros(|_| cache.touch(&key(), HOUR).map(drop))?;
        let incr = micros(|_| cache.incr("number", 1).map(drop))?;
        let all = [bare_get, get, miss, has, bare_set, set, new, touch, incr];
        let row: Vec<String> = all.iter().map(|us| format!("{us:>7.1}")).collect();
        println!("{entries:>7} {}   filled at {fill:.1}", row.join(""));
        assert_eq!(backend.entries()?, Some(u64::from(entries) + 1));
        std::fs::remove_dir_all(&place)?;
    }
    // At the limit every third of a shard or so of new keys culls.
    let place = dir.join("full");
    let cache = Cache::new(FileCache::builder(&place).max_entries(20_000).build()?);
    for n in 0..20_000 {
        cache.set_bytes(&format!("k{n}"), value.clone(), HOUR)?;
    }
    let since = Instant::now();
    for n in 0..20_000 {
        cache.set_bytes(&format!("next{n}"), value.clone(), HOUR)?;
    }
    println!(
        "set of new keys into a full store of 20,000: {:.1} µs",
        since.elapsed().as_secs_f64() * 1e6 / 20_000.0
    );
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
