//! Prints what one call on a memory cache costs. Run with `--release`.

#![allow(clippy::print_stdout, reason = "it prints its measurements")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use cache_core::{BaseCache, Cache, DEFAULT_TIMEOUT, Result};
use cache_locmem::LocMemCache;

const ENTRIES: u64 = 100_000;
const CALLS: u64 = 2_000_000;

fn main() -> Result<()> {
    let backend = LocMemCache::builder().max_entries(2 * ENTRIES).build()?;
    let cache = Cache::builder(backend).key_prefix("app").build()?;
    let keys: Vec<String> = (0..ENTRIES).map(|n| format!("user:{n}")).collect();
    for key in &keys {
        cache.set_bytes(key, vec![7; 100], Duration::from_secs(300))?;
    }
    cache.set_bytes("hot", vec![7; 100], DEFAULT_TIMEOUT)?;
    cache.set("number", &1, DEFAULT_TIMEOUT)?;
    let erased = cache.clone().erase();
    // A stride that visits all keys in no order a prefetcher knows.
    let any = |n: u64| &*keys[(n * 61_403 % ENTRIES) as usize];

    time("make and validate the key alone", |_| cache.make_and_validate_key("user:12345").map(drop))?;
    let made = cache.make_and_validate_key("hot")?;
    time("the backend's get alone", |_| cache.backend().get(made.as_key()).map(drop))?;
    time("get_bytes, one key, 100 B", |_| cache.get_bytes("hot").map(drop))?;
    time("the same through dyn", |_| erased.get_bytes("hot").map(drop))?;
    time("the same through aget_bytes", |_| {
        futures_lite::future::block_on(async { black_box(cache.aget_bytes("hot").await) }).map(drop)
    })?;
    time("get_bytes, any of 100,000 keys", |n| cache.get_bytes(any(n)).map(drop))?;
    time("set_bytes over one of them", |n| cache.set_bytes(any(n), &b"0123456789"[..], DEFAULT_TIMEOUT))?;
    time("incr", |_| cache.incr("number", 1).map(drop))?;
    time("a miss", |_| cache.get_bytes("absent").map(drop))?;
    Ok(())
}

fn time(what: &str, call: impl Fn(u64) -> Result<()>) -> Result<()> {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        for n in 0..CALLS / 5 {
            call(black_box(n))?;
        }
        best = best.min(start.elapsed().as_nanos() as f64 / (CALLS / 5) as f64);
    }
    println!("{what:<36} {best:>7.1} ns");
    Ok(())
}
