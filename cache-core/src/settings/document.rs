//! A document of settings: its caches by alias, read from TOML or JSON.

use super::{Problem, Setting};
#[cfg(any(feature = "json", feature = "toml"))]
use crate::error::{Error, Result};
use crate::location::unsupported;

/// Returns the tables of a document by alias: the entries of its `caches` or `CACHES` if it has one, else its
/// own.
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

/// Whether a table of tables stands under Django's name without its s. A cache never looks like that.
fn is_misspelt(name: &str, table: &Setting) -> bool {
    let of_tables = |entries: &[(String, Setting)]| {
        !entries.is_empty() && entries.iter().all(|(_, value)| matches!(value, Setting::Table(_)))
    };
    name.eq_ignore_ascii_case("cache") && matches!(table, Setting::Table(entries) if of_tables(entries))
}

/// Returns the default of Django's `DATABASES` beside the caches, if no backend supports that database.
pub(super) fn djangos_database(document: &Setting) -> Option<&'static str> {
    let entry = |setting: &Setting, name: &str| match setting {
        Setting::Table(entries) => {
            entries.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
        }
        _ => None,
    };
    match entry(&entry(&entry(document, "databases")?, "default")?, "engine")? {
        Setting::Text(engine) => unsupported(engine.rsplit('.').next()?),
        _ => None,
    }
}

/// Reads the text of a settings file.
#[cfg(any(feature = "json", feature = "toml"))]
pub(super) fn text(bytes: Vec<u8>, place: &str) -> Result<String> {
    let problem = match *bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "are UTF-16; save them as UTF-8 (PowerShell: -Encoding utf8)",
        _ => match String::from_utf8(bytes) {
            Ok(text) => return Ok(text),
            Err(_) => "are not UTF-8; save them as UTF-8",
        },
    };
    Err(Error::invalid_cache_backend(format!("{place} {problem}")))
}

/// Returns the text without the byte-order mark that some editors put before UTF-8.
#[cfg(any(feature = "json", feature = "toml"))]
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Reads TOML. The errors show the line number and nothing of the line.
#[cfg(feature = "toml")]
pub(super) fn toml(text: &str, place: &str) -> Result<Setting> {
    let text = without_mark(text);
    toml::from_str(text).map_err(|e| {
        let line = e.span().map_or_else(String::new, |span| {
            let before = text.as_bytes().get(..span.start).unwrap_or_default();
            format!(" in line {}", before.iter().filter(|&&b| b == b'\n').count() + 1)
        });
        Error::invalid_cache_backend(format!("{place} cannot be read as TOML{line}: {}", e.message()))
    })
}

/// Reads JSON. The errors show the line number and nothing of the line.
#[cfg(feature = "json")]
pub(super) fn json(text: &str, place: &str) -> Result<Setting> {
    serde_json::from_str(without_mark(text))
        .map_err(|e| Error::invalid_cache_backend(format!("{place} cannot be read as JSON: {e}")))
}
