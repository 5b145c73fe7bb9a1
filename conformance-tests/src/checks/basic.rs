//! Family B: `set`, `get`, `add`, `delete`, `has_key`; stored nulls, refused values, and what other handles see.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use cache_core::{DEFAULT_TIMEOUT, Json, Timeout};
use serde::{Deserialize, Serialize, Serializer};

use super::LONG;
use super::absence::ensure_absent;
use crate::check::Check;
use crate::context::TestContext;
use crate::outcome::{Outcome, Stop};
use crate::test_cache::TestCache;

pub(crate) const CHECKS: &[Check] = &[
    check!("B", set_get),
    check!("B", set_overwrites),
    check!("B", set_changes_type),
    check!("B", get_missing_none).storeless(),
    check!("B", get_default),
    check!("B", stored_null_is_hit),
    check!("B", add_absent_true),
    check!("B", add_present_false),
    check!("B", add_keeps_ttl),
    check!("B", add_after_delete),
    check!("B", add_over_null_false),
    check!("B", add_after_expiry_true),
    check!("B", delete_true_then_false),
    check!("B", delete_null_true),
    check!("B", delete_expired_false),
    check!("B", has_key),
    check!("B", has_key_null_true),
    check!("B", has_key_not_sliding),
    check!("B", unit_returns).storeless(),
    check!("B", rejected_set_drops_old),
    check!("B", unserialisable_keeps_old),
    check!("B", no_alias_after_set),
    check!("B", no_alias_after_get),
    check!("B", read_your_writes),
    check!("B", second_handle_sees),
];

/// A lifetime that is over soon, and long enough to see the entry first.
const SHORT: Duration = Duration::from_millis(500);

async fn set_get(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for timeout in [DEFAULT_TIMEOUT, Timeout::Never, LONG.into()] {
        cache.set("text", "value", timeout).await?;
        cache.set("number", &7, timeout).await?;
        cache.set_bytes("bytes", &b"raw"[..], timeout).await?;
        ensure_eq!(cache.get::<String>("text").await?.as_deref(), Some("value"), "{timeout:?}");
        ensure_eq!(cache.get::<i64>("number").await?, Some(7), "{timeout:?}");
        ensure_eq!(cache.get_bytes("bytes").await?.as_deref(), Some(&b"raw"[..]), "{timeout:?}");
        ensure_eq!(cache.other_mode().get::<i64>("number").await?, Some(7), "the other mode, {timeout:?}");
        cache.clear().await?;
    }
    Ok(())
}

async fn set_overwrites(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let start = Instant::now();
    cache.set("shorter", &1, LONG).await?;
    cache.set("longer", &1, SHORT).await?;
    cache.set("forever", &1, SHORT).await?;
    cache.set("shorter", &2, SHORT).await?;
    cache.set("longer", &2, LONG).await?;
    cache.set("forever", &2, Timeout::Never).await?;
    let shorter = cache.get::<i64>("shorter").await?;
    ensure!(shorter == Some(2) || t.overslept(start, SHORT), "the new value: got {shorter:?}");
    t.outlive(SHORT).await;
    ensure_eq!(cache.get::<i64>("shorter").await?, None, "the old lifetime stayed");
    if !t.overslept(start, LONG) {
        ensure_eq!(cache.get::<i64>("longer").await?, Some(2));
    }
    ensure_eq!(cache.get::<i64>("forever").await?, Some(2));
    Ok(())
}

async fn set_changes_type(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", &1, LONG).await?;
    cache.set("k", "text", LONG).await?;
    ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("text"));
    ensure_err!(cache.get::<i64>("k").await, Decode);
    cache.set("k", &vec![1.5, 2.5], LONG).await?;
    ensure_eq!(cache.get::<Vec<f64>>("k").await?, Some(vec![1.5, 2.5]));
    cache.set_bytes("k", &b"\xff"[..], LONG).await?;
    ensure_eq!(cache.get_bytes("k").await?.as_deref(), Some(&b"\xff"[..]));
    cache.set("k", &None::<i64>, LONG).await?;
    ensure_eq!(cache.get::<Option<i64>>("k").await?, Some(None));
    cache.set("k", &-1, LONG).await?;
    ensure_eq!(cache.get::<i64>("k").await?, Some(-1));
    ensure_eq!(cache.incr_by("k", 2).await?, 1);
    Ok(())
}

async fn get_missing_none(t: &TestContext) -> Outcome {
    let cache = t.cache();
    ensure_eq!(cache.get::<i64>("missing").await?, None);
    ensure_eq!(cache.get::<String>("missing").await?, None);
    ensure_eq!(cache.get::<Option<i64>>("missing").await?, None, "a miss is not null");
    ensure_eq!(cache.get::<()>("missing").await?, None, "a miss is not null");
    ensure_eq!(cache.get_bytes("missing").await?, None);
    ensure!(!cache.has_key("missing").await?, "get made it");
    Ok(())
}

