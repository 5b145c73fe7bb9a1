//! Family L: clear, close, reopen.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cache_core::{ErrorKind, KeyPolicy};

use super::LONG;
use super::every_op::every_op;
use crate::check::Check;
use crate::context::TestContext;
use crate::mode::Mode;
use crate::outcome::{Outcome, Stop};
use crate::spec::Spec;
use crate::workers::Worker;

pub(crate) const CHECKS: &[Check] = &[
    check!("L", clear_empties),
    check!("L", clear_on_empty).storeless(),
    check!("L", clear_spans_prefixes),
    check!("L", clear_spares_other_location),
    check!("L", clear_spares_foreign_data),
    check!("L", usable_after_clear),
    check!("L", close_idempotent).storeless(),
    check!("L", use_after_close),
    check!("L", drop_releases_fds).own_process(),
    check!("L", location_created),
    check!("L", location_deleted_underneath),
    check!("L", reopen_data),
    check_with_worker!("L", reopen_from_other_process, write_and_leave),
    check!("L", file_modes),
    check!("L", readonly_location_err),
    check!("L", bad_location_err),
    check!("L", dummy_profile).storeless(),
];

async fn clear_empties(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let keys: Vec<String> = (0..50).map(|n| format!("k{n}")).collect();
    cache.set_many(keys.iter().map(|key| (key, 1)), LONG).await?;
    cache.set("text", "x", cache_core::Timeout::Never).await?;
    // What has expired takes a place until it is cleared too.
    let brief = Duration::from_millis(20);
    cache.set("expired", &1, brief).await?;
    t.outlive(brief).await;
    cache.clear().await?;
    ensure_eq!(cache.get_many::<i64, _>(&keys).await?, []);
    ensure!(!cache.has_key("text").await?);
    ensure_err!(cache.incr("k0").await, KeyNotFound);
    ensure!(cache.add("k0", &1, LONG).await?);
    if let Some(entries) = cache.cache.backend().entries()? {
        ensure_eq!(entries, 1, "entries after clear and one add");
    }
    Ok(())
}

async fn clear_on_empty(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.clear().await?;
    cache.clear().await?;
    ensure!(!cache.has_key("k").await?);
    Ok(())
}

async fn clear_spans_prefixes(t: &TestContext) -> Outcome {
    let (one, two) = (t.build(|b| b.key_prefix("one"))?, t.build(|b| b.key_prefix("two").version(7))?);
    for cache in [&one, &two, &one.with_version(3)] {
        cache.set("k", &1, LONG).await?;
    }
    one.clear().await?;
    for cache in [&one, &two, &one.with_version(3)] {
        ensure!(!cache.has_key("k").await?);
    }
    Ok(())
}

async fn clear_spares_other_location(t: &TestContext) -> Outcome {
    let (here, there) = (t.cache(), t.cache_at("there")?);
    here.set("k", &1, LONG).await?;
    there.set("k", &2, LONG).await?;
    here.clear().await?;
    ensure_eq!(here.get::<i64>("k").await?, None);
    ensure_eq!(there.get::<i64>("k").await?, Some(2));
    Ok(())
}

/// Every path below `dir`, directories included.
fn walk(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut rest = vec![dir.to_owned()];
    while let Some(dir) = rest.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                rest.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    Ok(found)
}

async fn clear_spares_foreign_data(t: &TestContext) -> Outcome {
    t.needs_directory()?;
    let spec = t.spec("foreign")?;
    let cache = t.over(t.open(&spec)?)?;
    cache.set("k", &1, LONG).await?;
    // Beside the data, and in every directory of it.
    let mut dirs: Vec<PathBuf> = walk(&spec.dir)?.into_iter().filter(|path| path.is_dir()).collect();
    dirs.push(spec.dir.clone());
    let mut foreign = Vec::new();
    for dir in &dirs {
        for name in ["notes.txt", ".hidden", "backup.cache", "0123.djcache", ".tmp-keep"] {
            std::fs::write(dir.join(name), name)?;
            foreign.push(dir.join(name));
        }
        std::fs::create_dir(dir.join("a directory"))?;
        foreign.push(dir.join("a directory"));
    }
    cache.clear().await?;
    ensure!(!cache.has_key("k").await?);
    for path in foreign {
        ensure!(path.exists(), "clear removed {}", path.display());
    }
    cache.set("k", &2, LONG).await?;
    ensure_eq!(cache.get::<i64>("k").await?, Some(2));
    Ok(())
}

