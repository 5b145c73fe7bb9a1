//! The commands on a whole store.

use std::any::Any;
use std::fmt::Write as _;

use cache_core::{Cache, Info};
use cache_db::DatabaseCache;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Failure, Result};
use crate::confirm::confirm;
use crate::open::Chosen;

pub(super) fn clear(chosen: &Chosen, yes: bool) -> Result {
    let cache = chosen.cache()?;
    let alias = chosen.alias.as_deref().unwrap_or("default");
    confirm(yes, &format!("Remove everything in the location of cache {alias:?}, whoever stored it?"))?;
    cache.clear()?;
    Ok(Answer::done("", json!({ "done": true })))
}

pub(super) fn ping(chosen: &Chosen) -> Result {
    chosen.cache()?.ping()?;
    Ok(Answer::done("pong", json!({ "pong": true })))
}

pub(super) fn purge_expired(chosen: &Chosen) -> Result {
    let purged = chosen.cache()?.purge_expired()?;
    let text = purged.map_or_else(|| "the store does that by itself".to_owned(), |n| n.to_string());
    Ok(Answer::done(text, json!({ "purged": purged })))
}

pub(super) fn info(chosen: &Chosen) -> Result {
    let cache = chosen.cache()?;
    let info = cache.info()?;
    let ratio = info.hit_ratio().map(|ratio| (ratio * 1_000.0).round() / 1_000.0);
    let Info { entries, max_entries, bytes, hits, misses, evictions, more } = info;
    let mut object = Map::new();
    for (name, number) in [
        ("entries", entries),
        ("max entries", max_entries),
        ("bytes", bytes),
        ("hits", hits),
        ("misses", misses),
        ("evictions", evictions),
    ] {
        if let Some(number) = number {
            object.insert(name.to_owned(), number.into());
        }
    }
    if let Some(ratio) = ratio {
        object.insert("hit ratio".to_owned(), ratio.into());
    }
    object.extend(more.into_iter().map(|(name, text)| (name, Value::String(text))));
    let width = object.keys().map(String::len).max().unwrap_or_default();
    let mut text = String::new();
    for (name, value) in &object {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = writeln!(text, "{name:width$}  {value}");
    }
    if object.is_empty() {
        text = "the store has nothing to say".to_owned();
    }
    Ok(Answer::done(text, Value::Object(object)))
}

/// As Django's command: the tables of all caches in a database, unless one cache is chosen.
pub(super) fn create_cache_table(chosen: &Chosen, dry_run: bool) -> Result {
    let caches = chosen.builder().build()?;
    let aliases: Vec<&str> = match &chosen.alias {
        Some(alias) => vec![alias.as_str()],
        None => caches.aliases().collect(),
    };
    let mut statements = Vec::new();
    let mut done = Vec::new();
    for alias in aliases {
        let cache = caches.get(alias)?;
        if let Some(database) = database(&cache) {
            statements.extend(database.create_table(dry_run)?);
            done.push(alias.to_owned());
        }
    }
    if done.is_empty() {
        return Err(Failure::wrong(
            "there is no table to make: the cache is not in a database; choose one that is, with --cache or \
             --url",
        ));
    }
    let text = if dry_run {
        statements.iter().fold(String::new(), |text, statement| text + statement + ";\n")
    } else {
        done.iter().fold(String::new(), |text, alias| text + "cache " + alias + ": the table is there\n")
    };
    Ok(Answer::done(text, json!({ "caches": done, "dry_run": dry_run, "sql": statements })))
}

fn database(cache: &Cache) -> Option<&DatabaseCache> {
    let backend: &dyn Any = &**cache.backend();
    backend.downcast_ref()
}