async fn get_default(t: &TestContext) -> Outcome {
    let cache = t.cache();
    ensure_eq!(cache.get_or("k", 7).await?, 7);
    ensure!(!cache.has_key("k").await?, "the default was stored");
    for stored in [1, 0] {
        cache.set("k", &stored, LONG).await?;
        ensure_eq!(cache.get_or("k", 7).await?, stored);
    }
    cache.set("k", "", LONG).await?;
    ensure_eq!(cache.get_or("k", "default".to_owned()).await?, "");
    ensure_err!(cache.get_or("k", 7).await, Decode, "a value of another type is not a miss");
    Ok(())
}

async fn stored_null_is_hit(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("none", &None::<i64>, LONG).await?;
    cache.set("unit", &(), LONG).await?;
    for key in ["none", "unit"] {
        ensure_eq!(cache.get::<Option<i64>>(key).await?, Some(None), "{key}");
        ensure_eq!(cache.get_or(key, Some(7)).await?, None, "{key}: the default was used");
        ensure_eq!(cache.get_many::<Option<i64>, _>([key]).await?, [(key, None)], "{key}");
        let computed = cache.get_or_set(key, LONG, || Some(7)).await?;
        ensure_eq!(computed, None, "{key}: get_or_set called its function");
    }
    ensure_eq!(cache.get::<()>("unit").await?, Some(()));
    Ok(())
}

async fn add_absent_true(t: &TestContext) -> Outcome {
    let cache = t.cache();
    ensure!(cache.add("int", &1, LONG).await?);
    ensure!(cache.add("text", "one", Timeout::Never).await?);
    ensure!(cache.add("other", &[1, 2], DEFAULT_TIMEOUT).await?);
    ensure_eq!(cache.get::<i64>("int").await?, Some(1));
    ensure_eq!(cache.get::<String>("text").await?.as_deref(), Some("one"));
    ensure_eq!(cache.get::<[i64; 2]>("other").await?, Some([1, 2]));
    Ok(())
}

async fn add_present_false(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", "first", LONG).await?;
    for _ in 0..3 {
        ensure!(!cache.add("k", "second", LONG).await?);
        ensure!(!cache.add("k", &2, Timeout::Never).await?, "another type");
        ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("first"));
    }
    ensure!(cache.add("n", &1, LONG).await?);
    ensure!(!cache.add("n", &2, LONG).await?, "over what add stored");
    ensure_eq!(cache.incr("n").await?, 2);
    Ok(())
}

async fn add_keeps_ttl(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let start = Instant::now();
    cache.set("short", &1, SHORT).await?;
    cache.set("long", &1, LONG).await?;
    cache.set("never", &1, Timeout::Never).await?;
    for timeout in [LONG.into(), Timeout::Never] {
        let stored = cache.add("short", &2, timeout).await?;
        if t.overslept(start, SHORT) {
            return Ok(());
        }
        ensure!(!stored, "add({timeout:?}) over an entry that lives");
    }
    ensure!(!cache.add("long", &2, SHORT).await?);
    ensure!(!cache.add("never", &2, SHORT).await?);
    t.outlive(SHORT).await;
    ensure_eq!(cache.get::<i64>("short").await?, None, "add made it live longer");
    ensure_eq!(cache.get::<i64>("never").await?, Some(1), "add made it expire");
    if !t.overslept(start, LONG) {
        ensure_eq!(cache.get::<i64>("long").await?, Some(1), "add made it expire");
    }
    Ok(())
}

async fn add_after_delete(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for round in 0..3 {
        ensure!(cache.add("k", &round, LONG).await?, "round {round}");
        ensure!(!cache.add("k", &9, LONG).await?, "round {round}");
        match round {
            0 => ensure!(cache.delete("k").await?),
            1 => cache.delete_many(["k"]).await?,
            _ => cache.clear().await?,
        }
    }
    ensure!(cache.add("k", &5, LONG).await?, "after clear");
    ensure_eq!(cache.get::<i64>("k").await?, Some(5));
    Ok(())
}

async fn add_over_null_false(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("none", &None::<i64>, LONG).await?;
    cache.set("unit", &(), LONG).await?;
    for key in ["none", "unit"] {
        ensure!(!cache.add(key, &1, LONG).await?, "add({key:?}) of a stored key returned true");
        ensure_eq!(cache.get::<Option<i64>>(key).await?, Some(None), "{key}");
    }
    Ok(())
}

