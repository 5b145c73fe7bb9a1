//! Checks entries that are not what this backend wrote: damaged, replaced, of another type.

use std::fs;
use std::path::{Path, PathBuf};

use cache_core::{Codec, CodecError, CodecId, ErrorKind, Json, Visit};

use crate::checks::{LONG, entry_files};
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

/// A small entry of a backend with a file per entry, and where it lies.
struct Target {
    cache: TestCache,
    dir: PathBuf,
    file: PathBuf,
    whole: Vec<u8>,
}

impl Target {
    async fn new(t: &TestContext, name: &str, number: bool) -> Outcome<Self> {
        t.needs_file_per_entry()?;
        let spec = t.spec(name)?;
        let cache = t.over(t.open(&spec)?)?;
        if number {
            cache.set("k", &41, LONG).await?;
        } else {
            cache.set("k", "text", LONG).await?;
        }
        let file = entry_files::of_key(&spec.dir, &cache.cache.make_key("k")?)?;
        let whole = fs::read(&file)?;
        Ok(Self { cache, dir: spec.dir, file, whole })
    }

    /// Puts `bytes` in place of the entry's file.
    fn put(&self, bytes: &[u8]) -> Outcome {
        Ok(fs::write(&self.file, bytes)?)
    }
}

/// Whether this operation takes the key as absent. Nothing is stored.
async fn takes_as_absent(cache: &TestCache, op: usize) -> cache_core::Result<bool> {
    let not_found = |result: cache_core::Result<i64>| match result {
        Err(e) if e.kind() == ErrorKind::KeyNotFound => Ok(true),
        other => other.map(|_| false),
    };
    Ok(match op {
        0 => cache.get::<serde_json::Value>("k").await?.is_none(),
        1 => !cache.has_key("k").await?,
        2 => cache.get_many::<serde_json::Value, _>(["k"]).await?.is_empty(),
        3 => !cache.touch("k", LONG).await?,
        4 => not_found(cache.incr("k").await)?,
        5 => not_found(cache.incr_version("k").await)?,
        6 => cache.get_bytes("k").await?.is_none(),
        _ => !cache.delete("k").await?,
    })
}

const OPS: usize = 8;

pub(super) async fn truncated_every_length(t: &TestContext) -> Outcome {
    for number in [false, true] {
        let target = Target::new(t, &format!("cut{number}"), number).await?;
        let cache = &target.cache;
        for len in 0..target.whole.len() {
            let cut = &target.whole[..len];
            for op in 0..OPS {
                target.put(cut)?;
                ensure!(
                    takes_as_absent(cache, op).await?,
                    "operation {op} takes an entry cut at {len} for one"
                );
            }
            target.put(cut)?;
            ensure!(cache.add("k", "added", LONG).await?, "add over an entry cut at {len}");
            ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("added"), "cut at {len}");
            target.put(cut)?;
            cache.set("k", "set", LONG).await?;
            ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("set"), "cut at {len}");
            ensure!(cache.delete("k").await?, "delete after set over an entry cut at {len}");
        }
        // Longer than it was, too.
        target.put(&[&target.whole[..], b"more"].concat())?;
        ensure!(takes_as_absent(cache, 1).await?, "an entry with bytes behind its end is taken for one");
        target.put(&target.whole)?;
        ensure!(!takes_as_absent(cache, 0).await?, "the undamaged entry, put back, is a miss");
    }
    Ok(())
}

pub(super) async fn bit_flip(t: &TestContext) -> Outcome {
    for number in [false, true] {
        let target = Target::new(t, &format!("flip{number}"), number).await?;
        for bit in 0..target.whole.len() * 8 {
            let mut flipped = target.whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            for op in [bit % OPS, 0] {
                target.put(&flipped)?;
                let is_a_miss = takes_as_absent(&target.cache, op).await?;
                ensure!(is_a_miss, "operation {op} takes an entry with bit {bit} flipped for one");
            }
        }
        target.put(&target.whole)?;
        ensure!(!takes_as_absent(&target.cache, 0).await?, "the undamaged entry, put back, is a miss");
    }
    Ok(())
}

pub(super) async fn symlink_not_followed(t: &TestContext) -> Outcome {
    let target = Target::new(t, "linked", false).await?;
    let cache = &target.cache;
    let outside = t.scratch().join("outside");
    // Even to a good entry of the same key.
    fs::write(&outside, &target.whole)?;
    for op in 0..OPS {
        plant(&target.file, |place| std::os::unix::fs::symlink(&outside, place))?;
        ensure!(takes_as_absent(cache, op).await?, "operation {op} follows a symbolic link");
        ensure!(fs::read(&outside)? == target.whole, "operation {op} wrote through a symbolic link");
    }
    for dangling in [false, true] {
        let to = if dangling { t.scratch().join("not-there") } else { outside.clone() };
        for add in [false, true] {
            plant(&target.file, |place| std::os::unix::fs::symlink(&to, place))?;
            if add {
                ensure!(cache.add("k", "mine", LONG).await?, "add over a symbolic link");
            } else {
                cache.set("k", "mine", LONG).await?;
            }
            ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("mine"));
            ensure!(fs::read(&outside)? == target.whole, "a write went through a symbolic link");
            ensure!(!t.scratch().join("not-there").exists(), "a write went through a dangling link");
            let file = entry_files::of_key(&target.dir, &cache.cache.make_key("k")?)?;
            ensure!(fs::symlink_metadata(file)?.is_file(), "the entry is not a regular file");
        }
    }
    // Opening a FIFO for reading would hang for ever.
    let fifo = |place: &Path| std::process::Command::new("mkfifo").arg(place).status().map(drop);
    for op in 0..OPS {
        plant(&target.file, fifo)?;
        ensure!(takes_as_absent(cache, op).await?, "operation {op} takes a FIFO for an entry");
    }
    plant(&target.file, |place| std::os::unix::fs::symlink(&outside, place))?;
    cache.clear().await?;
    ensure!(fs::read(&outside)? == target.whole, "clear reached through a symbolic link");
    Ok(())
}

