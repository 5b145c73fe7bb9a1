//! Checks that locations are apart from each other, and shared where they are the same, whatever their names.

use std::fs;

use cache_core::ErrorKind;

use crate::checks::{LONG, entry_files};
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

pub(super) async fn locations_isolated(t: &TestContext) -> Outcome {
    let (one, other) = (t.cache_at("one")?, t.cache_at("other")?);
    apart(&one, &other, "two locations").await
}

/// Nothing that happens on one shows on the other.
async fn apart(one: &TestCache, other: &TestCache, what: &str) -> Outcome {
    one.set("k", "mine", LONG).await?;
    one.set("n", &1, LONG).await?;
    ensure!(!other.has_key("k").await?, "{what}: the other has the key");
    ensure!(other.add("k", "theirs", LONG).await?, "{what}: add on the other");
    ensure_eq!(other.incr("n").await.map_err(|e| e.kind()), Err(ErrorKind::KeyNotFound), "{what}");
    other.set("n", &10, LONG).await?;
    other.incr("n").await?;
    ensure!(other.incr_version("n").await? == 2, "{what}: incr_version on the other");
    other.set_many([("k", "theirs"), ("more", "theirs")], LONG).await?;
    ensure_eq!(one.get::<String>("k").await?.as_deref(), Some("mine"), "{what}");
    ensure_eq!(one.get("n").await?, Some(1), "{what}");
    ensure!(!one.has_key("more").await?, "{what}: set_many on the other");
    other.delete_many(["k", "n"]).await?;
    other.touch("k", std::time::Duration::ZERO).await?;
    ensure_eq!(one.get::<String>("k").await?.as_deref(), Some("mine"), "{what}: delete on the other");
    other.set("k", "theirs", LONG).await?;
    other.clear().await?;
    ensure_eq!(one.get::<String>("k").await?.as_deref(), Some("mine"), "{what}: clear of the other");
    other.set("k", "theirs", LONG).await?;
    one.clear().await?;
    ensure!(!one.has_key("k").await?, "{what}: its own clear");
    ensure_eq!(other.get::<String>("k").await?.as_deref(), Some("theirs"), "{what}: clear of the first");
    other.clear().await?;
    Ok(())
}

pub(super) async fn locations_shared(t: &TestContext) -> Outcome {
    t.needs_shared_locations()?;
    let spec = t.spec("shared")?;
    let (one, other) = (t.over(t.open(&spec)?)?, t.over(t.open(&spec)?)?);
    one.set("k", "value", LONG).await?;
    ensure_eq!(other.get::<String>("k").await?.as_deref(), Some("value"));
    ensure!(!other.add("k", "second", LONG).await?, "add beside the other's entry");
    other.set("n", &1, LONG).await?;
    ensure_eq!(one.incr("n").await?, 2);
    ensure_eq!(other.incr("n").await?, 3, "counting by turns");
    ensure!(other.touch("k", LONG).await?);
    ensure_eq!(other.incr_version("k").await?, 2);
    ensure_eq!(one.with_version(2).get::<String>("k").await?.as_deref(), Some("value"), "moved by the other");
    ensure!(one.delete("n").await?);
    ensure!(!other.has_key("n").await?, "deleted by the other");
    one.set_many([("a", 1), ("b", 2)], LONG).await?;
    ensure_eq!(other.get_many::<i64, _>(["a", "b"]).await?.len(), 2, "set_many by the other");
    other.clear().await?;
    ensure!(one.get_many::<i64, _>(["a", "b"]).await?.is_empty(), "cleared by the other");
    one.set("k", "again", LONG).await?;
    ensure!(other.has_key("k").await?, "a set after the other's clear");
    Ok(())
}

/// Names that mean something to SQL, to a shell, to a file system.
const NAMES: &[&str] = &[
    "two words",
    "quo\"te",
    "apo'strophe",
    "back`tick",
    "semi;colon",
    "x\"; DROP TABLE \"y",
    "x'; DELETE FROM sqlite_master; --",
    "[bracket]",
    "select",
    "per%cent",
    "under_score",
    "star*",
    "ünïcode 清",
    "back\\slash",
];

