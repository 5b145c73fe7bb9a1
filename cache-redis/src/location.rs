//! [`Servers`]: Django's `LOCATION`, and what a URL in it says.

use std::fmt;
use std::path::PathBuf;

use cache_core::{Error, Result};
use percent_encoding::percent_decode_str;

const DEFAULT_PORT: u16 = 6379;

/// Django's `LOCATION`: the URLs of one or several servers.
///
/// A single text may name several, parted by `;` or `,`; in a list each element is one URL.
///
/// | URL | |
/// |---|---|
/// | `redis://[[user]:password@]host[:port][/database]` | TCP, port 6379 and database 0 by default |
/// | `rediss://…` | the same over TLS (feature `tls`) |
/// | `unix:///path/to/socket[?db=1&username=…&password=…]` | a unix socket; `redis+unix://` too |
///
/// `valkey`, `valkeys` and `valkey+unix` mean the same. `db`, `username` and `password` may stand
/// in the query of any of them. Characters that mean something in a URL, and `;` and `,`, are
/// written percent-encoded in a password.
///
/// ```
/// use cache_redis::Servers;
///
/// let servers = Servers::from("redis://:secret@primary:6379/1;redis://:secret@replica:6379/1");
/// assert_eq!(format!("{servers:?}"), "[redis://primary:6379/1, redis://replica:6379/1]");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Servers(Vec<String>);

impl From<&str> for Servers {
    fn from(location: &str) -> Self {
        let urls = location.split([';', ',']).map(str::trim);
        Self(urls.filter(|url| !url.is_empty()).map(str::to_owned).collect())
    }
}

impl From<String> for Servers {
    fn from(location: String) -> Self {
        Self::from(location.as_str())
    }
}

impl<S: Into<String>> From<Vec<S>> for Servers {
    fn from(urls: Vec<S>) -> Self {
        Self(urls.into_iter().map(Into::into).collect())
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Servers {
    fn from(urls: [S; N]) -> Self {
        Self(urls.into_iter().map(Into::into).collect())
    }
}

impl<S: AsRef<str>> From<&[S]> for Servers {
    fn from(urls: &[S]) -> Self {
        Self(urls.iter().map(|url| url.as_ref().to_owned()).collect())
    }
}

impl fmt::Debug for Servers {
    /// Without users and passwords: what cannot be read as a URL is not shown at all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for url in &self.0 {
            match read(url) {
                Ok(server) => list.entry(&format_args!("{server}")),
                Err(_) => list.entry(&format_args!("(no Redis URL)")),
            };
        }
        list.finish()
    }
}

impl Servers {
    /// Whether each says that it is reached over TLS.
    #[cfg(feature = "settings")]
    pub(crate) fn all_are_tls(&self) -> bool {
        let is_tls = |url: &String| {
            url.split_once("://")
                .is_some_and(|(scheme, _)| ["rediss", "valkeys"].contains(&&*scheme.to_ascii_lowercase()))
        };
        self.0.iter().all(is_tls)
    }

    /// Whether each says which database is meant. What cannot be read is for [`parse`](Self::parse) to refuse.
    #[cfg(feature = "settings")]
    pub(crate) fn all_name_a_database(&self) -> bool {
        self.0.iter().filter_map(|url| redis::parse_redis_url(url)).all(|url| {
            let has_path = !url.scheme().contains("unix") && !url.path().trim_matches('/').is_empty();
            has_path || url.query_pairs().any(|(name, _)| name == "db")
        })
    }

    pub(crate) fn parse(&self) -> Result<Vec<Server>> {
        if self.0.is_empty() {
            return Err(Error::invalid_cache_backend(
                "the location names no Redis server; give one such as redis://localhost:6379/0",
            ));
        }
        let count = self.0.len();
        let read = |(place, url): (usize, &String)| {
            read(url).map_err(|problem| {
                Error::invalid_cache_backend(format!(
                    "server {} of {count} in the Redis location {problem}; write it as \
                     redis://[[user]:password@]host[:port][/database], with special characters of a \
                     password percent-encoded: @ as %40, / as %2F, a comma as %2C, ; as %3B",
                    place + 1
                ))
            })
        };
        self.0.iter().enumerate().map(read).collect()
    }
}

/// A password, which no formatting shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Tcp { host: String, port: u16, tls: bool },
    Unix(PathBuf),
}

/// One server, and who asks it for what. Its [`fmt::Display`] is its name in errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) address: Address,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) database: u32,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Tcp { host, port, tls } => {
                let scheme = if *tls { "rediss" } else { "redis" };
                let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
                write!(f, "{scheme}://{open}{host}{close}:{port}/{}", self.database)
            }
            Address::Unix(path) => write!(f, "unix://{}?db={}", path.display(), self.database),
        }
    }
}

/// What is wrong with a URL, without a word of what it says: it may hold a password.
type Problem = &'static str;

