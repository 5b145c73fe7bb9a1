//! The same API in async code: many tasks, one cache.
//!
//! `cargo run -p examples --features servers --bin async_tasks`, with `CACHE_URL=redis://localhost:6379/1` on Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use polycache::Timeout;
use tokio::task::JoinSet;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), polycache::Error> {
    let caches = polycache::caches().url("default", "locmem://").environment().build()?;
    let cache = caches.default_cache()?;
    cache.adelete_many(["report"]).await?;

    // A hundred tasks miss one key at once: one of them computes, and the others get its value.
    let computations = Arc::new(AtomicU64::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..100 {
        let (cache, computations) = (cache.clone(), Arc::clone(&computations));
        readers.spawn(async move {
            let compute = || async {
                computations.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(50)).await;
                "42 pages".to_owned()
            };
            cache.aget_or_set("report", MINUTE, compute).await
        });
    }
    for report in readers.join_all().await {
        assert_eq!(report?, "42 pages");
    }
    println!("100 readers, {} computation", computations.load(Ordering::Relaxed));

    // A counter loses nothing when others count at the same time.
    cache.aset("visits", &0, Timeout::Never).await?;
    let mut visitors = JoinSet::new();
    for _ in 0..100 {
        let cache = cache.clone();
        visitors.spawn(async move { cache.aincr_by("visits", 1).await });
    }
    for visit in visitors.join_all().await {
        visit?;
    }
    println!("{} visits", cache.aget_or("visits", 0).await?);

    caches.aclose_all().await
}
