//! `check`: tells which settings are good and which stores answer, a line for each cache.

use cache_core::{Caches, Presence};
use serde_json::{Value, json};

use crate::answer::{Answer, CommandResult};
use crate::failure::Failure;
use crate::open::Chosen;

/// One line of the report.
struct Line {
    alias: String,
    found: Found,
}

enum Found {
    Good,
    /// Nothing is wrong that a write would not put right, if the settings are meant so.
    Warning(&'static str),
    Bad(Failure),
}

/// What `ping` and `check` say of a store that is not there.
pub(super) const NOT_YET: &str = "the store does not exist yet; the first write creates it";

pub(super) fn check(chosen: &Chosen) -> CommandResult {
    let caches = chosen.caches()?;
    if let Some(alias) = &chosen.alias
        && !caches.aliases().any(|known| known == alias)
    {
        // Which says what there is.
        caches.get(alias)?;
    }
    let chosen = |alias: &&str| chosen.alias.as_deref().is_none_or(|only| only == *alias);
    let lines: Vec<Line> = caches.aliases().filter(chosen).map(|alias| Line::of(&caches, alias)).collect();
    let status = lines.iter().map(Line::status).max();
    let json = json!({ "checks": lines.iter().map(Line::json).collect::<Vec<_>>() });
    let text: Vec<String> = lines.iter().map(Line::text).collect();
    Ok(Answer::done(text, json).with_status(status.unwrap_or_default()))
}

impl Line {
    fn of(caches: &Caches, alias: &str) -> Self {
        let found = match caches.get(alias).and_then(|cache| cache.ping()) {
            Ok(Presence::NotYet) => Found::Warning(NOT_YET),
            Ok(_) => Found::Good,
            Err(e) => Found::Bad(e.into()),
        };
        Self { alias: alias.to_owned(), found }
    }

    /// The exit status of this cache alone.
    const fn status(&self) -> u8 {
        match &self.found {
            Found::Good | Found::Warning(_) => 0,
            Found::Bad(failure) => failure.status(),
        }
    }

    fn text(&self) -> String {
        let alias = &self.alias;
        match &self.found {
            Found::Good => format!("cache {alias:?}: ok"),
            Found::Warning(warning) => format!("cache {alias:?}: warning: {warning}"),
            // Errors of settings name the cache, and the file or variable that they are in.
            Found::Bad(failure) => {
                let sentence = failure.sentence().replace('\n', " ");
                let place = format!("cache {alias:?}");
                match sentence.strip_prefix(&place) {
                    Some(rest) => format!("{place}: error{rest}"),
                    None => format!("{place}: error: {sentence}"),
                }
            }
        }
    }

    fn json(&self) -> Value {
        let (status, warning, error) = match &self.found {
            Found::Good => ("ok", None, None),
            Found::Warning(warning) => ("warning", Some(*warning), None),
            Found::Bad(failure) => ("error", None, Some(failure.json())),
        };
        json!({
            "cache": self.alias,
            "status": status,
            "exit_status": self.status(),
            "warning": warning,
            "error": error,
        })
    }
}
