//! Checks a store that is unreachable, full or locked: every operation is an error soon, and works again afterwards.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cache_core::{Error, ErrorKind};

use crate::checks::LONG;
use crate::checks::every_op::every_op;
use crate::checks::isolation::network;
use crate::context::TestContext;
use crate::outcome::{Outcome, Stop};
use crate::test_cache::TestCache;

/// A location that can be taken away and brought back.
struct Away {
    cache: TestCache,
    dir: PathBuf,
    hidden: PathBuf,
}

impl Away {
    fn new(t: &TestContext) -> Outcome<Self> {
        t.needs(t.suite.directory, "it has no server or directory that could be unreachable")?;
        let spec = t.spec("away")?;
        let cache = t.over(t.open(&spec)?)?;
        Ok(Self { cache, hidden: t.scratch().join("hidden"), dir: spec.dir })
    }

    /// A regular file takes the directory's place.
    async fn take(&self) -> Outcome {
        // What is open stays usable: only a new beginning meets the loss.
        self.cache.close().await?;
        fs::rename(&self.dir, &self.hidden)?;
        Ok(fs::write(&self.dir, "in the way")?)
    }

    fn bring_back(&self) -> Outcome {
        fs::remove_file(&self.dir)?;
        Ok(fs::rename(&self.hidden, &self.dir)?)
    }
}

/// Whether this error reports an unreachable store. The kind depends on what the backend can know: that the
/// system refused, that no server answers, or that the setting does not name a directory.
fn is_unreachable(error: Option<&Error>) -> bool {
    let kinds = [ErrorKind::Unavailable, ErrorKind::Storage, ErrorKind::InvalidCacheBackend];
    error.is_some_and(|e| kinds.contains(&e.kind()))
}

pub(super) async fn unreachable_every_op(t: &TestContext) -> Outcome {
    if t.suite.servers.is_some() {
        return network::unreachable_every_op(t).await;
    }
    let away = Away::new(t)?;
    let cache = &away.cache;
    cache.set("kept", "value", LONG).await?;
    away.take().await?;
    // Twice: after the first failure no operation may fall silent.
    for round in 0..2 {
        for (op, error) in every_op(cache, "k").await {
            ensure!(is_unreachable(error.as_ref()), "round {round}: {op} of an unreachable store: {error:?}");
        }
        let clear = cache.clear().await.err();
        ensure!(is_unreachable(clear.as_ref()), "round {round}: clear of an unreachable store: {clear:?}");
        // Nothing to let go of.
        cache.close().await?;
    }
    ensure_eq!(fs::read_to_string(&away.dir)?, "in the way", "the file in the way");
    away.bring_back()?;
    for (op, error) in every_op(cache, "k").await {
        let succeeded = error.as_ref().is_none_or(|e| e.kind() == ErrorKind::KeyNotFound);
        ensure!(succeeded, got error, "{op}, within reach again");
    }
    if t.needs_persistent().is_ok() {
        ensure_eq!(cache.get::<String>("kept").await?.as_deref(), Some("value"), "within reach again");
    }
    Ok(())
}

pub(super) async fn unreachable_bounded(t: &TestContext) -> Outcome {
    if t.suite.servers.is_some() {
        return network::unreachable_bounded(t).await;
    }
    let away = Away::new(t)?;
    away.cache.set("kept", "value", LONG).await?;
    away.take().await?;
    let limit = Duration::from_secs(2);
    // The machine may be busy: the quickest of three rounds counts.
    let mut quickest = Duration::MAX;
    for _ in 0..3 {
        let begun = Instant::now();
        let answers = every_op(&away.cache, "k").await;
        quickest = quickest.min(begun.elapsed());
        ensure!(answers.iter().all(|(_, error)| error.is_some()), "an answer from an unreachable store");
    }
    ensure!(quickest < limit, "all operations on an unreachable store took {quickest:?}");
    away.bring_back()
}

pub(super) async fn reconnect(t: &TestContext) -> Outcome {
    if t.suite.servers.is_some() {
        return network::reconnect(t).await;
    }
    let away = Away::new(t)?;
    let cache = &away.cache;
    for round in 0..3 {
        cache.set("kept", &round, LONG).await?;
        away.take().await?;
        ensure!(
            cache.get::<i64>("kept").await.is_err(),
            "round {round}: an answer from an unreachable store"
        );
        away.bring_back()?;
        // One call may still fail; no more.
        let first = cache.set("new", &round, LONG).await;
        if first.is_err() {
            cache.set("new", &round, LONG).await?;
        }
        ensure_eq!(cache.get("new").await?, Some(round), "round {round}: within reach again");
        if t.needs_persistent().is_ok() {
            ensure_eq!(cache.get("kept").await?, Some(round), "round {round}: within reach again");
        }
    }
    // All that was stored is gone, as after a server's restart.
    cache.close().await?;
    fs::remove_dir_all(&away.dir)?;
    fs::create_dir(&away.dir)?;
    ensure!(!cache.has_key("kept").await.unwrap_or(false), "a key of a directory that is gone");
    cache.set("new", &9, LONG).await?;
    ensure_eq!(cache.get("new").await?, Some(9), "in a new directory");
    ensure_eq!(cache.incr("new").await?, 10, "in a new directory");
    Ok(())
}

