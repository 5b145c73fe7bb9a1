//! Checks several processes on one location: each reads what others write, and one killed at any moment harms nobody.

use std::time::{Duration, Instant};

use super::patterned_values::{filled, filling};
use crate::checks::MINUTE;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;
use crate::workers::{Process, Worker};

/// Longer than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

async fn wait_for(t: &TestContext, cache: &TestCache, key: &str) -> Outcome {
    let begun = Instant::now();
    while !cache.has_key(key).await? {
        ensure!(begun.elapsed() < PATIENCE, "no other process's {key} was seen within {PATIENCE:?}");
        t.wait(Duration::from_millis(1)).await;
    }
    Ok(())
}

pub(super) async fn proc_visibility(t: &TestContext) -> Outcome {
    t.needs_processes()?;
    let spec = t.spec("shared")?;
    let cache = t.over(t.open(&spec)?)?;
    cache.set("text", "from the first", MINUTE).await?;
    cache.set("n", &1, MINUTE).await?;
    cache.set("gone", &1, MINUTE).await?;
    cache.set("moved", &1, MINUTE).await?;
    let workers = t.start_workers(1, &spec, "echo")?;
    for round in 0..20 {
        cache.set(&format!("ping{round}"), &round, MINUTE).await?;
        wait_for(t, &cache, &format!("pong{round}")).await?;
        ensure_eq!(cache.get(&format!("pong{round}")).await?, Some(round * 2), "the other process's value");
    }
    workers.into_iter().try_for_each(|worker| worker.finish().map(drop))?;
    ensure_eq!(cache.get::<String>("text").await?.as_deref(), Some("from the second"));
    ensure_eq!(cache.get("n").await?, Some(3), "after the other's incr");
    ensure!(!cache.has_key("gone").await?, "a key that the other deleted is still present");
    ensure!(!cache.add("added", &2, MINUTE).await?, "the other's add is not seen");
    ensure_eq!(cache.with_version(2).get("moved").await?, Some(1), "a key that the other moved");
    ensure_eq!(cache.get::<i64>("moved").await?, None, "a key that the other moved");
    // Its clear is everybody's.
    t.run_workers(1, &spec, "clear")?;
    ensure!(!cache.has_key("text").await?, "the other's clear is not seen");
    Ok(())
}

pub(super) async fn visibility_worker(w: &Worker) -> Outcome<String> {
    let cache = &w.cache;
    if w.role == "clear" {
        cache.clear().await?;
        return Ok("cleared".to_owned());
    }
    ensure_eq!(cache.get::<String>("text").await?.as_deref(), Some("from the first"));
    for round in 0..20 {
        let begun = Instant::now();
        while !cache.has_key(&format!("ping{round}")).await? {
            ensure!(begun.elapsed() < PATIENCE, "ping{round} was not seen");
            std::thread::sleep(Duration::from_millis(1));
        }
        cache.set(&format!("pong{round}"), &(round * 2), MINUTE).await?;
    }
    cache.set("text", "from the second", MINUTE).await?;
    ensure_eq!(cache.incr_by("n", 2).await?, 3);
    ensure!(cache.delete("gone").await?);
    ensure!(cache.add("added", &1, MINUTE).await?);
    ensure_eq!(cache.incr_version("moved").await?, 2);
    Ok("seen".to_owned())
}

/// Bytes of a value that is being written when its writer is killed.
const SIZE: usize = 40 * 1024;

pub(super) async fn kill9_mid_write(t: &TestContext) -> Outcome {
    const KILLS: usize = 20;
    t.needs_processes()?;
    let mut spec = t.spec("shared")?;
    // A private setting of this check: its workers choose the same.
    spec.max_entries = None;
    let len = t.capabilities().max_value_size.map_or(SIZE, |most| SIZE.min(most / 2));
    let mut random = fastrand::Rng::with_seed(9);
    let cache = t.over(t.open(&spec)?)?;
    cache.set_bytes("kept", filled(1, len), MINUTE * 10).await?;
    cache.set("count", &0, MINUTE * 10).await?;
    for kill in 0..KILLS {
        cache.delete("alive").await?;
        let workers = t.start_workers(1, &spec, &len.to_string())?;
        wait_for(t, &cache, "alive").await?;
        std::thread::sleep(Duration::from_micros(random.u64(0..8_000)));
        workers.into_iter().try_for_each(Process::kill)?;
        // By the handle that was open all along, or by one opened after the kill.
        let cache = if kill % 2 == 0 { cache.clone() } else { t.over(t.open(&spec)?)? };
        intact(&cache, len, kill).await?;
    }
    if t.needs_file_per_entry().is_ok() {
        cache.clear().await?;
        let cleared = files_below(&spec.dir)?;
        cache.set("k", &1, MINUTE).await?;
        cache.clear().await?;
        ensure_eq!(cleared, files_below(&spec.dir)?, "files that clear left of the killed writers");
    }
    Ok(())
}

/// Each value is whole, and each operation works.
async fn intact(cache: &TestCache, len: usize, kill: usize) -> Outcome {
    let kept = cache.get_bytes("kept").await?;
    ensure!(kept.is_some(), "kill {kill}: a value that was only overwritten is gone");
    filling(&kept.unwrap_or_default(), len)?;
    for n in 0..4 {
        let key = format!("k{n}");
        if let Some(value) = cache.get_bytes(&key).await? {
            filling(&value, len)?;
        }
        cache.has_key(&key).await?;
        cache.set_bytes(&key, filled(9, len), MINUTE).await?;
        ensure_eq!(filling(&cache.get_bytes(&key).await?.unwrap_or_default(), len)?, 9, "kill {kill}: set");
        ensure!(cache.delete(&key).await?, "kill {kill}: delete");
        ensure!(cache.add(&key, "new", MINUTE).await?, "kill {kill}: add");
        cache.delete(&key).await?;
    }
    let count = cache.get::<i64>("count").await?;
    ensure!(count.is_some_and(|count| count >= 0), "kill {kill}: the counter is {count:?}");
    let next = cache.incr("count").await?;
    ensure_eq!(Some(next), count.map(|count| count + 1), "kill {kill}: incr");
    Ok(())
}

pub(super) async fn kill9_worker(w: &Worker) -> Outcome<String> {
    let len: usize = w.role.parse().unwrap_or(SIZE);
    let cache = &w.cache;
    cache.set("alive", &true, MINUTE).await?;
    for step in 0_usize.. {
        let key = format!("k{}", step % 4);
        let value = filled(u8::try_from(step % 200).unwrap_or_default(), len);
        cache.set_bytes("kept", value.clone(), MINUTE * 10).await?;
        cache.set_bytes(&key, value.clone(), MINUTE).await?;
        cache.touch("kept", MINUTE * 10).await?;
        cache.incr("count").await?;
        cache.delete(&format!("k{}", (step + 1) % 4)).await?;
        cache.add(&format!("k{}", (step + 1) % 4), serde_bytes::Bytes::new(&value), MINUTE).await?;
        cache.set_many([(&key, serde_bytes::Bytes::new(&value))], MINUTE).await?;
    }
    Ok("never".to_owned())
}

/// How many regular files there are.
fn files_below(dir: &std::path::Path) -> Outcome<usize> {
    Ok(crate::checks::entry_files::below(dir)?.len())
}
