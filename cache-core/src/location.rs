//! [`Location`]: where a backend keeps its entries; and [`refuse_url`], for a URL where something else belongs.

use std::fmt;

use crate::error::{Error, Result};

/// Django's `LOCATION`: one string or a list of strings. Its `Debug` shows none of them, since they may hold passwords.
///
/// ```
/// use cache_core::Location;
///
/// assert_eq!(Location::from("a:1;b:2"), Location::One("a:1;b:2".to_owned()));
/// assert_eq!(Location::from(["a:1", "b:2"]), Location::Many(vec!["a:1".to_owned(), "b:2".to_owned()]));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// One string: a name, a path, a server, or several servers as a backend separates them.
    One(String),
    /// A list of strings.
    Many(Vec<String>),
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(_) => f.write_str("One"),
            Self::Many(list) => write!(f, "Many({})", list.len()),
        }
    }
}

impl From<&str> for Location {
    fn from(one: &str) -> Self {
        Self::One(one.to_owned())
    }
}

impl From<String> for Location {
    fn from(one: String) -> Self {
        Self::One(one)
    }
}

impl<S: Into<String>> From<Vec<S>> for Location {
    fn from(list: Vec<S>) -> Self {
        Self::Many(list.into_iter().map(Into::into).collect())
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Location {
    fn from(list: [S; N]) -> Self {
        Self::Many(list.into_iter().map(Into::into).collect())
    }
}

impl<S: AsRef<str>> From<&[S]> for Location {
    fn from(list: &[S]) -> Self {
        Self::Many(list.iter().map(|text| text.as_ref().to_owned()).collect())
    }
}

/// Refuses `location` if it is a URL, where `meant` should stand, such as "the path of a directory".
///
/// Backends whose location is not a URL call it when a cache is built: without it, the URL of another store
/// (`redis://:password@host`) becomes the name of a directory, and the password part of each error. The
/// error shows nothing of the location.
///
/// ```
/// use cache_core::refuse_url;
///
/// refuse_url("/var/cache/app", "the path of a directory")?;
/// let error = refuse_url("redis://:hunter2@host", "the path of a directory").unwrap_err();
/// assert!(!error.to_string().contains("hunter2"));
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::InvalidCacheBackend`](crate::ErrorKind::InvalidCacheBackend).
pub fn refuse_url(location: &str, meant: &str) -> Result<()> {
    // A path may have `://` in it, but not before its first slash.
    let Some((scheme, _)) = location.split_once("://").filter(|(before, _)| !before.contains('/')) else {
        return Ok(());
    };
    Err(Error::invalid_cache_backend(match unsupported(scheme.trim()) {
        Some(store) => format!("the location is the URL of a database: {}", not_supported(store)),
        None => format!(
            "the location is a URL, but must be {meant}; in settings, write a URL as \"url\" in place of \"backend\" and \"location\""
        ),
    }))
}

/// The stores that Django's users may have and that no backend of this project is for, by the schemes of their
/// URLs and the engines of Django's `DATABASES`.
const UNSUPPORTED: [(&str, &[&str]); 3] = [
    ("PostgreSQL", &["postgres", "postgresql", "pgsql", "psql", "postgis"]),
    ("MySQL", &["mysql", "mysql2", "mysqlgis", "mariadb"]),
    ("Oracle", &["oracle", "oraclegis"]),
];

/// Returns the unsupported store that a scheme names, in any case, also with a driver (`postgresql+psycopg`,
/// `postgresql_psycopg2`).
pub(crate) fn unsupported(scheme: &str) -> Option<&'static str> {
    let scheme = scheme.split(['+', '-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    UNSUPPORTED.iter().find(|(_, schemes)| schemes.contains(&&*scheme)).map(|(store, _)| *store)
}

/// Returns the message that `store` has no backend, with the alternatives.
pub(crate) fn not_supported(store: &str) -> String {
    format!("{store} is not supported yet; use a SQLite file (sqlite:///path?table=name), Redis or memcached")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn urls_are_refused_without_their_words() {
        for location in [
            "redis://:hunter2@h",
            "REDIS://hunter2@h",
            " rediss://u:hunter2@h/1",
            "\"redis://:hunter2@h\"",
            "redis://:hunter%32@h",
            "file:///hunter2",
            "hunter2://h",
            "hunter2 x://h",
            "://hunter2",
            "http://h/?password=hunter2",
            "postgres://u:hunter2@h/db",
            "PostgreSQL+psycopg://u:hunter2@h/db",
        ] {
            let error = refuse_url(location, "a path").unwrap_err();
            let shown = format!("{error} {error:?} {error:#?}");
            assert!(!shown.contains("hunter"), "{location}: {shown}");
            assert_eq!(
                shown.contains("PostgreSQL is not supported yet"),
                location.to_lowercase().contains("postgres")
            );
        }
    }

    #[test]
    fn paths_and_names_are_not_urls() {
        for location in
            ["", "a", "/var/cache", "./redis://h", "/redis://h", "C:/x", "h:11211", "unix:/run/m.sock", "a b"]
        {
            refuse_url(location, "a path").unwrap();
        }
    }
}