/// Makes something in an entry's place.
fn plant(place: &Path, make: impl FnOnce(&Path) -> std::io::Result<()>) -> Outcome {
    match fs::remove_file(place) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e.into()),
        _ => {}
    }
    Ok(make(place)?)
}

/// Writes the bytes that it is given, and says that it is the codec of this number.
#[derive(Debug)]
struct Forger(u8);

impl Codec for Forger {
    fn id(&self) -> CodecId {
        CodecId(self.0)
    }

    fn name(&self) -> &'static str {
        "a forger"
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
        // The value is a list of numbers.
        Ok(serde_json::from_str(&serde_json::to_string(value)?)?)
    }

    fn decode(&self, _: &[u8], _: &mut Visit<'_>) -> Result<(), CodecError> {
        Err("a forger reads nothing".into())
    }
}

pub(super) async fn foreign_writer(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let value = vec!["one".to_owned(), "two".to_owned()];
    cache.set("list", &value, LONG).await?;
    cache.set("text", "not a number", LONG).await?;
    cache.set("number", &7, LONG).await?;
    // Another type, from each operation that reads.
    ensure_err!(cache.get::<i64>("list").await, Decode);
    ensure_err!(cache.get::<i64>("text").await, Decode);
    ensure_err!(cache.get::<String>("number").await, Decode);
    ensure_err!(cache.get_or("text", 1).await, Decode);
    ensure_err!(cache.get_bytes("number").await, Decode);
    ensure_err!(cache.get_many::<i64, _>(["number", "text"]).await, Decode);
    ensure_err!(cache.get_or_set("text", LONG, || 1).await, Decode);
    ensure_err!(cache.incr("text").await, NotAnInteger);
    ensure_err!(cache.incr("list").await, NotAnInteger);

    if t.needs_any_codec().is_err() {
        return Ok(());
    }
    // A codec that this reader does not have.
    let forged = t.build(|builder| builder.codec(Forger(99)))?;
    forged.set("forged", &[1_u8, 2, 3], LONG).await?;
    ensure_err!(cache.get::<Vec<u8>>("forged").await, Decode);
    let reader = t.build(|builder| builder.codec(Json))?;
    let writer = t.build(|builder| builder.codec(cache_core::MessagePack))?;
    writer.set("packed", &value, LONG).await?;
    ensure_err!(reader.get::<Vec<String>>("packed").await, Decode);
    ensure_eq!(writer.get::<Vec<String>>("packed").await?.as_ref(), Some(&value), "read by its writer");
    ensure!(!reader.add("packed", &1, LONG).await?, "add over a foreign value");
    ensure!(reader.touch("packed", LONG).await? && reader.has_key("packed").await?);
    let both = t.build(|builder| builder.codec(Json).also_decode(cache_core::MessagePack))?;
    ensure_eq!(both.get::<Vec<String>>("packed").await?.as_ref(), Some(&value), "with also_decode");

    // All of them are still there.
    ensure_eq!(cache.get::<Vec<String>>("list").await?.as_ref(), Some(&value), "after wrong reads");
    ensure_eq!(cache.get::<String>("text").await?.as_deref(), Some("not a number"), "after wrong reads");
    ensure_eq!(cache.get("number").await?, Some(7), "after wrong reads");
    ensure!(cache.has_key("forged").await?, "a foreign value is gone");
    garbage(t, &writer, 1).await?;
    garbage(t, &reader, 2).await
}

/// Bytes of no sense under the number of a codec: an error of decoding or some value, no panic.
async fn garbage(t: &TestContext, reader: &TestCache, codec: u8) -> Outcome {
    let forger = t.build(|builder| builder.codec(Forger(codec)))?;
    let mut random = fastrand::Rng::with_seed(u64::from(codec));
    for round in 0..150 {
        let bytes: Vec<u8> = (0..random.usize(0..24)).map(|_| random.u8(..)).collect();
        forger.set("garbage", &bytes, LONG).await?;
        let results = [
            reader.get::<serde_json::Value>("garbage").await.map(drop),
            reader.get::<Vec<String>>("garbage").await.map(drop),
            reader.get::<(u8, String, Option<bool>)>("garbage").await.map(drop),
        ];
        for result in results {
            if let Err(e) = result {
                ensure_eq!(e.kind(), ErrorKind::Decode, "round {round}: {bytes:?}");
            }
        }
        ensure!(reader.has_key("garbage").await?, "round {round}: {bytes:?} is gone");
    }
    Ok(())
}
