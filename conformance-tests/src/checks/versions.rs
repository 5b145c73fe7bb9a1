//! Family V: versions, prefix, key function.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use cache_core::django::default_key_func;

use super::LONG;
use crate::check::Check;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

pub(crate) const CHECKS: &[Check] = &[
    check!("V", made_key_format).storeless(),
    check!("V", version_get_set),
    check!("V", version_add),
    check!("V", version_has_key),
    check!("V", version_delete),
    check!("V", version_touch),
    check!("V", version_incr),
    check!("V", version_many),
    check!("V", version_get_or_set),
    check!("V", version_extremes),
    check!("V", prefix_isolation),
    check!("V", prefix_colon_alias),
    check!("V", keyfunc_custom),
    check!("V", keyfunc_args).storeless(),
    check!("V", keyfunc_collapsing_get_many),
    check!("V", keyfunc_panic_safe),
    check!("V", contains_is_has_key),
];

/// Handles on one location in every way to say a version, each with the version it means:
/// {default, explicit} × {a cache whose version is 1, a cache whose version is 2}.
fn matrix(t: &TestContext) -> Outcome<Vec<(TestCache, i64)>> {
    let (one, two) = (t.cache(), t.build(|b| b.version(2))?);
    Ok(vec![
        (one.clone(), 1),
        (two.clone(), 2),
        (one.with_version(2), 2),
        (two.with_version(1), 1),
        (one.with_version(1), 1),
        (two.with_version(2), 2),
    ])
}

/// Who sees what `writer` wrote: those of its version and nobody else.
async fn seen_by_its_version(handles: &[(TestCache, i64)], key: &str, version: i64, value: i64) -> Outcome {
    for (reader, reads) in handles {
        let expected = (*reads == version).then_some(value);
        ensure_eq!(reader.get::<i64>(key).await?, expected, "{key:?} of version {version} read as {reads}");
    }
    Ok(())
}

async fn made_key_format(t: &TestContext) -> Outcome {
    for (prefix, version, key, made) in [
        ("", 1, "key", ":1:key"),
        ("", 1, "", ":1:"),
        ("app", 2, "user:1", "app:2:user:1"),
        ("team:app", -3, "ключ", "team:app:-3:ключ"),
        ("p:", i64::MAX, "k", "p::9223372036854775807:k"),
        ("p", i64::MIN, ":", "p:-9223372036854775808::"),
    ] {
        let cache = t.build(|b| b.key_prefix(prefix).version(version))?;
        ensure_eq!(cache.cache.make_key(key)?, made);
        ensure_eq!(default_key_func(key, prefix, version), made);
        let whole = cache.cache.make_and_validate_key(key)?;
        ensure_eq!(whole.as_key().as_str(), made);
    }
    Ok(())
}

async fn version_get_set(t: &TestContext) -> Outcome {
    let handles = matrix(t)?;
    for (number, (writer, version)) in handles.iter().enumerate() {
        let key = format!("k{number}");
        writer.set(&key, &42, LONG).await?;
        seen_by_its_version(&handles, &key, *version, 42).await?;
    }
    Ok(())
}

async fn version_add(t: &TestContext) -> Outcome {
    let handles = matrix(t)?;
    for (number, (writer, version)) in handles.iter().enumerate() {
        let key = format!("k{number}");
        ensure!(writer.add(&key, &1, LONG).await?);
        for (other, others) in &handles {
            ensure_eq!(
                other.add(&key, &2, LONG).await?,
                others != version && other.get::<i64>(&key).await? == Some(2)
            );
            other.delete(&key).await?;
            if others == version {
                writer.set(&key, &1, LONG).await?;
            }
        }
    }
    Ok(())
}

async fn version_has_key(t: &TestContext) -> Outcome {
    let handles = matrix(t)?;
    for (number, (writer, version)) in handles.iter().enumerate() {
        let key = format!("k{number}");
        writer.set(&key, &1, LONG).await?;
        for (reader, reads) in &handles {
            ensure_eq!(reader.has_key(&key).await?, reads == version);
        }
    }
    Ok(())
}

async fn version_delete(t: &TestContext) -> Outcome {
    let handles = matrix(t)?;
    for (number, (writer, version)) in handles.iter().enumerate() {
        let key = format!("k{number}");
        for (deleter, deletes) in &handles {
            writer.set(&key, &1, LONG).await?;
            ensure_eq!(deleter.delete(&key).await?, deletes == version);
            ensure_eq!(writer.has_key(&key).await?, deletes != version);
        }
    }
    Ok(())
}

