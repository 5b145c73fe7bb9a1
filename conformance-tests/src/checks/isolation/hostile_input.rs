//! Checks keys and values that mean something to a shell, a file system, SQL, a protocol or a cluster: here they mean
//! themselves. The check of a decompression bomb is always skipped.

use std::fs;
use std::sync::Arc;

use crate::checks::every_op::every_op;
use crate::checks::{LONG, entry_files};
use crate::context::TestContext;
use crate::outcome::{Outcome, Stop};
use crate::test_cache::TestCache;

/// Each of the keys is its own entry to every operation, and none touches the witnesses.
async fn mean_themselves(cache: &TestCache, keys: &[&str], witnesses: &[&str]) -> Outcome {
    for witness in witnesses {
        cache.set(witness, witness, LONG).await?;
    }
    for key in keys {
        ensure!(!cache.has_key(key).await?, "{key:?} exists before it was set");
        ensure_eq!(cache.get::<String>(key).await?, None, "{key:?} before it was set");
        ensure!(!cache.touch(key, LONG).await?, "touch of {key:?} before it was set");
        ensure!(!cache.delete(key).await?, "delete of {key:?} before it was set");
    }
    cache.set_many(keys.iter().map(|key| (*key, *key)), LONG).await?;
    for key in keys {
        ensure_eq!(cache.get::<String>(key).await?.as_deref(), Some(*key), "{key:?}");
        ensure!(!cache.add(key, "second", LONG).await?, "add of {key:?}");
        ensure!(cache.touch(key, LONG).await?, "touch of {key:?}");
        let made = cache.get_or_set(key, LONG, || "made".to_owned()).await?;
        ensure_eq!(made, *key, "get_or_set of {key:?}");
    }
    let found = cache.get_many::<String, _>(keys.iter().copied()).await?;
    let expected: Vec<(&str, String)> = keys.iter().map(|key| (*key, (*key).to_owned())).collect();
    ensure_eq!(found, expected, "get_many");
    // Each goes by itself, and the others stay.
    for (place, key) in keys.iter().enumerate() {
        match place % 3 {
            0 => ensure!(cache.delete(key).await?, "delete of {key:?}"),
            1 => cache.delete_many([*key]).await?,
            _ => {
                ensure_eq!(cache.incr_version(key).await?, 2, "incr_version of {key:?}");
                ensure!(cache.with_version(2).delete(key).await?, "{key:?} at its new version");
            }
        }
        ensure!(!cache.has_key(key).await?, "{key:?} exists after it was removed");
        for other in &keys[place + 1..] {
            ensure!(cache.has_key(other).await?, "{other:?} went with {key:?}");
        }
        cache.set(key, &1, LONG).await?;
        ensure_eq!(cache.incr(key).await?, 2, "incr of {key:?}");
        cache.delete(key).await?;
    }
    for witness in witnesses {
        let value = cache.get::<String>(witness).await?;
        ensure_eq!(value.as_deref(), Some(*witness), "the witness {witness:?}");
    }
    Ok(())
}

pub(super) async fn glob_literal(t: &TestContext) -> Outcome {
    let keys = ["a*", "a?", "a%", "a_", "[ab]", "*", "%", "_", "a.*", "^a$", "\\a", "a\\*", "{a,b}"];
    let witnesses = ["a", "ab", "abc", "b", "a1", "aa", "", "\\"];
    mean_themselves(&t.cache(), &keys, &witnesses).await?;
    let prefixed = t.build(|builder| builder.key_prefix("p*"))?;
    let other = t.build(|builder| builder.key_prefix("pp"))?;
    other.set("a", "other prefix", LONG).await?;
    mean_themselves(&prefixed, &keys, &["a", "ab"]).await?;
    ensure_eq!(other.get::<String>("a").await?.as_deref(), Some("other prefix"));
    Ok(())
}

pub(super) async fn path_traversal(t: &TestContext) -> Outcome {
    let spec = t.spec("inside")?;
    let cache = t.over(t.open(&spec)?)?;
    let outside = t.scratch().join("outside.txt");
    fs::write(&outside, "outside")?;
    let absolute = t.scratch().join("absolute");
    let absolute = absolute.to_string_lossy();
    let dots = ["../", "../../", "../../../"].map(|dots| format!("{dots}outside.txt"));
    let mut keys: Vec<&str> = dots.iter().map(String::as_str).collect();
    keys.extend(["..", ".", "/", "a/b", "a/../b", "./a", "/../", "C:\\x", "..\\..\\x", "con", "~", "$HOME"]);
    keys.push(&absolute);
    if t.needs_any_key().is_ok() {
        keys.extend(["../../x\0y", "\0", "a\0", "..\0/"]);
    }
    let before = entry_files::below(t.scratch())?;
    mean_themselves(&cache, &keys, &["a", "b", "x"]).await?;
    // As a prefix, and with an entry left in place.
    let prefixed = t.suite.builder(Arc::clone(cache.cache.backend())).key_prefix("../../").build()?;
    let prefixed = TestCache { cache: prefixed, mode: t.mode() };
    mean_themselves(&prefixed, &keys, &["a"]).await?;
    for key in &keys {
        prefixed.set(key, "left", LONG).await?;
    }
    ensure_eq!(fs::read_to_string(&outside)?, "outside", "a file outside");
    let strayed: Vec<_> = entry_files::below(t.scratch())?
        .into_iter()
        .filter(|path| !path.starts_with(&spec.dir) && !before.contains(path))
        .collect();
    ensure!(strayed.is_empty(), "files outside the directory: {strayed:?}");
    Ok(())
}

