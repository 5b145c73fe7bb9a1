//! The commands on many keys.

use serde_json::{Map, Value, json};

use crate::answer::{Answer, Failure, Result};
use crate::cli::{Keys, Lifetime, Version};
use crate::commands::keys::standard_input;
use crate::confirm::confirm;
use crate::open::Chosen;

pub(super) fn get(chosen: &Chosen, keys: &Keys) -> Result {
    let cache = chosen.cache_of(keys.version)?;
    let found: Map<String, Value> = cache.get_many(keys.keys.iter().cloned())?.into_iter().collect();
    let all = keys.keys.iter().all(|key| found.contains_key(key));
    let found = Value::Object(found);
    Ok(Answer::done(found.to_string(), json!({ "found": found })).yes(all))
}

pub(super) fn set(chosen: &Chosen, version: Version, lifetime: Lifetime) -> Result {
    let Value::Object(entries) = standard_input("the JSON object")? else {
        return Err(Failure::wrong("standard input is JSON, but no object of keys and values"));
    };
    let failed = chosen.cache_of(version)?.set_many(entries, lifetime.timeout())?;
    let json = json!({ "failed": failed });
    Ok(Answer::done(failed.join("\n"), json).yes(failed.is_empty()))
}

pub(super) fn delete(chosen: &Chosen, keys: &Keys, yes: bool) -> Result {
    let cache = chosen.cache_of(keys.version)?;
    confirm(yes, &format!("Remove {} keys?", keys.keys.len()))?;
    cache.delete_many(&keys.keys)?;
    Ok(Answer::done("", json!({ "done": true })))
}
