//! Checks `close`, dropped handles and reopening: a cache goes on, nothing leaks, and a persistent store keeps its data.

use std::time::{Duration, Instant};

use crate::checks::LONG;
use crate::context::TestContext;
use crate::mode::Mode;
use crate::outcome::{Outcome, Stop};
use crate::workers::Worker;

pub(super) async fn close_idempotent(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.close().await?;
    cache.get::<i64>("k").await?;
    cache.close().await?;
    cache.close().await?;
    Ok(())
}

pub(super) async fn use_after_close(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let clone = cache.clone();
    cache.set("k", &1, LONG).await?;
    for round in 1..5 {
        cache.close().await?;
        ensure_eq!(cache.get::<i64>("k").await?, Some(round));
        cache.close().await?;
        ensure_eq!(clone.incr("k").await?, round + 1);
    }
    Ok(())
}

fn open_files() -> Outcome<usize> {
    match std::fs::read_dir("/proc/self/fd") {
        Ok(fds) => Ok(fds.count()),
        Err(_) => Err(Stop::Skipped("the system does not list a process's open files".to_owned())),
    }
}

pub(super) async fn drop_releases_fds(t: &TestContext) -> Outcome {
    const HANDLES: usize = 100;
    let spec = t.spec("fd")?;
    let use_one = async || -> Outcome {
        let cache = t.over(t.open(&spec)?)?;
        cache.set("k", &1, LONG).await?;
        cache.get::<i64>("k").await?;
        Ok(())
    };
    // What the first use opens for the whole process stays.
    use_one().await?;
    let before = open_files()?;
    for _ in 0..HANDLES {
        use_one().await?;
    }
    // A thread that closes for another may be late. A leak of one in two handles does not go away.
    let begun = Instant::now();
    while open_files()? >= before + HANDLES / 2 && begun.elapsed() < Duration::from_secs(3) {
        match t.mode() {
            Mode::Sync => std::thread::sleep(Duration::from_millis(20)),
            Mode::Async => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    let left = open_files()?.saturating_sub(before);
    ensure!(
        left < HANDLES / 2,
        got left,
        "descriptors that {HANDLES} dropped handles, each used for a set and a get, left open"
    );
    Ok(())
}

pub(super) async fn reopen_data(t: &TestContext) -> Outcome {
    t.needs_persistent()?;
    let spec = t.spec("again")?;
    let values = || vec![("text".to_owned(), "x".repeat(5_000)), ("empty".to_owned(), String::new())];
    {
        let cache = t.over(t.open(&spec)?)?;
        cache.set_many(values(), LONG).await?;
        cache.set("n", &41, LONG).await?;
        cache.set("null", &None::<i64>, cache_core::Timeout::Never).await?;
        cache.close().await?;
    }
    let cache = t.over(t.open(&spec)?)?;
    ensure_eq!(cache.get_many::<String, _>(["text".to_owned(), "empty".to_owned()]).await?, values());
    ensure_eq!(cache.incr("n").await?, 42);
    ensure_eq!(cache.get::<Option<i64>>("null").await?, Some(None));
    ensure!(!cache.has_key("other").await?);
    Ok(())
}

pub(super) async fn reopen_from_other_process(t: &TestContext) -> Outcome {
    t.needs_persistent()?;
    t.needs_processes()?;
    let spec = t.spec("left")?;
    ensure_eq!(t.run_workers(1, &spec, "first")?, ["left 42"]);
    let cache = t.over(t.open(&spec)?)?;
    ensure_eq!(cache.get::<String>("text").await?.as_deref(), Some("from another process"));
    ensure_eq!(cache.incr("n").await?, 43);
    ensure_eq!(t.run_workers(1, &spec, "second")?, ["left 44"]);
    Ok(())
}

pub(super) async fn write_and_leave(w: &Worker) -> Outcome<String> {
    if w.role == "first" {
        w.cache.set("text", "from another process", LONG).await?;
        w.cache.set("n", &41, LONG).await?;
    }
    Ok(format!("left {}", w.cache.incr("n").await?))
}
