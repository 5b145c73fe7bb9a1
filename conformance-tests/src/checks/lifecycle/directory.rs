//! Checks the directory of a store on files: made when needed, private, spared by `clear`; deleted, blocked or invalid.

use std::path::{Path, PathBuf};

use cache_core::ErrorKind;

use crate::checks::LONG;
use crate::checks::every_op::every_op;
use crate::context::TestContext;
use crate::outcome::{Outcome, Stop};
use crate::spec::Spec;

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

pub(super) async fn clear_spares_foreign_data(t: &TestContext) -> Outcome {
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

pub(super) async fn location_created(t: &TestContext) -> Outcome {
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

pub(super) async fn location_deleted_underneath(t: &TestContext) -> Outcome {
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

#[cfg(unix)]
pub(super) async fn file_modes(t: &TestContext) -> Outcome {
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
pub(super) async fn file_modes(_: &TestContext) -> Outcome {
    Err(Stop::Skipped("the system has no file modes".to_owned()))
}

pub(super) async fn readonly_location_err(t: &TestContext) -> Outcome {
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

pub(super) async fn bad_location_err(t: &TestContext) -> Outcome {
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
