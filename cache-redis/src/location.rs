//! [`Servers`]: Django's `LOCATION`, and the parts of a URL in it.

use std::fmt;
use std::path::PathBuf;

use cache_core::{Error, Location, Result};
use cache_net::Address;
use percent_encoding::percent_decode_str;

const DEFAULT_PORT: u16 = 6379;

const SENTINEL_PORT: u16 = 26_379;

/// The schemes that may stand before `+sentinel`.
const SCHEMES: [&str; 4] = ["redis", "rediss", "valkey", "valkeys"];

/// The URLs of the servers of a cache, as they were given.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Servers(Vec<String>);

impl fmt::Debug for Servers {
    /// Shows no users and passwords. A string that is not a URL is not shown at all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for url in &self.0 {
            match read(url)
                .map(|server| server.to_string())
                .or_else(|_| SentinelGroup::read(url).map(|(_, group)| group.to_string()))
            {
                Ok(shown) => list.entry(&format_args!("{shown}")),
                Err(_) => list.entry(&format_args!("(not a Redis URL)")),
            };
        }
        list.finish()
    }
}

impl Servers {
    /// One string may name several servers, separated by `;` or `,`; in a list each string is one URL.
    pub(crate) fn new(location: impl Into<Location>) -> Self {
        let urls = match location.into() {
            Location::Many(urls) => return Self(urls),
            // A URL of sentinels has commas of its own.
            Location::One(url) if is_of_sentinels(&url) => vec![url],
            Location::One(urls) => urls.split([';', ',']).map(str::to_owned).collect(),
        };
        let urls = urls.iter().map(|url| url.trim());
        Self(urls.filter(|url| !url.is_empty()).map(str::to_owned).collect())
    }

    /// Whether every URL is one of TLS.
    #[cfg(feature = "settings")]
    pub(crate) fn all_are_tls(&self) -> bool {
        let is_tls = |url: &String| {
            url.split_once("://")
                .is_some_and(|(scheme, _)| ["rediss", "valkeys"].contains(&&*scheme.to_ascii_lowercase()))
        };
        self.0.iter().all(is_tls)
    }

    /// Whether every URL names a database. [`parse`](Self::parse) refuses URLs that cannot be read.
    #[cfg(feature = "settings")]
    pub(crate) fn all_name_a_database(&self) -> bool {
        self.0.iter().filter_map(|url| redis::parse_redis_url(url)).all(|url| {
            let has_path = !url.scheme().contains("unix") && !url.path().trim_matches('/').is_empty();
            has_path || url.query_pairs().any(|(name, _)| name == "db")
        })
    }

    /// Returns the servers; or the single primary, whose address is not known yet, and its sentinels.
    pub(crate) fn parse(&self) -> Result<(Vec<Server>, Option<SentinelGroup>)> {
        if self.0.is_empty() {
            return Err(Error::invalid_cache_backend(
                "the location names no Redis server; give one such as redis://localhost:6379/0",
            ));
        }
        if let [url] = self.0.as_slice()
            && is_of_sentinels(url)
        {
            let (primary, group) = SentinelGroup::read(url).map_err(|problem| {
                Error::invalid_cache_backend(format!(
                    "the Redis location {problem}; write it as \
                     redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/name[/database]"
                ))
            })?;
            return Ok((vec![primary], Some(group)));
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
        Ok((self.0.iter().enumerate().map(read).collect::<Result<_>>()?, None))
    }
}

/// A password, which is never shown by formatting.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// One server, and the log-in for it. Its [`fmt::Display`] is its name in errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) address: Address,
    pub(crate) tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) database: u32,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Tcp { host, port } => {
                let scheme = if self.tls { "rediss" } else { "redis" };
                let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
                write!(f, "{scheme}://{open}{host}{close}:{port}/{}", self.database)
            }
            Address::Unix(path) => write!(f, "unix://{}?db={}", path.display(), self.database),
        }
    }
}

/// The sentinels that watch one primary. Its [`fmt::Display`] is its name in errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentinelGroup {
    /// The sentinels' name for it.
    pub(crate) name: String,
    pub(crate) sentinels: Vec<Server>,
}

impl fmt::Display for SentinelGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> =
            self.sentinels.iter().map(|sentinel| format!("{:?}", sentinel.address)).collect();
        write!(f, "redis+sentinel://{}/{}", hosts.join(","), self.name)
    }
}

fn is_of_sentinels(url: &str) -> bool {
    let scheme = url.trim_start().split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    scheme.ends_with("+sentinel")
}

impl SentinelGroup {
    /// Reads a primary without an address, and its sentinels.
    fn read(url: &str) -> Result<(Server, Self), Problem> {
        let (scheme, rest) = url.split_once("://").ok_or("is not a Redis URL")?;
        let scheme = scheme.to_ascii_lowercase();
        let scheme = scheme.strip_suffix("+sentinel").filter(|scheme| SCHEMES.contains(scheme));
        let scheme = scheme.ok_or("is not a URL of sentinels")?;
        let (rest, query) =
            rest.split_once('?').map_or((rest, String::new()), |(rest, query)| (rest, format!("?{query}")));
        let (authority, path) = rest.split_once('/').ok_or("has no name of a primary after the hosts")?;
        let (log_in, hosts) =
            authority.rsplit_once('@').map_or(("", authority), |(log_in, hosts)| (log_in, hosts));
        let (name, database) = path.split_once('/').unwrap_or((path, ""));
        let name = percent_decode_str(name).decode_utf8().map_err(|_| "has a name that is not UTF-8")?;
        if name.is_empty() {
            return Err("has no name of a primary after the hosts");
        }
        let at = if log_in.is_empty() { "" } else { "@" };
        let primary = read(&format!("{scheme}://{log_in}{at}of-sentinels/{database}{query}"))?;
        let sentinel = |host: &str| {
            let sentinel = read(&format!("{scheme}://{}", host.trim()))?;
            let is_default = host.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err());
            let address = match sentinel.address {
                Address::Tcp { host, .. } if is_default => Address::Tcp { host, port: SENTINEL_PORT },
                address => address,
            };
            Ok(Server { address, ..sentinel })
        };
        let hosts = hosts.split(',').filter(|host| !host.trim().is_empty());
        let sentinels = hosts.map(sentinel).collect::<Result<Vec<_>, Problem>>()?;
        if sentinels.is_empty() {
            return Err("names no sentinel");
        }
        Ok((primary, Self { name: name.into_owned(), sentinels }))
    }
}

