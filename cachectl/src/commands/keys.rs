//! The commands on one key: `get`, `set`, `add`, `touch`, `delete` and the like.

use std::io::IsTerminal as _;

use cache_core::{Cache, Codec as _, CodecId, Error, ErrorKind, Json, Payload};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::answer::{Answer, CommandResult};
use crate::cli::{Entry, Key, Lifetime};
use crate::failure::{Failure, Result};
use crate::json::{Raw, Stored, inexact, read, standard_input};
use crate::open::Chosen;

/// Shown with a value that `get` cannot say.
pub(super) const HOW_TO_SEE: &str = "cachectl decode shows it, and get --raw gives bytes as they are";

pub(super) fn get(chosen: &Chosen, key: &Key, raw: bool, json: bool) -> CommandResult {
    if raw {
        return get_raw(chosen, key, json);
    }
    let cache = chosen.cache_of(key.version)?;
    let found = cache.get::<Stored>(&key.key).map_err(unreadable)?;
    Ok(match found.map(|stored| exact(&cache, &key.key, stored)).transpose()? {
        Some(value) => Answer::done([value.to_string()], json!({ "found": true, "value": value })),
        None => Answer::done([], json!({ "found": false })).yes(false),
    })
}

fn get_raw(chosen: &Chosen, key: &Key, json: bool) -> CommandResult {
    if json {
        return Err(Failure::wrong("--raw writes bytes, and --json an object; leave one of them out"));
    }
    if std::io::stdout().is_terminal() {
        return Err(Failure::wrong(
            "--raw writes bytes as they are, and a terminal obeys some of them; redirect them to a file or a program",
        ));
    }
    let cache = chosen.cache_of(key.version)?;
    let found = match cache.get_bytes(&key.key) {
        // A string in a codec's form, or an integer.
        Err(e) if e.kind() == ErrorKind::Decode => {
            let read = cache.get::<Raw>(&key.key);
            let hint = "--raw gives bytes, strings and integers; get without it gives the others";
            read.map_err(|e| Failure::from(e).hint(hint))?.map(|raw| raw.0)
        }
        found => found?.map(Vec::from),
    };
    Ok(match found {
        Some(bytes) => Answer::bytes(bytes),
        None => Answer::bytes(Vec::new()).yes(false),
    })
}

/// The value as JSON, where JSON can say it.
pub(super) fn exact(cache: &Cache, key: &str, stored: Stored) -> Result<Value> {
    let problem = match stored.0 {
        Ok(value) if !has_large_float(&value) || !is_rounded(cache, key)? => return Ok(value),
        Ok(_) => "holds a number with more digits than a 64-bit number has",
        Err(problem) => problem,
    };
    let made = cache.make_key(key)?;
    Err(unreadable(Error::new(ErrorKind::Decode, format!("the value {problem}")).with_key(&made)))
}

/// Whether a float is beyond all integers of 64 bits: such an integer in JSON is read as one.
fn has_large_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.is_f64() && number.as_f64().is_some_and(|n| n.abs() >= 2_f64.powi(63))
        }
        Value::Array(items) => items.iter().any(has_large_float),
        Value::Object(entries) => entries.values().any(has_large_float),
        _ => false,
    }
}

/// Whether a number in what is stored would have to be rounded.
fn is_rounded(cache: &Cache, key: &str) -> Result<bool> {
    let made = cache.make_and_validate_key(key)?;
    Ok(match cache.backend().get(made.as_key())? {
        Some(Payload::Encoded(codec, data)) if codec == Json.id() || codec == CodecId::UNKNOWN => {
            let text = std::str::from_utf8(&data).ok();
            let is_json = |text: &&str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            text.filter(is_json).is_some_and(|text| inexact(text).is_some())
        }
        _ => false,
    })
}

/// The failure, with a hint at what shows a value that is not what it should be.
pub(super) fn unreadable(e: Error) -> Failure {
    let is_about_value = e.kind() == ErrorKind::Decode;
    let failure = Failure::from(e);
    if is_about_value { failure.hint(HOW_TO_SEE) } else { failure }
}

pub(super) fn set(chosen: &Chosen, entry: &Entry) -> CommandResult {
    let value = Given::of(entry)?;
    let cache = chosen.cache_of(entry.key.version)?;
    cache.set(&entry.key.key, &value, entry.lifetime.timeout())?;
    Ok(Answer::silent())
}

pub(super) fn add(chosen: &Chosen, entry: &Entry) -> CommandResult {
    let value = Given::of(entry)?;
    let cache = chosen.cache_of(entry.key.version)?;
    Ok(Answer::bool(cache.add(&entry.key.key, &value, entry.lifetime.timeout())?))
}

pub(super) fn touch(chosen: &Chosen, key: &Key, lifetime: Lifetime) -> CommandResult {
    Ok(Answer::bool(chosen.cache_of(key.version)?.touch(&key.key, lifetime.timeout())?))
}

pub(super) fn delete(chosen: &Chosen, key: &Key) -> CommandResult {
    Ok(Answer::bool(chosen.cache_of(key.version)?.delete(&key.key)?))
}

pub(super) fn has_key(chosen: &Chosen, key: &Key) -> CommandResult {
    Ok(Answer::bool(chosen.cache_of(key.version)?.has_key(&key.key)?))
}

pub(super) fn make_key(chosen: &Chosen, key: &Key) -> CommandResult {
    let cache = chosen.cache_of(key.version)?;
    let made = cache.make_key(&key.key)?;
    cache.validate_key(&made)?;
    let json = json!({ "key": made });
    Ok(Answer::done([made], json))
}

/// A value of the command line or of standard input.
enum Given {
    Json(Value),
    Bytes(Vec<u8>),
}

impl Serialize for Given {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(value) => value.serialize(serializer),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
        }
    }
}

impl Given {
    fn of(entry: &Entry) -> Result<Self> {
        let bytes = match &*entry.value {
            "-" => standard_input("the value")?,
            text => text.as_bytes().to_vec(),
        };
        if entry.raw {
            return Ok(Self::Bytes(bytes));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::wrong("the value is not UTF-8, and so not JSON; --raw stores bytes"))?;
        let value = read(&text, "the value").map_err(|failure| {
            let is_syntax = failure.sentence().contains("is not JSON");
            if is_syntax { failure.hint(HOW_TO_WRITE_A_TEXT) } else { failure }
        });
        value.map(Self::Json)
    }
}

const HOW_TO_WRITE_A_TEXT: &str = "write a string with its quotes, as in '\"hello\"'";
