//! Checks reading as another type: older types, look-alikes, panics.

use std::panic::{AssertUnwindSafe, resume_unwind};

use cache_core::{Json, MessagePack};
use futures_lite::FutureExt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{any_codec, comes_back};
use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

/// Bytes that look like something that this project, or another, writes into a store.
const LOOK_ALIKES: [&[u8]; 22] = [
    b"42",
    b"-1",
    b":1:k",
    b"i:42",
    b"\x00",
    b"\x01\x00\x00\x00\x00\x00\x00\x00",
    b"\x2a\x00\x00\x00\x00\x00\x00\x00",
    b"\xd3\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xc0",
    b"\xc3",
    b"\x93\x01\x02\x03",
    b"\xc4\x03abc",
    b"\xa3abc",
    b"\x81\xa1k\x01",
    b"null",
    b"{\"k\":[1,2]}",
    b"\"text\"",
    b"\x80\x04K*.",
    b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x01a\x94.",
    b"\x78\x9c\x03\x00\x00\x00\x00\x01",
    b"SQLite format 3\0",
    b"\x28\xb5\x2f\xfd\x00\x00",
];

pub(super) async fn mimics_envelope(t: &TestContext) -> Outcome {
    for cache in any_codec(t)? {
        for bytes in LOOK_ALIKES {
            mimic(&cache, bytes).await?;
            // What the store itself would write of it, with whatever it puts around it.
            cache.set_bytes("k", bytes, LONG).await?;
            let made = cache.cache.make_and_validate_key("k")?;
            let stored = cache.cache.backend().get(made.as_key())?.map(|payload| payload.bytes().to_vec());
            mimic(&cache, &stored.unwrap_or_default()).await?;
        }
        for flags in 0..=32_u8 {
            mimic(&cache, &[flags]).await?;
            mimic(&cache, &[flags, 0, 0, 0, 1, b'1']).await?;
        }
    }
    look_like_files(t).await
}

/// The content of the files below the location, where there are any, is a value like any other.
async fn look_like_files(t: &TestContext) -> Outcome {
    let spec = t.spec("mimics")?;
    let cache = t.over(t.open(&spec)?)?;
    cache.set("int", &42, LONG).await?;
    cache.set("text", "text", LONG).await?;
    let mut folders = vec![spec.dir];
    let mut contents = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.metadata()?.len() < 65_536 {
                contents.push(std::fs::read(entry.path())?);
            }
        }
    }
    for content in contents {
        mimic(&cache, &content).await?;
    }
    ensure_eq!(cache.incr("int").await?, 43);
    Ok(())
}