/// What is wrong with a URL. It contains no part of the URL, which may hold a password.
type Problem = &'static str;

fn read(text: &str) -> Result<Server, Problem> {
    let url = redis::parse_redis_url(text).ok_or("is not a Redis URL")?;
    if url.fragment().is_some() {
        return Err("contains #, but Redis URLs have no fragment");
    }
    let decoded = |part: &str| {
        let text = percent_decode_str(part).decode_utf8();
        text.map(|text| text.into_owned()).map_err(|_| "has a user or password that is not UTF-8")
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
                return Err("has an unknown query parameter (expected db, username or password); \
                            other settings are methods of the builder");
            }
        }
    }
    let tls = matches!(url.scheme(), "rediss" | "valkeys");
    let address = if url.scheme().ends_with("unix") || url.scheme() == "unix" {
        if url.path().is_empty() || url.path().ends_with('/') || url.host_str().is_some_and(|h| !h.is_empty())
        {
            return Err("does not name a unix socket, as in unix:///path/to/socket");
        }
        let path =
            percent_decode_str(url.path()).decode_utf8().map_err(|_| "has a path that is not UTF-8")?;
        Address::Unix(PathBuf::from(path.into_owned()))
    } else {
        if tls && !cfg!(feature = "tls") {
            return Err("asks for TLS, which needs the feature `tls` of polycache or cache-redis");
        }
        let path = url.path().trim_matches('/');
        if database.is_none() && !path.is_empty() {
            database = Some(number(path)?);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Address::Tcp { host, port: url.port().unwrap_or(DEFAULT_PORT) }
    };
    Ok(Server { address, tls, user, password: password.map(Secret), database: database.unwrap_or(0) })
}

fn number(text: &str) -> Result<u32, Problem> {
    // Redis takes no database beyond what a C int holds.
    let number = text.parse::<u32>().ok().filter(|&n| i32::try_from(n).is_ok());
    number.ok_or("names a database that is not a number")
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.to_owned(), port }
    }

    fn one(url: &str) -> Server {
        Servers::new([url]).parse().unwrap().0.remove(0)
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
    fn sentinels() {
        for (url, shown) in [
            ("redis+sentinel://h1,h2:7,[::1]/main/3", "redis+sentinel://h1:26379,h2:7,::1:26379/main"),
            ("redis+sentinel://app:p%40ss@h1/a%20b", "redis+sentinel://h1:26379/a b"),
            ("VALKEY+sentinel://h1/main?db=3", "redis+sentinel://h1:26379/main"),
        ] {
            let (servers, watch) = Servers::new(url).parse().unwrap();
            assert_eq!((servers.len(), watch.unwrap().to_string()), (1, shown.to_owned()), "{url}");
        }
        let (servers, _) = Servers::new("redis+sentinel://app:p%40ss@h1,h2/main/3").parse().unwrap();
        assert_eq!((servers[0].user.as_deref(), servers[0].database), (Some("app"), 3));
        assert_eq!(servers[0].password, Some(Secret("p@ss".to_owned())));
        for url in [
            "redis+sentinel://:hunter2@h1",
            "redis+sentinel://:hunter2@h1/",
            "redis+sentinel://:hunter2@/main",
            "redis+sentinel://:hunter2@h1/main/x",
            "redis+sentinel://:hunter2@h1:port/main",
            "http+sentinel://:hunter2@h1/main",
        ] {
            let servers = Servers::new(url);
            let error = servers.parse().unwrap_err();
            let shown = format!("{error} {error:?} {servers:?}");
            assert!(!shown.contains("hunter2") && shown.contains("/name"), "{shown}");
        }
    }

    #[test]
    fn one_text_or_a_list() {
        let two = Servers::new("redis://a ; redis://b,").parse().unwrap().0;
        assert_eq!(
            two.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["redis://a:6379/0", "redis://b:6379/0"]
        );
        let list = Servers::new(vec!["redis://:a;b@h"]).parse().unwrap().0;
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
            let servers = Servers::new([url]);
            let error = servers.parse().unwrap_err();
            assert_eq!(error.kind(), cache_core::ErrorKind::InvalidCacheBackend);
            let shown = format!("{error} {error:?} {servers:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("server 1 of 1"), "{shown}");
        }
        assert!(Servers::new(" ; ").parse().is_err());
    }

    #[test]
    fn no_formatting_shows_a_password() {
        let url = "redis://app:hunter2@h:1/2";
        let shown = format!("{:?} {:?} {}", Servers::new(url), one(url), one(url));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("redis://h:1/2"), "{shown}");
    }
}