async fn version_touch(t: &TestContext) -> Outcome {
    let handles = matrix(t)?;
    for (number, (writer, version)) in handles.iter().enumerate() {
        let key = format!("k{number}");
        writer.set(&key, &1, LONG).await?;
        for (toucher, touches) in &handles {
            ensure_eq!(toucher.touch(&key, LONG).await?, touches == version);
        }
        seen_by_its_version(&handles, &key, *version, 1).await?;
    }
    Ok(())
}

async fn version_incr(t: &TestContext) -> Outcome {
    let handles = matrix(t)?;
    for (number, (writer, version)) in handles.iter().enumerate() {
        let key = format!("k{number}");
        writer.set(&key, &1, LONG).await?;
        for (counter, counts) in &handles {
            if counts == version {
                ensure_eq!(counter.incr_by(&key, 10).await?, 11);
                ensure_eq!(counter.decr_by(&key, 10).await?, 1);
            } else {
                ensure_err!(counter.incr_by(&key, 10).await, KeyNotFound);
                ensure_err!(counter.decr_by(&key, 10).await, KeyNotFound);
            }
        }
        seen_by_its_version(&handles, &key, *version, 1).await?;
    }
    Ok(())
}

async fn version_many(t: &TestContext) -> Outcome {
    let handles = matrix(t)?;
    for (number, (writer, version)) in handles.iter().enumerate() {
        let keys = [format!("a{number}"), format!("b{number}")];
        ensure!(writer.set_many(keys.iter().zip([1, 2]), LONG).await?.is_empty());
        for (reader, reads) in &handles {
            let found = reader.get_many::<i64, _>(&keys).await?.len();
            ensure_eq!(found, if reads == version { 2 } else { 0 });
        }
        for (deleter, deletes) in &handles {
            deleter.delete_many(&keys).await?;
            ensure_eq!(writer.get_many::<i64, _>(&keys).await?.is_empty(), deletes == version);
            writer.set_many(keys.iter().zip([1, 2]), LONG).await?;
        }
    }
    Ok(())
}

async fn version_get_or_set(t: &TestContext) -> Outcome {
    let handles = matrix(t)?;
    for (number, (writer, version)) in handles.iter().enumerate() {
        let key = format!("k{number}");
        ensure_eq!(writer.get_or_set(&key, LONG, || 7).await?, 7);
        seen_by_its_version(&handles, &key, *version, 7).await?;
        for (other, others) in &handles {
            let expected = if others == version { 7 } else { 8 };
            ensure_eq!(other.get_or_set(&key, LONG, || 8).await?, expected);
        }
    }
    Ok(())
}

async fn version_extremes(t: &TestContext) -> Outcome {
    let versions = [0, -1, 1, i64::MAX, i64::MIN, i64::MAX - 1];
    for version in versions {
        let cache = t.cache().with_version(version);
        cache.set("k", &version, LONG).await?;
    }
    for version in versions {
        let cache = t.build(|b| b.version(version))?;
        ensure_eq!(cache.get::<i64>("k").await?, Some(version));
        ensure!(cache.touch("k", LONG).await?);
        ensure!(cache.delete("k").await?);
    }
    Ok(())
}

async fn prefix_isolation(t: &TestContext) -> Outcome {
    let prefixes = ["", "a", "b", "ab", "A", "a:", "team:app", ":", "a::"];
    let caches: Vec<TestCache> =
        prefixes.iter().map(|p| t.build(|b| b.key_prefix(*p))).collect::<Result<_, _>>()?;
    for (number, cache) in caches.iter().enumerate() {
        ensure!(cache.add("k", &number, LONG).await?, "{:?} found another's key", prefixes[number]);
    }
    for (number, cache) in caches.iter().enumerate() {
        ensure_eq!(cache.get::<usize>("k").await?, Some(number), "{:?}", prefixes[number]);
    }
    ensure!(caches[0].delete("k").await?);
    for cache in &caches[1..] {
        ensure!(cache.has_key("k").await?);
    }
    Ok(())
}