async fn usable_after_clear(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for round in 0..5 {
        ensure!(cache.add("k", &round, LONG).await?);
        ensure_eq!(cache.incr("k").await?, round + 1);
        cache.set("set", &round, LONG).await?;
        ensure_eq!(cache.get::<i64>("set").await?, Some(round));
        cache.set_many([("one", round), ("two", round)], LONG).await?;
        ensure_eq!(cache.get_many::<i64, _>(["one", "two"]).await?.len(), 2);
        cache.clear().await?;
    }
    Ok(())
}

async fn close_idempotent(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.close().await?;
    cache.get::<i64>("k").await?;
    cache.close().await?;
    cache.close().await?;
    Ok(())
}

async fn use_after_close(t: &TestContext) -> Outcome {
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

async fn drop_releases_fds(t: &TestContext) -> Outcome {
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

async fn location_created(t: &TestContext) -> Outcome {
    t.needs_directory()?;
    let mut spec = t.spec("nested")?;
    spec.dir = spec.dir.join("not/there/yet");
    let cache = t.over(t.open(&spec)?)?;
    ensure!(!spec.dir.exists(), "building a backend did I/O");
    ensure_eq!(cache.get::<i64>("k").await?, None);
    cache.set("k", &1, LONG).await?;
    ensure_eq!(cache.get::<i64>("k").await?, Some(1));
    ensure!(spec.dir.exists());
    Ok(())
}

async fn location_deleted_underneath(t: &TestContext) -> Outcome {
    t.needs_directory()?;
    let spec = t.spec("deleted")?;
    let cache = t.over(t.open(&spec)?)?;
    for round in 0..3 {
        cache.set("k", &round, LONG).await?;
        std::fs::remove_dir_all(&spec.dir)?;
        ensure_eq!(cache.get::<i64>("k").await?, None, "after the location was deleted");
        ensure!(!cache.has_key("k").await?);
        ensure!(!cache.touch("k", LONG).await?);
        ensure!(!cache.delete("k").await?);
        ensure_err!(cache.incr("k").await, KeyNotFound);
        cache.set("k", &round, LONG).await?;
        ensure_eq!(cache.get::<i64>("k").await?, Some(round), "set after the location was deleted");
        std::fs::remove_dir_all(&spec.dir)?;
        cache.clear().await?;
        ensure!(cache.add("k", &1, LONG).await?);
    }
    Ok(())
}

async fn reopen_data(t: &TestContext) -> Outcome {
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

async fn reopen_from_other_process(t: &TestContext) -> Outcome {
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

async fn write_and_leave(w: &Worker) -> Outcome<String> {
    if w.role == "first" {
        w.cache.set("text", "from another process", LONG).await?;
        w.cache.set("n", &41, LONG).await?;
    }
    Ok(format!("left {}", w.cache.incr("n").await?))
}

#[cfg(unix)]
async fn file_modes(t: &TestContext) -> Outcome {
    use std::os::unix::fs::PermissionsExt;

    t.needs_directory()?;
    let outer = t.spec("modes")?;
    let spec = Spec { dir: outer.dir.join("a/b"), ..outer.clone() };
    let cache = t.over(t.open(&spec)?)?;
    for n in 0..20 {
        cache.set(&format!("k{n}"), &"x".repeat(3_000), LONG).await?;
    }
    cache.set("n", &1, LONG).await?;
    cache.incr("n").await?;
    cache.touch("n", LONG).await?;
    let paths = walk(&outer.dir)?;
    ensure!(paths.len() > 2, "nothing was written below {}", outer.dir.display());
    for path in paths {
        let metadata = path.symlink_metadata()?;
        let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
        let mode = metadata.permissions().mode() & 0o777;
        ensure!(mode == expected, "the mode of {} is {mode:04o}, expected {expected:04o}", path.display());
    }
    Ok(())
}

#[cfg(not(unix))]
async fn file_modes(_: &TestContext) -> Outcome {
    Err(Stop::Skipped("the system has no file modes".to_owned()))
}

async fn readonly_location_err(t: &TestContext) -> Outcome {
    t.needs_directory()?;
    // A regular file where the directory should be refuses writes from everyone, root included.
    let outer = t.spec("readonly")?;
    let blocked = outer.dir.join("blocked");
    std::fs::write(&blocked, "in the way")?;
    let spec = Spec { dir: blocked.join("below"), ..outer };
    let cache = match t.open(&spec) {
        Ok(backend) => t.over(backend)?,
        Err(e) => {
            ensure_eq!(e.kind(), ErrorKind::InvalidCacheBackend);
            return Ok(());
        }
    };
    for (op, failure) in every_op(&cache, "k").await {
        let kind = failure.as_ref().map(cache_core::Error::kind);
        let typed = matches!(
            kind,
            Some(ErrorKind::Storage | ErrorKind::Unavailable | ErrorKind::InvalidCacheBackend)
        );
        // The location cannot hold an entry, so reporting a miss is correct.
        let absent = matches!(kind, None | Some(ErrorKind::KeyNotFound))
            && !matches!(op, "set" | "set_bytes" | "add" | "set_many");
        ensure!(typed || absent, "{op} on a location that cannot be written: {failure:?}");
    }
    ensure_eq!(std::fs::read_to_string(&blocked)?, "in the way");
    std::fs::remove_file(&blocked)?;
    cache.set("k", &1, LONG).await?;
    ensure_eq!(cache.get::<i64>("k").await?, Some(1), "once the way is free");
    Ok(())
}

async fn bad_location_err(t: &TestContext) -> Outcome {
    t.needs_directory()?;
    let spec = Spec { dir: PathBuf::from("nul\0inside"), ..t.spec("bad")? };
    match t.open(&spec) {
        Err(e) => ensure_eq!(e.kind(), ErrorKind::InvalidCacheBackend, "{e}"),
        Ok(_) => {
            let what = "building with the directory \"nul\\0inside\"";
            return Err(Stop::unexpected(what, "Err(InvalidCacheBackend)", "a backend"));
        }
    }
    Ok(())
}

async fn dummy_profile(t: &TestContext) -> Outcome {
    t.needs(!t.capabilities().stores, "it stores")?;
    let cache = t.cache();
    for _ in 0..2 {
        ensure!(cache.add("k", &1, LONG).await?);
        cache.set("k", &1, LONG).await?;
        ensure_eq!(cache.set_many([("k", 1)], LONG).await?, Vec::<&str>::new());
        ensure_eq!(cache.get::<i64>("k").await?, None);
        ensure_eq!(cache.get_or("k", 5).await?, 5);
        ensure_eq!(cache.get_many::<i64, _>(["k"]).await?, []);
        ensure!(!cache.has_key("k").await?);
        ensure!(!cache.touch("k", LONG).await?);
        ensure!(!cache.delete("k").await?);
        cache.delete_many(["k"]).await?;
        ensure_err!(cache.incr("k").await, KeyNotFound);
        ensure_err!(cache.decr("k").await, KeyNotFound);
        ensure_err!(cache.incr_version("k").await, KeyNotFound);
        ensure_err!(cache.decr_version("k").await, KeyNotFound);
        ensure_eq!(cache.get_or_set("k", LONG, || 3).await?, 3);
        cache.clear().await?;
        cache.close().await?;
    }
    let strict = t.build(|b| b.key_policy(KeyPolicy::Refuse))?;
    for (op, failure) in every_op(&strict, "not good").await {
        ensure_eq!(failure.map(|e| e.kind()), Some(ErrorKind::InvalidCacheKey), "{op}");
    }
    Ok(())
}
