//! [`Servers`]: the addresses of the memcached servers, as in Django's `LOCATION`.

use std::fmt;

use cache_core::{Error, Location, Result, refuse_url};
use cache_net::Address;

/// memcached's own port, used if an address names none.
const DEFAULT_PORT: u16 = 11_211;

/// How long the path of a unix socket may be on common systems, including the final NUL.
const SOCKET_PATH_ROOM: usize = 104;

/// The servers of a cache, as they were given.
#[derive(Clone)]
pub(crate) struct Servers(Vec<String>);

impl fmt::Debug for Servers {
    /// Shows the servers' names. A string that is not a server may hold a password and is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for text in &self.0 {
            match parse(text) {
                Ok(server) => list.entry(&format_args!("{}", server.name)),
                Err(_) => list.entry(&format_args!("(no memcached server)")),
            };
        }
        list.finish()
    }
}

impl Servers {
    pub(crate) fn new(location: impl Into<Location>) -> Self {
        Self(match location.into() {
            Location::One(servers) => servers.split([';', ',']).map(str::to_owned).collect(),
            Location::Many(servers) => servers,
        })
    }
}

/// A server and the name under which keys are spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedAddress {
    /// The node's name in pymemcache: `host:port` without brackets, or the socket's path. Taken from the
    /// string and never from DNS, so that it is the same in every process.
    pub(crate) name: String,
    pub(crate) address: Address,
}

impl Servers {
    /// The servers, each name once.
    pub(crate) fn parse(&self) -> Result<Vec<NamedAddress>> {
        let mut servers: Vec<NamedAddress> = Vec::with_capacity(self.0.len());
        for (place, text) in self.0.iter().enumerate() {
            // A socket's path may begin with several slashes.
            if !text.starts_with("unix:") {
                refuse_url(text, "\"host:port\" or \"unix:/path\"")?;
            }
            // Without the text, which may hold a password.
            let server = parse(text).map_err(|problem| {
                Error::invalid_cache_backend(format!(
                    "server {} of {} in the memcached location {problem}; write \"host:port\", \"[IPv6]:port\" \
                     or \"unix:/path\"",
                    place + 1,
                    self.0.len()
                ))
            })?;
            if servers.iter().all(|other| other.name != server.name) {
                servers.push(server);
            }
        }
        if servers.is_empty() {
            return Err(Error::invalid_cache_backend(
                "no memcached server is given; name at least one, such as \"127.0.0.1:11211\"",
            ));
        }
        Ok(servers)
    }
}

fn parse(text: &str) -> Result<NamedAddress, &'static str> {
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path);
    }
    if text.starts_with('/') {
        return unix(text);
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, port_number(port)?),
        _ => (text, DEFAULT_PORT),
    };
    let host = match host.strip_prefix('[') {
        Some(inner) => ipv6(inner.strip_suffix(']').ok_or("has a bracket that is not closed")?)?,
        None if host.contains(':') => ipv6(host)?,
        None => host,
    };
    if host.is_empty() {
        return Err("has no host");
    }
    if host.contains(|c: char| c.is_whitespace() || c.is_control() || "[]/@?#&=".contains(c)) {
        return Err("has a host with an invalid character");
    }
    let address = Address::Tcp { host: host.to_owned(), port };
    Ok(NamedAddress { name: format!("{host}:{port}"), address })
}

fn ipv6(host: &str) -> Result<&str, &'static str> {
    let (address, _zone) = host.split_once('%').unwrap_or((host, ""));
    let good = address.parse::<std::net::Ipv6Addr>().is_ok();
    if good { Ok(host) } else { Err("has colons that do not form an IPv6 address") }
}

fn port_number(text: &str) -> Result<u16, &'static str> {
    let digits = text.trim_ascii();
    let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    number.filter(|&port| port > 0).ok_or("has a port that is not a number from 1 to 65535")
}