async fn add_after_expiry_true(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("set", &1, SHORT).await?;
    ensure!(cache.add("added", &1, SHORT).await?);
    t.outlive(SHORT).await;
    for key in ["set", "added"] {
        ensure!(cache.add(key, &2, LONG).await?, "add({key:?}) of an absent key returned false");
        ensure_eq!(cache.get::<i64>(key).await?, Some(2), "{key}");
        ensure!(!cache.add(key, &3, LONG).await?, "{key}: again");
    }
    Ok(())
}

async fn delete_true_then_false(t: &TestContext) -> Outcome {
    let cache = t.cache();
    ensure!(!cache.delete("k").await?, "before there was one");
    cache.set("k", "value", LONG).await?;
    cache.set("n", &1, Timeout::Never).await?;
    cache.set("other", &1, LONG).await?;
    for key in ["k", "n"] {
        ensure!(cache.delete(key).await?, "delete({key:?}) of a stored key returned false");
        ensure!(!cache.delete(key).await?, "{key}: again");
        ensure_absent(&cache, key, "deleted").await?;
    }
    ensure_eq!(cache.get::<i64>("other").await?, Some(1), "another key went too");
    Ok(())
}

async fn delete_null_true(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("none", &None::<i64>, LONG).await?;
    cache.set("unit", &(), LONG).await?;
    for key in ["none", "unit"] {
        ensure!(cache.delete(key).await?, "delete({key:?}) of a stored key returned false");
        ensure_eq!(cache.get::<Option<i64>>(key).await?, None, "{key}");
        ensure!(!cache.delete(key).await?, "{key}: again");
    }
    Ok(())
}

async fn delete_expired_false(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("unseen", &1, SHORT).await?;
    cache.set("seen", &1, SHORT).await?;
    t.outlive(SHORT).await;
    ensure!(!cache.delete("unseen").await?);
    ensure_eq!(cache.get::<i64>("seen").await?, None);
    ensure!(!cache.delete("seen").await?, "after a read noticed");
    Ok(())
}

async fn has_key(t: &TestContext) -> Outcome {
    let cache = t.cache();
    ensure!(!cache.has_key("k").await?);
    cache.set("k", &0, LONG).await?;
    cache.set("empty", "", Timeout::Never).await?;
    ensure!(cache.has_key("k").await?);
    ensure!(cache.has_key("empty").await?);
    ensure!(!cache.has_key("K").await?, "another key");
    ensure!(!cache.with_version(2).has_key("k").await?, "another version");
    let contains = |key: &str| cache.cache.contains(key);
    ensure!(contains("k")? && !contains("missing")?);
    cache.delete("k").await?;
    ensure!(!cache.has_key("k").await?, "after delete");
    Ok(())
}

async fn has_key_null_true(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("none", &None::<i64>, LONG).await?;
    cache.set("unit", &(), LONG).await?;
    ensure!(cache.has_key("none").await?);
    ensure!(cache.has_key("unit").await?);
    Ok(())
}

async fn has_key_not_sliding(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let start = Instant::now();
    cache.set("k", &1, SHORT).await?;
    for _ in 0..4 {
        let there = cache.has_key("k").await?;
        ensure!(there || t.overslept(start, SHORT));
        t.wait(SHORT / 5).await;
    }
    t.outlive(SHORT / 5).await;
    ensure!(!cache.has_key("k").await?, "has_key made it live longer");
    ensure_eq!(cache.get::<i64>("k").await?, None);
    Ok(())
}

#[allow(clippy::let_unit_value, reason = "that it is unit is what is checked")]
async fn unit_returns(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for _ in 0..2 {
        let () = cache.set("k", &1, LONG).await?;
        let () = cache.set("k", &1, Duration::ZERO).await?;
        let () = cache.set_bytes("k", &b"1"[..], LONG).await?;
        let () = cache.delete_many(["k", "missing"]).await?;
        let () = cache.delete_many::<&str>([]).await?;
        let () = cache.clear().await?;
        let () = cache.close().await?;
    }
    Ok(())
}

async fn rejected_set_drops_old(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let limit = t.testable_limit()?;
    let big = Bytes::from(vec![b'x'; limit + 1]);
    for timeout in [LONG.into(), Timeout::Never] {
        cache.set("k", "old", timeout).await?;
        ensure_err!(cache.set_bytes("k", big.clone(), timeout).await, ValueTooLarge);
        ensure_absent(&cache, "k", "after a refused set").await?;
        cache.set("k", "old", timeout).await?;
        cache.set("small", "old", timeout).await?;
        let text = "x".repeat(limit + 1);
        let failed = cache.set_many([("k", text.as_str()), ("small", "new")], timeout).await?;
        ensure_eq!(failed, ["k"]);
        ensure_absent(&cache, "k", "after a refused set_many").await?;
        ensure_eq!(cache.get::<String>("small").await?.as_deref(), Some("new"));
    }
    Ok(())
}

