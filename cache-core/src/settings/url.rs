//! [`CacheUrl`]: the parts of a URL such as `redis://h:6379/1?timeout=5m`, before a backend reads it.

use std::fmt;

use percent_encoding::percent_decode_str;

use super::Problem;
use crate::error::{Error, Result};

/// A cache's URL without its query. Its `Debug` shows the scheme only: the rest may hold a
/// password.
///
/// Unlike a web address, it may name several hosts, separated by commas.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CacheUrl<'a> {
    scheme: &'a str,
    authority: &'a str,
    path: &'a str,
}

impl fmt::Debug for CacheUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheUrl").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

impl<'a> CacheUrl<'a> {
    /// Returns the part before `://`.
    ///
    /// ```
    /// # use cache_core::{CacheUrl};
    /// fn is_tls(url: &CacheUrl<'_>) -> bool {
    ///     url.scheme() == "rediss" // `rediss://cache.example.com/1`
    /// }
    /// ```
    #[must_use]
    pub const fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// Returns the part between `://` and the next `/`, as written: hosts, ports, a user and a password.
    ///
    /// ```
    /// # use cache_core::{CacheUrl};
    /// fn names_a_host(url: &CacheUrl<'_>) -> bool {
    ///     !url.authority().is_empty() // `redis://cache.example.com/1`, unlike `file:///var/cache/app`
    /// }
    /// ```
    #[must_use]
    pub const fn authority(&self) -> &'a str {
        self.authority
    }

    /// Returns the rest, from the `/` up to `?`, as written. May be empty.
    ///
    /// ```
    /// # use cache_core::{CacheUrl};
    /// fn database(url: &CacheUrl<'_>) -> Option<u32> {
    ///     url.path().strip_prefix('/')?.parse().ok() // 1 of `redis://cache.example.com/1`
    /// }
    /// ```
    #[must_use]
    pub const fn path(&self) -> &'a str {
        self.path
    }

    /// Returns the authority and the path together, percent-decoded: a name, or a file's path.
    ///
    /// ```
    /// # use cache_core::{CacheUrl, Location, Result};
    /// fn folder(url: &CacheUrl<'_>) -> Result<Location> {
    ///     Ok(Location::One(url.decoded()?)) // `/var/cache/my app` of `file:///var/cache/my%20app`
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](crate::ErrorKind::InvalidCacheBackend) if that is not UTF-8.
    pub fn decoded(&self) -> Result<String> {
        decode(&format!("{}{}", self.authority, self.path)).map_err(Error::invalid_cache_backend)
    }
}

/// Splits `text` into its parts and the decoded pairs of its query. Messages show only the scheme.
pub(super) fn parse(text: &str) -> Result<(CacheUrl<'_>, Vec<(String, String)>), Problem> {
    let no_url = "is not a URL; write scheme://location, such as locmem://name or redis://host:6379/1";
    let text = text.trim();
    if text.starts_with(QUOTES) || text.ends_with('"') {
        return Err(
            "begins or ends with a quotation mark, which belongs to the value here: leave the quotation \
                    marks out (docker's --env-file, for one, does not take them off)"
                .to_owned(),
        );
    }
    let (scheme, rest) = text.split_once("://").ok_or(no_url)?;
    if scheme.is_empty() || !scheme.bytes().all(is_of_scheme) {
        return Err(no_url.to_owned());
    }
    if rest.contains('#') {
        return Err("contains #, but cache URLs have no fragment; percent-encode it as %23".to_owned());
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    if query.contains('@') {
        return Err("has an @ behind the question mark; write special characters of a password \
                    percent-encoded: ? as %3F, @ as %40"
            .to_owned());
    }
    if has_another_url(place) {
        return Err(
            "holds several URLs; write the scheme once and the servers behind it, separated by commas \
                    (redis://a:6379,b:6379/1), or give the URLs as a list: \"location\" beside \"backend\""
                .to_owned(),
        );
    }
    let (authority, path) = place.find('/').map_or((place, ""), |at| place.split_at(at));
    Ok((CacheUrl { scheme, authority, path }, pairs(query)?))
}

/// The quotation marks that people and programs put around a value.
const QUOTES: [char; 6] = ['"', '\'', '`', '\u{201c}', '\u{2018}', '\u{201e}'];

/// Whether a URL begins after a `,` or a `;`.
fn has_another_url(text: &str) -> bool {
    text.split([',', ';']).skip(1).any(|part| {
        let scheme = part.trim_start().split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.bytes().all(is_of_scheme))
    })
}

const fn is_of_scheme(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_')
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((word(name)?, word(value)?)),
        _ => Err("has a query parameter that is not written name=value, \
                  such as ?timeout=5m&key_prefix=shop"
            .to_owned()),
    };
    query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

/// Decodes a word of a query, where a plus is a space.
fn word(text: &str) -> Result<String, Problem> {
    decode(&text.replace('+', " "))
}

fn decode(text: &str) -> Result<String, Problem> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(|text| text.into_owned())
        .map_err(|_| "has percent-encoded bytes that are not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn parts_of_a_url() {
        let (url, pairs) = parse("redis://u:p@a:1,b:2/3?timeout=5m&key_prefix=a%26b+c&").unwrap();
        assert_eq!((url.scheme(), url.authority(), url.path()), ("redis", "u:p@a:1,b:2", "/3"));
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(pairs, [("timeout", "5m"), ("key_prefix", "a&b c")]);
        let (url, pairs) = parse("locmem://").unwrap();
        assert_eq!((url.authority(), url.path(), pairs.len()), ("", "", 0));
        assert_eq!(parse("file:///a%20b/c").unwrap().0.decoded().unwrap(), "/a b/c");
        assert_eq!(parse("locmem://a+b").unwrap().0.decoded().unwrap(), "a+b");
    }

    #[test]
    fn quotation_marks_and_several_urls_are_named() {
        for text in [
            "\"locmem://\"",
            "'locmem://'",
            " 'locmem://a'\r",
            "`locmem://`",
            "\u{201c}locmem://\u{201d}",
            "locmem://\"",
        ] {
            assert!(parse(text).unwrap_err().contains("quotation mark"), "{text}");
        }
        for text in [
            "redis://a:1,redis://b:2",
            "redis://a; rediss://b/1",
            "memcached://a,MEMCACHED://b",
            "redis://a,redis+unix:///b",
        ] {
            assert!(parse(text).unwrap_err().contains("several URLs"), "{text}");
        }
        for text in ["redis://a:1,b:2", "file:///a,b://c", "redis://h?x=a,redis://b", "locmem://it's"] {
            assert!(parse(text).is_ok() || text.contains("b://"), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_its_words() {
        for text in [
            "",
            "hunter2",
            "hunter2:6379",
            "://hunter2",
            "hunter 2://x",
            "redis://:hunter2#x@h",
            "redis://:a?hunter2@h/1",
            "redis://h?hunter2",
            "redis://h?=hunter2",
            "redis://h?x=hunter2%ff",
            "\"redis://:hunter2@h\"",
            "'redis://:hunter2@h'",
            "redis://:hunter2@h\"",
            "redis://:hunter2@a,redis://:hunter2@b",
        ] {
            let problem = parse(text).unwrap_err();
            assert!(!problem.contains("hunter2"), "{text}: {problem}");
        }
        let shown = format!("{:?}", parse("redis://:hunter2@h").unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