/// Names a directory on a small file system (a tmpfs of a few megabytes), which the check fills.
const SMALL_DISK: &str = "CONFORMANCE_SMALL_DISK";

pub(super) async fn disk_full(t: &TestContext) -> Outcome {
    t.needs_directory()?;
    let Some(disk) = std::env::var_os(SMALL_DISK) else {
        return Err(Stop::Skipped(format!("{SMALL_DISK} names no small file system to fill")));
    };
    let mut spec = t.spec("full")?;
    let dir = tempfile::Builder::new().prefix("full-").tempdir_in(disk)?;
    dir.path().clone_into(&mut spec.dir);
    let cache = t.over(t.open(&spec)?)?;
    let value = vec![7_u8; 64 * 1024];
    cache.set("old", "old", LONG).await?;
    cache.set("gone", "gone", LONG).await?;
    let ballast = dir.path().join("ballast");
    fill(&ballast)?;
    let mut refused = 0;
    for n in 0..20 {
        let key = format!("k{n}");
        match cache.set_bytes(&key, value.clone(), LONG).await {
            Ok(()) => ensure_eq!(cache.get_bytes(&key).await?.as_deref(), Some(&value[..])),
            Err(e) => {
                ensure!(matches!(e.kind(), ErrorKind::Storage | ErrorKind::Unavailable), "{e:?}");
                ensure_eq!(cache.get_bytes(&key).await?, None, "after a set that failed");
                refused += 1;
            }
        }
    }
    ensure!(refused > 0, "nothing was refused on a full disk");
    let old = cache.set_bytes("old", value.clone(), LONG).await.is_err();
    let there = cache.get::<String>("old").await.ok().flatten();
    ensure!(!old || there.is_none_or(|value| value == "old"), "neither the old value nor none");
    ensure!(cache.get::<String>("gone").await?.is_some(), "a read on a full disk");
    fs::remove_file(&ballast)?;
    // Works again one operation after space returns.
    let _ = cache.set("k", "again", LONG).await;
    cache.set("k", "again", LONG).await?;
    ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("again"), "after space returned");
    ensure!(cache.delete("gone").await?, "delete after space returned");
    Ok(())
}

/// Writes until nothing more fits.
fn fill(ballast: &std::path::Path) -> Outcome {
    use std::io::Write as _;
    let mut file = fs::File::create(ballast)?;
    let mut piece = vec![0_u8; 1 << 20];
    let mut written = 0_usize;
    while !piece.is_empty() {
        ensure!(written < 256 << 20, "{SMALL_DISK} is not small");
        match file.write_all(&piece) {
            Ok(()) => written += piece.len(),
            Err(_) => piece.truncate(piece.len() / 2),
        }
    }
    Ok(())
}

pub(super) async fn db_locked(t: &TestContext) -> Outcome {
    let Some(lock) = t.suite.lock.clone() else {
        return Err(Stop::Skipped("no way to lock it from outside is declared".to_owned()));
    };
    let spec = t.spec("locked")?;
    let cache = t.over(t.open(&spec)?)?;
    cache.set("k", "old", LONG).await?;
    // A lock that goes soon: the operation waits for it.
    let held = lock(&spec)?;
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(150));
        drop(held);
    });
    cache.set("k", "new", LONG).await?;
    ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("new"), "after the lock had gone");
    release.join().map_err(|_| Stop::broken("the lock was not let go"))?;
    // One that stays: an error in bounded time, and the old value.
    let held = lock(&spec)?;
    let begun = Instant::now();
    let refused = cache.set("k", "newest", LONG).await.err();
    ensure!(is_unreachable(refused.as_ref()), "set of a locked store: {refused:?}");
    ensure!(begun.elapsed() < Duration::from_secs(30), "set of a locked store took {:?}", begun.elapsed());
    drop(held);
    ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("new"), "after a set that was refused");
    cache.set("k", "newest", LONG).await?;
    ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("newest"));
    Ok(())
}
