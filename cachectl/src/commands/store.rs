//! The commands on a whole store: `clear`, `ping`, `info` and the like.

use std::any::Any;

use cache_core::{Cache, Caches, Info, Presence};
use cache_db::DatabaseCache;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, CommandResult};
use crate::commands::check::NOT_YET;
use crate::confirm::confirm;
use crate::failure::Failure;
use crate::open::Chosen;

pub(super) fn clear(chosen: &Chosen, yes: bool) -> CommandResult {
    let cache = chosen.cache()?;
    let question = format!(
        "Remove everything in the location of cache {:?}, including other programs' entries?",
        chosen.alias()
    );
    confirm(yes, &question)?;
    cache.clear()?;
    Ok(Answer::silent())
}

pub(super) fn ping(chosen: &Chosen) -> CommandResult {
    match chosen.cache()?.ping()? {
        Presence::NotYet => Err(Failure::absent(NOT_YET)),
        _ => Ok(Answer::done(["pong".to_owned()], json!({ "pong": true }))),
    }
}

pub(super) fn purge_expired(chosen: &Chosen) -> CommandResult {
    let purged = chosen.cache()?.purge_expired()?;
    let text = purged.map_or_else(|| "the store expires entries on its own".to_owned(), |n| n.to_string());
    Ok(Answer::done([text], json!({ "purged": purged })))
}

pub(super) fn info(chosen: &Chosen) -> CommandResult {
    let info = chosen.cache()?.info()?;
    let ratio = info.hit_ratio().map(|ratio| (ratio * 1_000.0).round() / 1_000.0);
    let Info { entries, max_entries, bytes, hits, misses, evictions, servers, details, .. } = info;
    // Each by its name for programs, which stays, and by that for people.
    let mut said: Vec<(String, String, Value)> = Vec::new();
    for (name, number) in [
        ("entries", entries),
        ("max entries", max_entries),
        ("bytes", bytes),
        ("hits", hits),
        ("misses", misses),
        ("evictions", evictions),
    ] {
        said.extend(number.map(|number| (snake_case(name), name.to_owned(), number.into())));
    }
    if let Some(ratio) = ratio {
        said.push(("hit_ratio".to_owned(), "hit ratio".to_owned(), ratio.into()));
    }
    said.extend(details.into_iter().map(|(name, text)| (snake_case(&name), name, text.into())));
    let of_server = |(server, text): &(String, String)| (format!("server {server}"), text.clone());
    let lines: Vec<(String, String)> = said
        .iter()
        .map(|(_, name, value)| {
            (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
        .chain(servers.iter().map(of_server))
        .collect();
    let mut object: Map<String, Value> = said.into_iter().map(|(key, _, value)| (key, value)).collect();
    if !servers.is_empty() {
        let server = |(server, version)| json!({ "server": server, "version": version });
        object.insert("servers".to_owned(), servers.into_iter().map(server).collect());
    }
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text: Vec<String> =
        lines.into_iter().map(|(name, value)| format!("{name:width$}  {value}")).collect();
    if text.is_empty() {
        text.push("the store reports nothing".to_owned());
    }
    Ok(Answer::done(text, Value::Object(object)))
}

/// A name for programs: `max entries` is `max_entries`.
fn snake_case(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// As Django's command: the tables of all caches in a database, unless one cache is chosen. A cache with bad
/// settings keeps the others from nothing.
pub(super) fn create_cache_table(chosen: &Chosen, dry_run: bool) -> CommandResult {
    let caches = chosen.caches()?;
    if chosen.alias.is_some() {
        caches.get(chosen.alias())?;
    }
    let mut made = Made::default();
    for alias in caches.aliases().filter(|alias| chosen.alias.is_none() || *alias == chosen.alias()) {
        if let Err(e) = made.table(&caches, alias, dry_run) {
            made.failed.push((alias.to_owned(), e.into()));
        }
    }
    if made.done.is_empty() && made.failed.is_empty() {
        return Err(Failure::wrong(
            "the cache is not in a database and needs no table; choose a database cache with --cache or \
             --url",
        ));
    }
    Ok(made.answer(dry_run))
}

/// What came of the caches' tables.
#[derive(Default)]
struct Made {
    done: Vec<String>,
    statements: Vec<String>,
    failed: Vec<(String, Failure)>,
}

impl Made {
    fn table(&mut self, caches: &Caches, alias: &str, dry_run: bool) -> cache_core::Result<()> {
        if let Some(database) = database(&caches.get(alias)?) {
            self.statements.extend(database.create_table(dry_run)?);
            self.done.push(alias.to_owned());
        }
        Ok(())
    }

    fn answer(self, dry_run: bool) -> Answer {
        let mut lines: Vec<String> = if dry_run {
            self.statements.iter().map(|statement| format!("{statement};")).collect()
        } else {
            self.done.iter().map(|alias| format!("cache {alias}: the table exists")).collect()
        };
        // In front of SQL they are comments.
        let mark = if dry_run { "-- " } else { "" };
        lines.extend(self.failed.iter().map(|(_, failure)| format!("{mark}{}", failure.sentence())));
        let failed =
            |(alias, failure): &(String, Failure)| json!({ "cache": alias, "error": failure.json() });
        let json = json!({
            "caches": self.done,
            "dry_run": dry_run,
            "sql": self.statements,
            "failed": self.failed.iter().map(failed).collect::<Vec<_>>(),
        });
        let status = self.failed.iter().map(|(_, failure)| failure.status()).max();
        Answer::done(lines, json).with_status(status.unwrap_or_default())
    }
}

fn database(cache: &Cache) -> Option<&DatabaseCache> {
    let backend: &dyn Any = &**cache.backend();
    backend.downcast_ref()
}