async fn mimic(cache: &TestCache, bytes: &[u8]) -> Outcome {
    cache.set_bytes("k", bytes.to_vec(), LONG).await?;
    ensure_eq!(cache.get_bytes("k").await?.as_deref(), Some(bytes));
    ensure_err!(cache.incr("k").await, NotAnInteger, "{bytes:?} counts");
    ensure_err!(cache.get::<i64>("k").await, Decode, "{bytes:?}");
    ensure_eq!(cache.get_bytes("k").await?.as_deref(), Some(bytes), "afterwards");
    if let Ok(text) = std::str::from_utf8(bytes) {
        comes_back(cache, &text.to_owned()).await?;
        ensure_err!(cache.incr("set").await, NotAnInteger, "{text:?} counts");
        ensure_eq!(cache.get::<Value>("set").await?, Some(Value::from(text)));
    }
    comes_back(cache, &bytes.to_vec()).await
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Person {
    name: String,
    age: u8,
}

pub(super) async fn wrong_type_decode_err(t: &TestContext) -> Outcome {
    for cache in any_codec(t)? {
        let person = || Person { name: "hunter2".to_owned(), age: 36 };
        cache.set("person", &person(), LONG).await?;
        cache.set("text", "hunter2", LONG).await?;
        cache.set("int", &300, LONG).await?;
        for _ in 0..2 {
            ensure_err!(cache.get::<Vec<i64>>("person").await, Decode);
            ensure_err!(cache.get::<String>("person").await, Decode);
            ensure_err!(cache.get::<Option<i64>>("person").await, Decode);
            ensure_err!(cache.get_bytes("person").await, Decode);
            ensure_err!(cache.get_or("person", 1).await, Decode, "it is not a miss");
            ensure_err!(cache.get_or_set("person", LONG, || 1).await, Decode, "it is not a miss");
            ensure_err!(cache.get_many::<i64, _>(["int", "person"]).await, Decode);
            ensure_err!(cache.get::<Person>("text").await, Decode);
            ensure_err!(cache.get::<Person>("int").await, Decode);
            ensure_err!(cache.get::<u8>("int").await, Decode, "300 does not fit a u8");
            ensure_err!(cache.get_bytes("int").await, Decode);
        }
        let error = cache.get::<Vec<u8>>("text").await.err().map(|e| format!("{e} {e:?}"));
        ensure!(error.is_some_and(|text| !text.contains("hunter2")), "the error shows the value");
        ensure_eq!(cache.get::<Person>("person").await?, Some(person()), "the entry changed");
        ensure_eq!(cache.get::<String>("text").await?.as_deref(), Some("hunter2"), "the entry changed");
        ensure_eq!(cache.incr("int").await?, 301, "the entry changed");
        ensure!(!cache.add("person", &1, LONG).await?, "the entry is gone");
    }
    // A codec that this cache does not read is not a miss either, if the store knows the codec.
    if let (Some(packed), Some(json)) = (t.in_codec(MessagePack)?, t.in_codec(Json)?) {
        packed.set("list", &[1, 2], LONG).await?;
        ensure_err!(json.get::<Vec<i64>>("list").await, Decode);
        ensure_eq!(packed.get::<Vec<i64>>("list").await?, Some(vec![1, 2]));
    }
    Ok(())
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Newer {
    /// In another place than in the older one.
    #[serde(default)]
    tags: Vec<String>,
    age: u8,
    nick: Option<String>,
    #[serde(default = "ten")]
    level: u32,
    #[serde(alias = "name")]
    full_name: String,
}

const fn ten() -> u32 {
    10
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Strict {
    name: String,
    age: u8,
    must: bool,
}

pub(super) async fn serde_evolution(t: &TestContext) -> Outcome {
    for cache in any_codec(t)? {
        let old = Person { name: "Ada".to_owned(), age: 36 };
        cache.set("k", &old, LONG).await?;
        let expected = Newer { tags: vec![], age: 36, nick: None, level: 10, full_name: "Ada".to_owned() };
        ensure_eq!(cache.get::<Newer>("k").await?, Some(expected), "a newer program reads an older value");
        ensure_err!(cache.get::<Strict>("k").await, Decode, "a field without a default");
        let new = Strict { name: "Bob".to_owned(), age: 1, must: true };
        cache.set("k", &vec![new], LONG).await?;
        let expected = Person { name: "Bob".to_owned(), age: 1 };
        ensure_eq!(
            cache.get::<Vec<Person>>("k").await?,
            Some(vec![expected]),
            "an older program, a newer value"
        );
    }
    Ok(())
}

/// Panics when it is read.
#[derive(Debug)]
struct Bomb;

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        // A panic, without the lines that the panic hook prints.
        resume_unwind(Box::new("a planted panic"))
    }
}

/// Panics when it is written.
impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        resume_unwind(Box::new("a planted panic"))
    }
}

/// A panic reaches the caller, or is a Decode or Encode error: never a value or a miss.
async fn contained<V>(what: &str, call: impl Future<Output = cache_core::Result<V>>) -> Outcome {
    match AssertUnwindSafe(call).catch_unwind().await {
        Err(_) => Ok(()),
        Ok(Err(e)) => {
            let kinds = [cache_core::ErrorKind::Decode, cache_core::ErrorKind::Encode];
            ensure!(kinds.contains(&e.kind()), "{what}: got {e:?}");
            Ok(())
        }
        Ok(Ok(_)) => Err(crate::outcome::Stop::unexpected(what, "a decode error", "a value")),
    }
}

pub(super) async fn deserialize_panic_contained(t: &TestContext) -> Outcome {
    for cache in any_codec(t)? {
        let old = vec![1, 2, 3];
        cache.set("list", &old, LONG).await?;
        cache.set("int", &1, LONG).await?;
        cache.set("text", "text", LONG).await?;
        cache.delete_many(["absent", "fine"]).await?;
        for key in ["list", "int", "text"] {
            contained("get", cache.get::<Bomb>(key)).await?;
            contained("get_many", cache.get_many::<Bomb, _>(["absent", key])).await?;
            contained("get_or_set", cache.get_or_set(key, LONG, || Bomb)).await?;
            contained("set", cache.set(key, &Bomb, LONG)).await?;
            contained("set_many", cache.set_many([("fine", None), (key, Some(Bomb))], LONG)).await?;
            contained("add", cache.add("absent", &Bomb, LONG)).await?;
        }
        contained("get_or_set", cache.get_or_set("absent", LONG, || Bomb)).await?;
        for key in ["absent", "fine"] {
            crate::checks::absence::ensure_absent(&cache, key, "after a panic").await?;
        }
        ensure_eq!(cache.get::<Vec<i64>>("list").await?, Some(old), "the entry changed");
        ensure_eq!(cache.get::<String>("text").await?.as_deref(), Some("text"), "the entry changed");
        ensure_eq!(cache.incr("int").await?, 2);
        ensure_eq!(cache.get_or_set("absent", LONG, || 5).await?, 5, "the key is free again");
        for key in ["list", "int", "text", "absent"] {
            ensure!(cache.delete(key).await?, "delete({key:?}) of a stored key returned false");
        }
    }
    Ok(())
}
