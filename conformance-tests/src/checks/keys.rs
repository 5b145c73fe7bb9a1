//! Family K: keys and their validation.

use std::sync::Arc;

use cache_core::django::MEMCACHE_MAX_KEY_LENGTH;
use cache_core::{Error, ErrorKind, KeyPolicy};

use super::LONG;
use super::every_op::every_op;
use super::failing_backend::Broken;
use super::key_warnings::Warnings;
use crate::check::Check;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

pub(crate) const CHECKS: &[Check] = &[
    check!("K", ascii_roundtrip),
    check!("K", unicode_roundtrip),
    check!("K", nfc_nfd_distinct),
    check!("K", case_distinct),
    check!("K", trailing_space_distinct),
    check!("K", empty_key_legal),
    check!("K", numeric_like_distinct),
    check!("K", punctuation),
    check!("K", space_policy).storeless(),
    check!("K", control_char_policy).storeless(),
    check!("K", c1_nbsp_allowed).storeless(),
    check!("K", len_250_ok).storeless(),
    check!("K", len_251_policy).storeless(),
    check!("K", len_counts_bytes).storeless(),
    check!("K", len_counts_made_key).storeless(),
    check!("K", len_64k_never_truncated),
    check!("K", long_prefix_distinct),
    check!("K", hash_collision_distinct),
    check!("K", error_names_key).storeless(),
    check!("K", invalid_key_no_io),
    check!("K", many_invalid_atomic),
    check!("K", custom_validator),
    check!("K", one_warning_per_key).storeless(),
    check!("K", keyfunc_err_propagates),
];

/// Every operation finds the value under this key, and nothing once it is gone.
async fn means_itself(cache: &TestCache, key: &str) -> Outcome {
    ensure!(cache.add(key, &1, LONG).await?, "add of {key:?}");
    ensure_eq!(cache.get::<i64>(key).await?, Some(1), "get of {key:?}");
    cache.set(key, &2, LONG).await?;
    ensure!(cache.has_key(key).await?, "has_key of {key:?}");
    ensure!(cache.touch(key, LONG).await?, "touch of {key:?}");
    ensure_eq!(cache.incr_by(key, 5).await?, 7, "incr of {key:?}");
    ensure_eq!(cache.decr_by(key, 3).await?, 4, "decr of {key:?}");
    ensure_eq!(cache.get_many::<i64, _>([key]).await?, [(key, 4)], "get_many of {key:?}");
    ensure_eq!(cache.get_or_set(key, LONG, || 9).await?, 4, "get_or_set of {key:?}");
    ensure_eq!(cache.incr_version(key).await?, 2, "incr_version of {key:?}");
    ensure_eq!(cache.with_version(2).decr_version(key).await?, 1, "decr_version of {key:?}");
    ensure!(cache.set_many([(key, 5)], LONG).await?.is_empty(), "set_many of {key:?}");
    ensure!(cache.delete(key).await?, "delete of {key:?}");
    ensure_eq!(cache.get::<i64>(key).await?, None, "get of {key:?} after delete");
    cache.set(key, &6, LONG).await?;
    cache.delete_many([key]).await?;
    ensure!(!cache.has_key(key).await?, "has_key of {key:?} after delete_many");
    Ok(())
}