/// Fails to serialise, half-way or from the start.
#[derive(Deserialize)]
struct Unserialisable;

impl Serialize for Unserialisable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

async fn unserialisable_keeps_old(t: &TestContext) -> Outcome {
    for cache in [Some(t.cache()), t.in_codec(Json)?].into_iter().flatten() {
        cache.set("k", "old", LONG).await?;
        let half = || ("begun".to_owned(), Unserialisable);
        ensure_err!(cache.set("k", &Unserialisable, LONG).await, Encode);
        ensure_err!(cache.set("k", &half(), Timeout::Never).await, Encode);
        ensure_err!(cache.set("k", &half(), Duration::ZERO).await, Encode, "with a zero timeout");
        ensure_err!(cache.add("k", &half(), LONG).await, Encode);
        ensure_err!(cache.add("absent", &half(), LONG).await, Encode);
        ensure_err!(cache.get_or_set("absent", LONG, half).await.map(|_| ()), Encode);
        let entries = [("fine", None), ("k", Some(half())), ("fine too", None)];
        ensure_err!(cache.set_many(entries, LONG).await, Encode);
        for key in ["absent", "fine"] {
            ensure_absent(&cache, key, "after an Encode error").await?;
        }
        ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("old"));
    }
    let Some(json) = t.in_codec(Json)? else { return Ok(()) };
    let no_json = BTreeMap::from([((1, 2), 3)]);
    ensure_err!(json.set("k", &no_json, LONG).await, Encode, "what the format cannot hold");
    ensure_eq!(json.get::<String>("k").await?.as_deref(), Some("old"));
    Ok(())
}

async fn no_alias_after_set(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let mut list = vec![1, 2, 3];
    let shared = Mutex::new("before".to_owned());
    cache.set("list", &list, LONG).await?;
    cache.set("shared", &shared, LONG).await?;
    list.push(4);
    shared.lock().map_err(|e| Stop::broken(e))?.push_str(" and after");
    ensure_eq!(cache.get::<Vec<i64>>("list").await?, Some(vec![1, 2, 3]));
    ensure_eq!(cache.get::<String>("shared").await?.as_deref(), Some("before"));
    // Two halves of one buffer: what is written to the one must not show in the other.
    let mut buffer = BytesMut::from(&b"stored, mine"[..]);
    let stored = buffer.split_to(6).freeze();
    cache.set_bytes("bytes", stored, LONG).await?;
    buffer.fill(b'!');
    ensure_eq!(cache.get_bytes("bytes").await?.as_deref(), Some(&b"stored"[..]));
    Ok(())
}

async fn no_alias_after_get(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("list", &[1, 2, 3], LONG).await?;
    cache.set_bytes("bytes", &b"abc"[..], LONG).await?;
    for _ in 0..2 {
        let mut list: Vec<i64> = cache.get("list").await?.unwrap_or_default();
        ensure_eq!(list, [1, 2, 3]);
        list.clear();
        let bytes = cache.get_bytes("bytes").await?.unwrap_or_default();
        ensure_eq!(&bytes[..], b"abc");
        BytesMut::from(bytes).fill(b'!');
    }
    Ok(())
}

async fn read_your_writes(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for n in 0..10_000_i64 {
        let key = format!("k{}", n % 97);
        cache.set(&key, &n, LONG).await?;
        ensure_eq!(cache.get::<i64>(&key).await?, Some(n), "{key}");
    }
    Ok(())
}

async fn second_handle_sees(t: &TestContext) -> Outcome {
    let first = t.cache();
    let mut pairs =
        vec![(first.clone(), first.clone()), (first.clone(), first.other_mode()), (first, t.build(|b| b)?)];
    if t.needs_shared_locations().is_ok() {
        let spec = t.spec("shared")?;
        pairs.push((t.over(t.open(&spec)?)?, t.over(t.open(&spec)?)?));
    }
    for (one, other) in &pairs {
        see_each_other(one, other).await?;
        see_each_other(other, one).await?;
    }
    Ok(())
}

async fn see_each_other(writer: &TestCache, reader: &TestCache) -> Outcome {
    for n in 0..50_i64 {
        writer.set("k", &n, LONG).await?;
        ensure_eq!(reader.get::<i64>("k").await?, Some(n));
        ensure!(!reader.add("k", &-1, LONG).await?, "round {n}");
        ensure_eq!(reader.incr("k").await?, n + 1);
        ensure_eq!(writer.get::<i64>("k").await?, Some(n + 1));
        ensure!(writer.delete("k").await?, "round {n}");
        ensure!(!reader.has_key("k").await?, "round {n}: it sees what is deleted");
    }
    Ok(())
}
