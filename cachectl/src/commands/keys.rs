//! The commands on one key.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::answer::{Answer, Failure, Result};
use crate::cli::{Entry, Key, Lifetime};
use crate::open::Chosen;

pub(super) fn get(chosen: &Chosen, key: &Key) -> Result {
    let found: Option<Value> = chosen.cache_of(key.version)?.get(&key.key)?;
    Ok(match found {
        Some(value) => Answer::done(value.to_string(), json!({ "found": true, "value": value })),
        None => Answer::done("", json!({ "found": false })).yes(false),
    })
}

pub(super) fn set(chosen: &Chosen, entry: &Entry) -> Result {
    let value = value(&entry.value)?;
    let cache = chosen.cache_of(entry.key.version)?;
    cache.set(&entry.key.key, &value, entry.lifetime.timeout())?;
    Ok(Answer::done("", json!({ "done": true })))
}

pub(super) fn add(chosen: &Chosen, entry: &Entry) -> Result {
    let value = value(&entry.value)?;
    let cache = chosen.cache_of(entry.key.version)?;
    Ok(Answer::bool(cache.add(&entry.key.key, &value, entry.lifetime.timeout())?))
}

pub(super) fn touch(chosen: &Chosen, key: &Key, lifetime: Lifetime) -> Result {
    Ok(Answer::bool(chosen.cache_of(key.version)?.touch(&key.key, lifetime.timeout())?))
}

pub(super) fn delete(chosen: &Chosen, key: &Key) -> Result {
    Ok(Answer::bool(chosen.cache_of(key.version)?.delete(&key.key)?))
}

pub(super) fn has_key(chosen: &Chosen, key: &Key) -> Result {
    Ok(Answer::bool(chosen.cache_of(key.version)?.has_key(&key.key)?))
}

pub(super) fn make_key(chosen: &Chosen, key: &Key) -> Result {
    let cache = chosen.cache_of(key.version)?;
    let made = cache.make_key(&key.key)?;
    cache.validate_key(&made)?;
    let json = json!({ "key": made });
    Ok(Answer::done(made, json))
}

fn value(text: &str) -> Result<Value> {
    if text == "-" {
        return standard_input("the value");
    }
    serde_json::from_str(text).map_err(|e| {
        Failure::wrong(format!(
            "the value is not JSON ({e}); a text is written with its quotes, as in '\"hello\"'"
        ))
    })
}

/// The JSON on standard input; `what` it is there.
pub(super) fn standard_input(what: &str) -> Result<Value> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|e| Failure::wrong(format!("{what} cannot be read from standard input: {e}")))?;
    serde_json::from_str(&text)
        .map_err(|e| Failure::wrong(format!("{what} on standard input is not JSON ({e})")))
}
