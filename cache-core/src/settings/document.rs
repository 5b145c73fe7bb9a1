//! A document of settings: its caches by alias, and TOML and JSON texts.

use super::{Problem, Setting};
#[cfg(any(feature = "json", feature = "toml"))]
use crate::error::{Error, Result};

/// The tables of a document by alias: the entries of its `caches` or `CACHES`, where it has one,
/// and else its own.
pub(super) fn aliases(document: Setting) -> Result<Vec<(String, Setting)>, Problem> {
    let Setting::Table(mut entries) = document else {
        return Err(format!("are {}; give a table of caches by alias", document.kind()));
    };
    let mut wrapped = entries.iter().enumerate().filter(|(_, (name, _))| name.eq_ignore_ascii_case("caches"));
    match (wrapped.next().map(|(at, _)| at), wrapped.next()) {
        (None, _) => match entries.iter().find(|(name, table)| is_misspelt(name, table)) {
            Some((name, _)) => {
                Err(format!("have [{name}.…]; did you mean [caches.…], such as [caches.default]?"))
            }
            None => Ok(entries),
        },
        (Some(_), Some(_)) => Err("have both \"CACHES\" and \"caches\"; leave one of them out".to_owned()),
        (Some(at), None) => match entries.swap_remove(at) {
            (_, Setting::Table(caches)) => Ok(caches),
            (name, other) => {
                Err(format!("have {} as {name:?}; give a table of caches by alias", other.kind()))
            }
        },
    }
}

/// A table of tables under Django's name without its s: no cache is one.
fn is_misspelt(name: &str, table: &Setting) -> bool {
    let of_tables = |entries: &[(String, Setting)]| {
        !entries.is_empty() && entries.iter().all(|(_, value)| matches!(value, Setting::Table(_)))
    };
    name.eq_ignore_ascii_case("cache") && matches!(table, Setting::Table(entries) if of_tables(entries))
}

/// A TOML text. The errors show the line, and nothing of what stands there.
#[cfg(feature = "toml")]
pub(super) fn toml(text: &str, place: &str) -> Result<Setting> {
    toml::from_str(text).map_err(|e| {
        let line = e.span().map_or_else(String::new, |span| {
            let before = text.as_bytes().get(..span.start).unwrap_or_default();
            format!(" in line {}", before.iter().filter(|&&b| b == b'\n').count() + 1)
        });
        Error::invalid_cache_backend(format!("{place} cannot be read as TOML{line}: {}", e.message()))
    })
}

/// A JSON text. The errors show the line, and nothing of what stands there.
#[cfg(feature = "json")]
pub(super) fn json(text: &str, place: &str) -> Result<Setting> {
    serde_json::from_str(text)
        .map_err(|e| Error::invalid_cache_backend(format!("{place} cannot be read as JSON: {e}")))
}
