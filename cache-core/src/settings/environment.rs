//! `CACHE_URL` and `CACHE_<ALIAS>_URL`.

use std::ffi::{OsStr, OsString};

use super::{DEFAULT_CACHE_ALIAS, Problem, Setting};

/// A cache by its URL, and the variable it comes from.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) alias: String,
    pub(super) table: Result<Setting, Problem>,
}

/// Returns the caches that the variables name, in the order of the variables' names, since the environment has no
/// order.
pub(super) fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<Variable> {
    let named = |(name, value): (OsString, OsString)| alias(&name).map(|(name, alias)| (name, alias, value));
    let mut named: Vec<(String, String, OsString)> = variables.into_iter().filter_map(named).collect();
    named.sort();
    let mut found: Vec<Variable> = Vec::new();
    for (name, alias, value) in named {
        if let Some(other) = found.iter_mut().find(|other| other.alias == alias) {
            let problem = format!("the environment variable {name} means the same cache; unset one of them");
            other.table = Err(problem);
            continue;
        }
        found.push(Variable { name, alias, table: table(value) });
    }
    found
}

fn table(value: OsString) -> Result<Setting, Problem> {
    let url = value.into_string().map_err(|_| "the environment variable is not UTF-8; give it a URL")?;
    if url.trim().is_empty() {
        return Err("the environment variable is empty; give it a URL, such as locmem://, or unset it".into());
    }
    Ok(Setting::Table(vec![("url".to_owned(), Setting::Text(url))]))
}

/// Returns the alias of a variable that names a cache, in lower case.
fn alias(name: &OsStr) -> Option<(String, String)> {
    let name = name.to_str()?;
    let alias = match name.strip_prefix("CACHE_")? {
        "URL" => DEFAULT_CACHE_ALIAS.to_owned(),
        rest => rest.strip_suffix("_URL").filter(|alias| !alias.is_empty())?.to_ascii_lowercase(),
    };
    Some((name.to_owned(), alias))
}