async fn prefix_colon_alias(t: &TestContext) -> Outcome {
    for refused in ["p:1", "p:1:q", "p:q:007", ":0", "p:-1"] {
        let built = t.build(|b| b.key_prefix(refused));
        ensure_err!(built, InvalidCacheBackend, "the prefix {refused:?}");
    }
    // Every made key of the accepted prefixes, over keys and versions that try to look alike.
    let mut made = HashSet::new();
    let prefixes = ["", "p", "p:", "p:q", "p:q:", "team:app", "p:1a", "1"];
    let keys = ["x", "1:x", ":1:x", "q:1:x", "1:1:x", ":x", "2:x", "-1:x"];
    for prefix in prefixes {
        for version in [1, 2, -1, 11] {
            let cache = t.build(|b| b.key_prefix(prefix).version(version))?;
            for key in keys {
                let key_made = cache.cache.make_key(key)?;
                ensure!(made.insert(key_made.clone()), "{key_made:?} has two meanings");
            }
        }
    }
    let cache = t.build(|b| b.key_prefix("team:app"))?;
    cache.set("x", &1, LONG).await?;
    ensure_eq!(cache.get::<i64>("x").await?, Some(1));
    Ok(())
}

/// `v<version>/<prefix>/<key>`.
fn slashes(
    key: &str,
    prefix: &str,
    version: i64,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    Ok(format!("v{version}/{prefix}/{key}"))
}

async fn keyfunc_custom(t: &TestContext) -> Outcome {
    let (plain, own, same) =
        (t.cache(), t.build(|b| b.key_function(slashes))?, t.build(|b| b.key_function(slashes))?);
    ensure_eq!(own.cache.make_key("k")?, "v1//k");
    own.set("k", &1, LONG).await?;
    ensure_eq!(plain.get::<i64>("k").await?, None);
    ensure_eq!(same.get::<i64>("k").await?, Some(1));
    plain.set("k", &2, LONG).await?;
    ensure_eq!(own.incr("k").await?, 2);
    ensure_eq!(own.incr_version("k").await?, 2);
    ensure_eq!(same.with_version(2).get::<i64>("k").await?, Some(2));
    ensure_eq!(plain.get::<i64>("k").await?, Some(2));
    Ok(())
}

async fn keyfunc_args(t: &TestContext) -> Outcome {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let cache = t.build(move |b| {
        b.key_prefix("p:1").version(5).key_function(move |key, prefix, version| {
            let mut seen = record.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push((key.to_owned(), prefix.to_owned(), version));
            slashes(key, prefix, version)
        })
    })?;
    cache.get::<i64>("k").await?;
    cache.with_version(6).delete("a:b").await?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ensure_eq!(seen, [("k".to_owned(), "p:1".to_owned(), 5), ("a:b".to_owned(), "p:1".to_owned(), 6)]);
    Ok(())
}

async fn keyfunc_collapsing_get_many(t: &TestContext) -> Outcome {
    let cache = t.build(|b| b.key_function(|key, _, _| Ok(key.to_lowercase())))?;
    cache.set("key", &1, LONG).await?;
    cache.set("other", &2, LONG).await?;
    let found = cache.get_many::<i64, _>(["KEY", "other", "Key", "missing", "key"]).await?;
    ensure_eq!(found, [("KEY", 1), ("other", 2), ("Key", 1), ("key", 1)]);
    Ok(())
}

async fn keyfunc_panic_safe(t: &TestContext) -> Outcome {
    let cache = t.build(|b| {
        b.key_function(|key, _, _| {
            if key == "boom" { resume_unwind(Box::new("a key function's own")) } else { Ok(key.to_owned()) }
        })
    })?;
    cache.set("k", &1, LONG).await?;
    for _ in 0..3 {
        let sync = cache.cache.clone();
        let panicked = catch_unwind(AssertUnwindSafe(|| sync.set("boom", &1, LONG))).is_err();
        ensure!(panicked, "the key function's panic did not come through");
        let panicked = catch_unwind(AssertUnwindSafe(|| sync.get_or_set("boom", LONG, || 1))).is_err();
        ensure!(panicked, "the key function's panic did not come through");
        ensure_eq!(cache.incr("k").await?, cache.get::<i64>("k").await?.unwrap_or_default());
        ensure_eq!(cache.get_or_set("new", LONG, || 5).await?, 5);
    }
    Ok(())
}

async fn contains_is_has_key(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for _ in 0..2 {
        ensure_eq!(cache.cache.contains("k")?, cache.has_key("k").await?);
        cache.set("k", &None::<i64>, LONG).await?;
    }
    ensure!(cache.cache.contains("k")?);
    ensure!(!cache.cache.with_version(2).contains("k")?);
    Ok(())
}