pub(super) async fn table_name_quoted(t: &TestContext) -> Outcome {
    let neighbour = t.cache_at("neighbour")?;
    neighbour.set("k", "neighbour's", LONG).await?;
    for (number, name) in NAMES.iter().enumerate() {
        let mut spec = t.spec(&format!("n{number}"))?;
        // Behind the unique name, so that nobody else's is met.
        spec.location.push_str(name);
        let opened = match t.open(&spec) {
            // A name that a backend cannot take is refused when it is built.
            Err(e) => {
                ensure_eq!(e.kind(), ErrorKind::InvalidCacheBackend, "the location {name:?}");
                continue;
            }
            Ok(opened) => t.over(opened)?,
        };
        ensure!(opened.add("k", "own", LONG).await?, "the location {name:?} is not its own");
        let there = neighbour.get::<String>("k").await?;
        ensure_eq!(there.as_deref(), Some("neighbour's"), "beside the location {name:?}");
        opened.clear().await?;
        neighbour.clear().await?;
        apart(&opened, &neighbour, name).await?;
        neighbour.set("k", "neighbour's", LONG).await?;
    }
    // Two names that differ in a letter that some stores take for a pattern or fold.
    for (one, other) in [("a_", "ab"), ("a%", "abc"), ("a*", "ab"), ("a?", "ab")] {
        let open = |name: &str, slot: &str| -> Outcome<Option<TestCache>> {
            let mut spec =
                t.spec(&format!("{one}{slot}").replace(|c: char| !c.is_ascii_alphanumeric(), "p"))?;
            let unique = format!("{}{name}", t.spec("pattern")?.location);
            spec.location = unique;
            t.open(&spec).ok().map(|backend| t.over(backend)).transpose()
        };
        if let (Some(first), Some(second)) = (open(one, "first")?, open(other, "second")?) {
            apart(&first, &second, &format!("locations {one:?} and {other:?}")).await?;
        }
    }
    Ok(())
}

/// A sub-directory, files that look like nothing, and one that looks much like an entry.
const FOREIGN: &[&str] = &["README.txt", "cache", ".hidden", "data.djcache.orig", "0", "theirs/note.txt"];

pub(super) async fn foreign_files_ignored(t: &TestContext) -> Outcome {
    t.needs_directory()?;
    let mut spec = t.spec("visited")?;
    if t.capabilities().evicting
        || t.open(&crate::spec::Spec { max_entries: Some(5), ..spec.clone() }).is_ok()
    {
        spec.max_entries = Some(5);
    }
    // Some of these files exist before the cache, some appear while it is in use.
    fs::create_dir(spec.dir.join("theirs"))?;
    let (before, during) = FOREIGN.split_at(3);
    let plant = |names: &[&str]| -> Outcome {
        names.iter().try_for_each(|name| Ok(fs::write(spec.dir.join(name), format!("foreign {name}"))?))
    };
    plant(before)?;
    let cache = t.over(t.open(&spec)?)?;
    cache.set("k", "value", LONG).await?;
    plant(during)?;
    let mut beside = None;
    if t.needs_file_per_entry().is_ok() {
        // A stranger's file right beside an entry.
        let entry = entry_files::of_key(&spec.dir, &cache.cache.make_key("k")?)?;
        let mut name = entry.clone().into_os_string();
        name.push(".bak");
        fs::copy(&entry, &name)?;
        beside = Some((name, fs::read(&entry)?));
    }
    ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("value"));
    for n in 0..30 {
        cache.set(&format!("k{n}"), &n, LONG).await?;
        ensure_eq!(cache.get(&format!("k{n}")).await?, Some(n), "among foreign files");
    }
    if let (Some(max), Some(entries)) = (spec.max_entries, cache.cache.backend().entries()?) {
        ensure!(
            (1..=max).contains(&entries),
            "{entries} entries: foreign files are counted or the limit is not kept"
        );
    }
    cache.clear().await?;
    ensure!(!cache.has_key("k29").await?, "clear among foreign files");
    cache.set("k", "again", LONG).await?;
    cache.close().await?;
    for name in FOREIGN {
        let text = fs::read_to_string(spec.dir.join(name))?;
        ensure_eq!(text, format!("foreign {name}"), "the foreign file {name}");
    }
    if let Some((name, bytes)) = beside {
        ensure!(fs::read(name)? == bytes, "a foreign file beside an entry has changed");
    }
    Ok(())
}