fn read(text: &str) -> Result<Server, Problem> {
    let url = redis::parse_redis_url(text).ok_or("is no Redis URL")?;
    if url.fragment().is_some() {
        return Err("has a part after #, which means nothing here");
    }
    let decoded = |part: &str| {
        let text = percent_decode_str(part).decode_utf8();
        text.map(|text| text.into_owned()).map_err(|_| "has a user or password that is no UTF-8")
    };
    let mut user = Some(url.username()).filter(|user| !user.is_empty()).map(decoded).transpose()?;
    let mut password = url.password().map(decoded).transpose()?;
    let mut database = None;
    for (name, value) in url.query_pairs() {
        match &*name {
            "db" => database = Some(number(&value)?),
            "username" | "user" => user = Some(value.into_owned()),
            "password" | "pass" => password = Some(value.into_owned()),
            _ => {
                return Err("has a setting after ? that is none of db, username and password; \
                            other settings are methods of the builder");
            }
        }
    }
    let address = if url.scheme().ends_with("unix") || url.scheme() == "unix" {
        if url.path().is_empty() || url.path().ends_with('/') || url.host_str().is_some_and(|h| !h.is_empty())
        {
            return Err("names no unix socket, as unix:///path/to/socket does");
        }
        let path = percent_decode_str(url.path()).decode_utf8().map_err(|_| "has a path that is no UTF-8")?;
        Address::Unix(PathBuf::from(path.into_owned()))
    } else {
        let tls = matches!(url.scheme(), "rediss" | "valkeys");
        if tls && !cfg!(feature = "tls") {
            return Err("asks for TLS, which needs the feature `tls` of cache-redis");
        }
        let path = url.path().trim_matches('/');
        if database.is_none() && !path.is_empty() {
            database = Some(number(path)?);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Address::Tcp { host, port: url.port().unwrap_or(DEFAULT_PORT), tls }
    };
    Ok(Server { address, user, password: password.map(Secret), database: database.unwrap_or(0) })
}

fn number(text: &str) -> Result<u32, Problem> {
    // Redis takes no database beyond what a C int holds.
    let number = text.parse::<u32>().ok().filter(|&n| i32::try_from(n).is_ok());
    number.ok_or("names a database that is no number")
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.to_owned(), port, tls: false }
    }

    fn one(url: &str) -> Server {
        Servers::from([url]).parse().unwrap().remove(0)
    }

    #[test]
    fn urls_as_django_writes_them() {
        let plain = one("redis://127.0.0.1");
        assert_eq!((&plain.address, plain.database), (&tcp("127.0.0.1", 6379), 0));
        let full = one("redis://app:p%40ss%3B@cache.example:7000/3");
        assert_eq!(full.address, tcp("cache.example", 7000));
        assert_eq!((full.user.as_deref(), full.database), (Some("app"), 3));
        assert_eq!(full.password, Some(Secret("p@ss;".to_owned())));
        let only_password = one("valkey://:secret@[::1]:7000?db=2");
        assert_eq!(only_password.address, tcp("::1", 7000));
        assert_eq!((only_password.user, only_password.database), (None, 2));
        assert_eq!(one("redis:///4").address, tcp("localhost", 6379));
        for url in
            ["unix:///run/redis.sock?db=1&password=secret", "redis+unix:///run/redis.sock?db=1&pass=secret"]
        {
            let unix = one(url);
            assert_eq!(unix.address, Address::Unix(PathBuf::from("/run/redis.sock")));
            assert_eq!((unix.database, unix.password), (1, Some(Secret("secret".to_owned()))));
        }
    }

    #[test]
    fn one_text_or_a_list() {
        let two = Servers::from("redis://a ; redis://b,").parse().unwrap();
        assert_eq!(
            two.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["redis://a:6379/0", "redis://b:6379/0"]
        );
        let list = Servers::from(vec!["redis://:a;b@h"]).parse().unwrap();
        assert_eq!(list[0].password, Some(Secret("a;b".to_owned())));
    }

    #[test]
    fn what_is_refused_is_named_without_its_password() {
        let refused = [
            "",
            "hunter2",
            "localhost:6379",
            "http://:hunter2@h",
            "redis://:hunter2@h/x",
            "redis://:hunter2@h/-1",
            "redis://:hunter2@h/99999999999",
            "redis://:hunter2@h?ssl_ca_certs=x",
            "redis://:hunter2@h#insecure",
            "redis://user:hunter2/34@h",
            "redis://:hunter2@h:port",
            "unix://?password=hunter2",
            "redis://:hunter2%ff@h",
            "unix://host/path?password=hunter2",
        ];
        for url in refused {
            let servers = Servers::from([url]);
            let error = servers.parse().unwrap_err();
            assert_eq!(error.kind(), cache_core::ErrorKind::InvalidCacheBackend);
            let shown = format!("{error} {error:?} {servers:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("server 1 of 1"), "{shown}");
        }
        assert!(Servers::from(" ; ").parse().is_err());
    }

    #[test]
    fn no_formatting_shows_a_password() {
        let url = "redis://app:hunter2@h:1/2";
        let shown = format!("{:?} {:?} {}", Servers::from(url), one(url), one(url));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("redis://h:1/2"), "{shown}");
    }
}