pub(super) async fn sql_literal(t: &TestContext) -> Outcome {
    let mut keys = vec![
        "';DROP/**/TABLE/**/cache;--",
        "'OR'1'='1",
        "\"OR\"\"=\"",
        "'",
        "''",
        "\"",
        "?1",
        ":key",
        "@key",
        "$1",
        "NULL",
        "x'00'",
        "a';DELETE/**/FROM/**/cache/**/WHERE/**/'1'='1",
        "0",
        "00",
        "1e3",
        "1000",
    ];
    if t.needs_any_key().is_ok() {
        keys.extend(["'; DROP TABLE cache; --", "' OR 1=1 --", "x') ON CONFLICT DO NOTHING; --"]);
    }
    let cache = t.cache();
    mean_themselves(&cache, &keys, &["a", "cache", "null"]).await?;
    // As values, and as a prefix.
    for key in &keys {
        cache.set("value", key, LONG).await?;
        ensure_eq!(cache.get::<String>("value").await?.as_deref(), Some(*key), "as a value");
    }
    let prefixed = t.build(|builder| builder.key_prefix("';--"))?;
    mean_themselves(&prefixed, &keys, &["a"]).await
}

pub(super) async fn crlf_injection(t: &TestContext) -> Outcome {
    let keys = [
        "x\r\nflush_all\r\n",
        "x\r\nset injected 0 0 1\r\n1\r\n",
        "x\n",
        "\r",
        "x 0 0 1\r\nFLUSHALL\r\n",
        "*1\r\n$8\r\nFLUSHALL\r\n",
    ];
    let cache = t.cache();
    if !t.capabilities().strict_keys {
        return if t.capabilities().stores {
            mean_themselves(&cache, &keys, &["injected", "x", ""]).await
        } else {
            Err(Stop::Skipped("it stores nothing and takes every key".to_owned()))
        };
    }
    cache.set("witness", "here", LONG).await?;
    for key in keys {
        for (op, error) in every_op(&cache, key).await {
            let kind = error.map(|e| e.kind());
            ensure_eq!(kind, Some(cache_core::ErrorKind::InvalidCacheKey), "{op} of {key:?}");
        }
        ensure!(!cache.has_key("injected").await?, "{key:?} set a key");
        ensure!(!cache.has_key("a-good-key").await?, "a good key beside {key:?} was set");
        ensure_eq!(cache.get::<String>("witness").await?.as_deref(), Some("here"), "after {key:?}");
    }
    Ok(())
}

pub(super) async fn value_crlf_end(t: &TestContext) -> Outcome {
    let values = [
        "END\r\n",
        "\r\n",
        "\r\nEND\r\n",
        "VALUE k0 0 1\r\n1\r\nEND\r\n",
        "STORED\r\nERROR\r\n",
        "HD\r\nEN\r\n",
        "$-1\r\n",
        "*0\r\n",
        "+OK\r\n",
        "\0\r\n\0",
        "",
        "\r",
        "\n",
    ];
    let cache = t.cache();
    let keys: Vec<String> = (0..values.len()).map(|n| format!("k{n}")).collect();
    for (key, value) in keys.iter().zip(values) {
        cache.set(key, value, LONG).await?;
        ensure_eq!(cache.get::<String>(key).await?.as_deref(), Some(value), "as text");
        cache.set_bytes(key, value.as_bytes().to_vec(), LONG).await?;
        let bytes = cache.get_bytes(key).await?;
        ensure_eq!(bytes.as_deref(), Some(value.as_bytes()), "as bytes");
        let list = vec![value.to_owned(); 3];
        cache.set(key, &list, LONG).await?;
        ensure_eq!(cache.get::<Vec<String>>(key).await?, Some(list), "in a list");
        cache.delete(key).await?;
        ensure!(cache.add(key, value, LONG).await?, "add of {value:?}");
        // The next reply belongs to the next request.
        ensure!(!cache.has_key("absent").await?, "after {value:?}");
    }
    let found = cache.get_many::<String, _>(&keys).await?;
    let expected: Vec<_> = keys.iter().zip(values.map(str::to_owned)).collect();
    ensure_eq!(found, expected, "get_many");
    ensure!(cache.set_many(expected, LONG).await?.is_empty(), "set_many");
    ensure_eq!(cache.get_many::<String, _>(&keys).await?.len(), values.len(), "after set_many");
    cache.set("n", &1, LONG).await?;
    ensure_eq!(cache.incr("n").await?, 2, "the connection afterwards");
    Ok(())
}

pub(super) async fn cluster_hash_tag(t: &TestContext) -> Outcome {
    let keys = ["{x}", "{x}a", "{x}b", "{y}a", "a{x}", "a{x}b", "{}", "{}a", "{x", "x}", "{{x}}", "}{"];
    mean_themselves(&t.cache(), &keys, &["x", "a", "xa"]).await
}

pub(super) async fn decompression_bomb(_: &TestContext) -> Outcome {
    Err(Stop::Skipped("it does not compress".to_owned()))
}