/// Each of these keys has a value of its own, all at once.
async fn all_distinct(cache: &TestCache, keys: &[String]) -> Outcome {
    for (number, key) in keys.iter().enumerate() {
        ensure!(cache.add(key, &number, LONG).await?, "{key:?} existed before it was added");
    }
    for (number, key) in keys.iter().enumerate() {
        ensure_eq!(cache.get::<usize>(key).await?, Some(number), "{key:?}");
    }
    let all: Vec<_> = keys.iter().map(String::as_str).zip(0..keys.len()).collect();
    ensure_eq!(cache.get_many::<usize, _>(keys.iter().map(String::as_str)).await?, all);
    let (gone, rest) = keys.split_first().ok_or_else(|| crate::outcome::Stop::broken("no keys"))?;
    cache.delete(gone).await?;
    for key in rest {
        ensure!(cache.has_key(key).await?, "{key:?} went with {gone:?}");
    }
    Ok(())
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

async fn ascii_roundtrip(t: &TestContext) -> Outcome {
    means_itself(&t.cache(), "key").await
}

async fn unicode_roundtrip(t: &TestContext) -> Outcome {
    let keys = ["清", "🦀", "👩‍👩‍👧", "שלום", "مرحبا", "ключ", "ß", "\u{10ffff}", "e\u{301}"];
    for key in keys {
        means_itself(&t.cache(), key).await?;
    }
    all_distinct(&t.cache(), &owned(&keys)).await
}

async fn nfc_nfd_distinct(t: &TestContext) -> Outcome {
    all_distinct(
        &t.cache(),
        &owned(&["caf\u{e9}", "cafe\u{301}", "\u{212b}", "\u{c5}", "A\u{30a}", "ﬁ", "fi"]),
    )
    .await
}

async fn case_distinct(t: &TestContext) -> Outcome {
    all_distinct(&t.cache(), &owned(&["key", "Key", "KEY", "keY", "straße", "STRASSE", "ä", "Ä"])).await
}

async fn trailing_space_distinct(t: &TestContext) -> Outcome {
    t.needs_any_key()?;
    let cache = t.build(|b| b.key_policy(KeyPolicy::Allow))?;
    all_distinct(&cache, &owned(&["key", "key ", "key  ", " key", "key\t", "key\n", "key\0"])).await
}

async fn empty_key_legal(t: &TestContext) -> Outcome {
    means_itself(&t.cache(), "").await
}

async fn numeric_like_distinct(t: &TestContext) -> Outcome {
    let keys = ["1", "01", "1.0", "1e0", "+1", "-1", "0x1", "1_", "１", "0", "-0", "00"];
    all_distinct(&t.cache(), &owned(&keys)).await
}

async fn punctuation(t: &TestContext) -> Outcome {
    // The absurd key of Rails' cache tests, without its blank.
    let absurd = "#/:*(<+=>)&$%@?;'\"`~-";
    means_itself(&t.cache(), absurd).await?;
    let single: Vec<String> = ('!'..='~').map(String::from).collect();
    all_distinct(&t.cache(), &single).await
}

/// Refused by every operation, or by none but with the policy's warning, as the backend declares.
async fn same_verdict(t: &TestContext, key: &str) -> Outcome {
    let refuse = t.build(|b| b.key_policy(KeyPolicy::Refuse))?;
    for (op, failure) in every_op(&refuse, key).await {
        let kind = failure.map(|e| e.kind());
        ensure_eq!(kind, Some(ErrorKind::InvalidCacheKey), "{op} of {key:?} under KeyPolicy::Refuse");
    }
    let caches = if t.capabilities().strict_keys {
        let allowed = t.build(|b| b.key_policy(KeyPolicy::Allow));
        ensure!(allowed.is_err(), "a strict backend was built with KeyPolicy::Allow");
        vec![(t.cache(), true)]
    } else {
        vec![(t.cache(), false), (t.build(|b| b.key_policy(KeyPolicy::Allow))?, false)]
    };
    for (cache, refused) in caches {
        for (op, failure) in every_op(&cache, key).await {
            let kind = failure.map(|e| e.kind());
            let invalid = kind == Some(ErrorKind::InvalidCacheKey);
            ensure_eq!(invalid, refused, "whether {op} refuses {key:?}");
            // A key that is too long for a file name or a column must still work; a missing key may fail.
            let is_as_the_policy_says = invalid || matches!(kind, None | Some(ErrorKind::KeyNotFound));
            ensure!(is_as_the_policy_says, "{op} of {key:?} failed with {kind:?}");
        }
    }
    Ok(())
}

/// Accepted by every operation, without a warning, whatever the backend.
async fn accepted(t: &TestContext, key: &str) -> Outcome {
    let warnings = Warnings::count_here();
    for cache in [t.cache(), t.build(|b| b.key_policy(KeyPolicy::Refuse))?] {
        for (op, failure) in every_op(&cache, key).await {
            let kind = failure.map(|e| e.kind());
            ensure!(matches!(kind, None | Some(ErrorKind::KeyNotFound)), "{op} of {key:?}: {kind:?}");
        }
    }
    ensure_eq!(warnings.take(), 0, "warnings for {key:?}");
    Ok(())
}

async fn space_policy(t: &TestContext) -> Outcome {
    for key in ["a b", " ", " a", "a "] {
        same_verdict(t, key).await?;
    }
    Ok(())
}

async fn control_char_policy(t: &TestContext) -> Outcome {
    for byte in (0..=0x20_u8).chain([0x7f]) {
        same_verdict(t, &format!("a{}b", char::from(byte))).await?;
    }
    Ok(())
}

async fn c1_nbsp_allowed(t: &TestContext) -> Outcome {
    for key in ["a\u{80}b", "a\u{85}b", "a\u{9f}b", "a\u{a0}b", "\u{2028}", "\u{3000}", "\u{feff}"] {
        accepted(t, key).await?;
    }
    Ok(())
}

/// A key whose made key, `:1:` in front, has `bytes` bytes.
fn made_of(bytes: usize) -> String {
    "k".repeat(bytes - ":1:".len())
}

async fn len_250_ok(t: &TestContext) -> Outcome {
    let key = made_of(MEMCACHE_MAX_KEY_LENGTH);
    ensure_eq!(t.cache().cache.make_key(&key)?.len(), 250);
    accepted(t, &key).await
}

async fn len_251_policy(t: &TestContext) -> Outcome {
    same_verdict(t, &made_of(MEMCACHE_MAX_KEY_LENGTH + 1)).await
}

async fn len_counts_bytes(t: &TestContext) -> Outcome {
    same_verdict(t, &"清".repeat(100)).await?;
    accepted(t, &"清".repeat(82)).await
}

async fn len_counts_made_key(t: &TestContext) -> Outcome {
    let key = made_of(245);
    accepted(t, &key).await?;
    let prefixed = t.build(|b| b.key_prefix("prefix").key_policy(KeyPolicy::Refuse))?;
    ensure_err!(prefixed.set(&key, &1, LONG).await, InvalidCacheKey);
    let versioned = t.build(|b| b.key_policy(KeyPolicy::Refuse))?.with_version(1_000_000);
    ensure_err!(versioned.get::<i64>(&key).await, InvalidCacheKey);
    Ok(())
}

async fn len_64k_never_truncated(t: &TestContext) -> Outcome {
    long_keys_differ(t, 64 * 1024).await
}

async fn long_prefix_distinct(t: &TestContext) -> Outcome {
    for bytes in [255, 256, 257, 300, 1_024, 10 * 1_024] {
        long_keys_differ(t, bytes).await?;
    }
    Ok(())
}

/// Two keys of that length that differ in the last byte alone work, and apart; or are refused.
async fn long_keys_differ(t: &TestContext, bytes: usize) -> Outcome {
    let cache = t.cache();
    let (one, two) = ("k".repeat(bytes) + "1", "k".repeat(bytes) + "2");
    match cache.set(&one, &1, LONG).await {
        Err(e) if e.kind() == ErrorKind::InvalidCacheKey => return Ok(()),
        other => other?,
    }
    ensure_eq!(cache.get::<i64>(&two).await?, None, "the other key of {bytes} bytes, unset");
    ensure_eq!(cache.get::<i64>(&"k".repeat(bytes)).await?, None, "the shorter key of {bytes} bytes");
    cache.set(&two, &2, LONG).await?;
    ensure_eq!(cache.get::<i64>(&one).await?, Some(1), "a key of {bytes} bytes");
    ensure_eq!(cache.get::<i64>(&two).await?, Some(2), "a key of {bytes} bytes");
    ensure!(cache.delete(&one).await?);
    ensure!(cache.has_key(&two).await?, "deleting one key of {bytes} bytes took the other");
    Ok(())
}

async fn hash_collision_distinct(t: &TestContext) -> Outcome {
    // Two strings with the same MD5, found by Marc Stevens (2024).
    let keys = owned(&[
        "TEXTCOLLBYfGiJUETHQ4hAcKSMd5zYpgqf1YRDhkmxHkhPWptrkoyz28wnI9V0aHeAuaKnak",
        "TEXTCOLLBYfGiJUETHQ4hEcKSMd5zYpgqf1YRDhkmxHkhPWptrkoyz28wnI9V0aHeAuaKnak",
    ]);
    let bare = t.build(|b| b.key_function(|key, _, _| Ok(key.to_owned())))?;
    all_distinct(&bare, &keys).await?;
    // And many keys at random, for hashes that are merely short.
    let many: Vec<String> = (0..5_000).map(|n| format!("{:x}", n * 0x9e37_79b9_u64)).collect();
    all_distinct(&t.cache(), &many).await
}

async fn error_names_key(t: &TestContext) -> Outcome {
    let cache = t.build(|b| b.key_prefix("app").key_policy(KeyPolicy::Refuse))?;
    let failures = every_op(&cache, "not good").await;
    for (op, failure) in failures {
        let Some(e) = failure else {
            return Err(crate::outcome::Stop::unexpected(op, "that it refuses the key", "it took it"));
        };
        ensure_eq!(e.key(), Some("app:1:not good"), "the key in {op}'s error");
        ensure!(e.to_string().contains("app:1:not good"), "{op}'s text: {e}");
    }
    let missing: Error = match cache.incr("missing").await {
        Err(e) => e,
        Ok(n) => {
            return Err(crate::outcome::Stop::unexpected("incr of a missing key", "Err(KeyNotFound)", n));
        }
    };
    ensure!(missing.to_string().contains("app:1:missing"), "incr's text: {missing}");
    Ok(())
}

async fn invalid_key_no_io(t: &TestContext) -> Outcome {
    let refuse = CacheOver::broken(t)?;
    for (op, failure) in every_op(&refuse, "not good").await {
        let kind = failure.map(|e| e.kind());
        ensure_eq!(kind, Some(ErrorKind::InvalidCacheKey), "{op} reached the backend with a bad key");
    }
    // And on the backend itself nothing changes.
    let cache = t.build(|b| b.key_policy(KeyPolicy::Refuse))?;
    cache.set("a-good-key", &7, LONG).await?;
    every_op(&cache, "not good").await;
    ensure_eq!(cache.get::<i64>("a-good-key").await?, Some(7));
    Ok(())
}

/// A cache over a backend of the check's own making.
struct CacheOver;

impl CacheOver {
    fn broken(t: &TestContext) -> Outcome<TestCache> {
        let builder = cache_core::CacheBuilder::from_arc(Arc::new(Broken) as Arc<dyn cache_core::BaseCache>);
        Ok(TestCache { cache: builder.key_policy(KeyPolicy::Refuse).build()?, mode: t.mode() })
    }
}

async fn many_invalid_atomic(t: &TestContext) -> Outcome {
    let cache = t.build(|b| b.key_policy(KeyPolicy::Refuse))?;
    cache.set("old", &1, LONG).await?;
    // The bad key comes last, far beyond one batch.
    let entries = (0..2_500).map(|n| (format!("new{n}"), n)).chain([("not good".to_owned(), 1)]);
    let keys: Vec<String> = entries.clone().map(|(key, _)| key).collect();
    ensure_err!(cache.set_many(entries, LONG).await, InvalidCacheKey);
    ensure_eq!(cache.get_many::<i64, _>(&keys[..2_500]).await?, [], "stored before the bad key was seen");
    ensure_err!(cache.delete_many(["old", "not good"]).await, InvalidCacheKey);
    ensure_err!(cache.get_many::<i64, _>(["old", "not good"]).await, InvalidCacheKey);
    ensure_eq!(cache.get::<i64>("old").await?, Some(1), "deleted before the bad key was seen");
    Ok(())
}

async fn custom_validator(t: &TestContext) -> Outcome {
    let only_lower = |key: &str| {
        if key.contains(|c: char| c.is_uppercase()) { Err("no capitals here".into()) } else { Ok(()) }
    };
    let cache = t.build(|b| b.key_validator(only_lower))?;
    for (op, failure) in every_op(&cache, "Key").await {
        let text = failure.map(|e| (e.kind(), e.to_string()));
        let names_the_key =
            matches!(&text, Some((ErrorKind::InvalidCacheKey, text)) if text.contains("no capitals here"));
        ensure!(names_the_key, "{op}: {text:?}");
    }
    means_itself(&cache, "key").await?;
    if !t.capabilities().strict_keys {
        // It takes the place of memcached's rules.
        let warnings = Warnings::count_here();
        means_itself(&cache, "a key").await?;
        ensure_eq!(warnings.take(), 0);
    }
    Ok(())
}

async fn one_warning_per_key(t: &TestContext) -> Outcome {
    t.needs_any_key()?;
    let cache = t.build(|b| b.key_policy(KeyPolicy::Warn))?;
    let warnings = Warnings::count_here();
    for (key, expected) in [("a b", 1), ("good", 0), (&*" ".repeat(300), 1)] {
        cache.set(key, &1, LONG).await?;
        ensure_eq!(warnings.take(), expected, "warnings of one set");
        cache.get::<i64>(key).await?;
        ensure_eq!(warnings.take(), expected, "warnings of one get");
        cache.get_or_set(key, LONG, || 1).await?;
        ensure_eq!(warnings.take(), expected, "warnings of one get_or_set");
        cache.get_many::<i64, _>(["good", key]).await?;
        ensure_eq!(warnings.take(), expected, "warnings of one get_many");
    }
    let silent = t.build(|b| b.key_policy(KeyPolicy::Allow))?;
    silent.set("a b", &1, LONG).await?;
    ensure_eq!(warnings.take(), 0, "warnings under KeyPolicy::Allow");
    Ok(())
}

async fn keyfunc_err_propagates(t: &TestContext) -> Outcome {
    let builder = cache_core::CacheBuilder::from_arc(Arc::new(Broken) as Arc<dyn cache_core::BaseCache>);
    let function = |key: &str, _: &str, _: i64| {
        if key == "refused" { Err("no such key here".into()) } else { Ok(key.to_owned()) }
    };
    let cache = TestCache { cache: builder.key_function(function).build()?, mode: t.mode() };
    for (op, failure) in every_op(&cache, "refused").await {
        let Some(e) = failure else {
            return Err(crate::outcome::Stop::unexpected(op, "that it refuses the key", "it took it"));
        };
        ensure_eq!(e.kind(), ErrorKind::InvalidCacheKey, "{op} reached the backend");
        ensure!(e.to_string().contains("no such key here"), "{op}'s text: {e}");
    }
    let cache = t.build(|b| b.key_function(function))?;
    cache.set("kept", &1, LONG).await?;
    ensure_err!(cache.set_many([("kept", 2), ("refused", 2)], LONG).await, InvalidCacheKey);
    ensure_eq!(cache.get::<i64>("kept").await?, Some(1));
    Ok(())
}