fn unix(path: &str) -> Result<NamedAddress, &'static str> {
    if path.is_empty() {
        return Err("has no path");
    }
    if path.contains('\0') {
        return Err("has a NUL byte in its path");
    }
    if path.len() >= SOCKET_PATH_ROOM {
        return Err("has a path of more than 103 bytes, which is too long for a socket");
    }
    Ok(NamedAddress { name: path.to_owned(), address: Address::Unix(path.into()) })
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Vectors {
        specs: Vec<Spec>,
        locations: Vec<Location>,
    }

    #[derive(serde::Deserialize)]
    struct Spec {
        spec: String,
        /// What pymemcache calls the node; nothing if it raises.
        name: Option<String>,
    }

    #[derive(serde::Deserialize)]
    struct Location {
        location: String,
        django_servers: Vec<String>,
    }

    fn vectors() -> Vectors {
        serde_json::from_str(include_str!("../../tests/data/servers.json")).unwrap()
    }

    #[test]
    fn names_as_pymemcache() {
        // What pymemcache takes, and no server can be behind.
        let nonsense = ["::1", " h:1", ""];
        let vectors = vectors().specs;
        assert_eq!(vectors.len(), 16);
        for v in vectors {
            let ours = parse(&v.spec).map(|server| server.name).ok();
            let expected = v.name.filter(|_| !nonsense.contains(&&*v.spec));
            assert_eq!(ours, expected, "{:?}", v.spec);
        }
    }

    #[test]
    fn one_text_is_split_as_django_does() {
        for v in vectors().locations {
            assert_eq!(Servers::new(&*v.location).0, v.django_servers, "{:?}", v.location);
        }
        assert_eq!(Servers::new(["a:1,b:2"]).0, ["a:1,b:2"], "the strings of a list are not split");
    }

    #[test]
    fn addresses() {
        let tcp = |host: &str, port| Address::Tcp { host: host.to_owned(), port };
        for (text, address) in [
            ("h", tcp("h", 11_211)),
            ("[fe80::1%eth0]:11311", tcp("fe80::1%eth0", 11_311)),
            ("::1:5", tcp("::1", 5)),
            ("h: 1\t", tcp("h", 1)),
            ("/run/a b.sock", Address::Unix("/run/a b.sock".into())),
            ("unix:relative.sock", Address::Unix("relative.sock".into())),
        ] {
            assert_eq!(parse(text).unwrap().address, address, "{text:?}");
        }
    }

    #[test]
    fn no_text_shows_a_password() {
        for location in [
            "redis://:HUNTER2@h",
            "memcached://app:HUNTER2@h:11211",
            "app:HUNTER2@h",
            "h:11211;app:HUNTER2@h:1",
            // A password with a comma, a semicolon, a slash.
            "redis://:HUNTER2,HUNTER2@h:1",
            "redis://:HUNTER2;HUNTER2@h",
            "app:HUNTER2,x@h",
            "redis://:HUN/HUNTER2@h",
            "h:11211?password=HUNTER2",
            "h:11211#HUNTER2",
            "https://h/HUNTER2",
            "password=HUNTER2",
            "MEMCACHED://u:HUNTER2@h:1",
            "h:HUNTER2",
            "h1;HUNTER2%32@h",
        ] {
            let servers = Servers::new(location);
            let e = servers.parse().unwrap_err();
            let options = crate::MemcachedCache::builder(location);
            for shown in [format!("{e} {e:?} {e:#?}"), format!("{servers:?} {options:?}")] {
                assert!(!shown.contains("HUNTER2"), "{location:?}: {shown}");
            }
        }
        assert_eq!(format!("{:?}", Servers::new("a:1,[::1]")), "[a:1, ::1:11211]");
    }

    #[test]
    fn bad_texts_are_named() {
        let long = format!("/{}", "x".repeat(103));
        for text in [
            "h:0",
            "h:65536",
            "h:-1",
            "h:+1",
            "[::1",
            "[::1]x:1",
            "[h]:1",
            "unix:",
            "a:1, b:2",
            "a:1;b:2,",
            "h h",
            "user@h",
            "http://h",
            "a\0",
            "unix:/a\0",
            &long,
        ] {
            let e = Servers::new(text).parse().unwrap_err();
            assert_eq!(e.kind(), cache_core::ErrorKind::InvalidCacheBackend, "{text:?}");
            let is_url = e.to_string().contains("is a URL") && text.contains("://");
            assert!(is_url || e.to_string().contains(" in the memcached location "), "{text:?}: {e}");
        }
        assert!(Servers::new(Vec::<String>::new()).parse().is_err());
    }
}
