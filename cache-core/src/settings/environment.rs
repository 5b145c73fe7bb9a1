//! `CACHE_URL` and `CACHE_<ALIAS>_URL`.

use std::ffi::{OsStr, OsString};

use super::{DEFAULT_CACHE_ALIAS, Setting};
use crate::error::{Error, Result};

/// A cache by its URL, and the variable that says it.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) alias: String,
    pub(super) table: Setting,
}

/// The caches that the variables name, in the order of the variables' names: the environment has none.
pub(super) fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Vec<Variable>> {
    let mut found: Vec<Variable> = Vec::new();
    for (name, value) in variables {
        let Some((name, alias)) = alias(&name) else { continue };
        let invalid = |problem: &str| {
            Err(Error::invalid_cache_backend(format!("the environment variable {name} {problem}")))
        };
        let Ok(url) = value.into_string() else { return invalid("is no UTF-8") };
        if url.trim().is_empty() {
            return invalid("is empty; give it a URL, such as locmem://, or unset it");
        }
        if let Some(other) = found.iter().find(|other| other.alias == alias) {
            return invalid(&format!("and {} both mean the cache {alias:?}; unset one of them", other.name));
        }
        let table = Setting::Table(vec![("url".to_owned(), Setting::Text(url))]);
        found.push(Variable { name, alias, table });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The alias of a variable that means a cache, in lower case.
fn alias(name: &OsStr) -> Option<(String, String)> {
    let name = name.to_str()?;
    let alias = match name.strip_prefix("CACHE_")? {
        "URL" => DEFAULT_CACHE_ALIAS.to_owned(),
        rest => rest.strip_suffix("_URL").filter(|alias| !alias.is_empty())?.to_ascii_lowercase(),
    };
    Some((name.to_owned(), alias))
}
