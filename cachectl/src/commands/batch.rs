//! The commands on many keys: `get_many`, `set_many` and `delete_many`.

use serde_json::{Map, Value, json};

use crate::answer::{Answer, CommandResult};
use crate::cli::{Keys, Lifetime, Version};
use crate::commands::keys::{exact, unreadable};
use crate::confirm::confirm;
use crate::failure::Failure;
use crate::json::{Stored, read, standard_input};
use crate::open::Chosen;

pub(super) fn get(chosen: &Chosen, keys: &Keys) -> CommandResult {
    let cache = chosen.cache_of(keys.version)?;
    let mut found = Map::new();
    for (key, stored) in cache.get_many::<Stored, _>(keys.keys.iter().cloned()).map_err(unreadable)? {
        let value = exact(&cache, &key, stored)?;
        found.insert(key, value);
    }
    let all = keys.keys.iter().all(|key| found.contains_key(key));
    let found = Value::Object(found);
    Ok(Answer::done([found.to_string()], json!({ "found": found })).yes(all))
}

pub(super) fn set(chosen: &Chosen, version: Version, lifetime: Lifetime) -> CommandResult {
    let what = "the JSON object on standard input";
    let text = String::from_utf8(standard_input("the JSON object")?)
        .map_err(|_| Failure::wrong(format!("{what} is not UTF-8")))?;
    let Value::Object(entries) = read(&text, what)? else {
        return Err(Failure::wrong("standard input is JSON, but not an object of keys and values"));
    };
    let failed = chosen.cache_of(version)?.set_many(entries, lifetime.timeout())?;
    let json = json!({ "failed": failed });
    let all = failed.is_empty();
    Ok(Answer::done(failed, json).yes(all))
}

/// Deletes one by one, because only `delete` reports whether a key existed.
pub(super) fn delete(chosen: &Chosen, keys: &Keys, yes: bool) -> CommandResult {
    let cache = chosen.cache_of(keys.version)?;
    confirm(yes, &format!("Remove {} keys?", keys.keys.len()))?;
    let mut removed = 0_u64;
    for key in &keys.keys {
        removed += u64::from(cache.delete(key)?);
    }
    Ok(Answer::done([removed.to_string()], json!({ "removed": removed })))
}
