//! Keys: how a caller's key becomes the store's key, and which keys are refused.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrayvec::ArrayString;

use crate::django::{MEMCACHE_MAX_KEY_LENGTH, default_key_func, is_refused, memcache_key_warnings};
use crate::error::{Error, Result};

/// A made and validated key: prefix, version and the caller's key in one.
///
/// A [`Cache`](crate::Cache) makes them (see [`Cache::make_and_validate_key`](crate::Cache::make_and_validate_key)), and
/// [`Key::new`] makes one by the same rules. So a backend may trust it: no backend formats a prefix or checks a character.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    text: &'a str,
    /// The same text in two parts, cut at [`split`], each in its older copy. Freshly written bytes cannot
    /// be read at once in larger pieces than they were written in, and a hash that waits for that costs more than
    /// all the rest of a hit in memory.
    parts: [&'a str; 2],
}

impl<'a> Key<'a> {
    /// What a ping may ask for.
    pub(crate) const PING: Key<'static> = Key { text: ":1:cache-ping", parts: [":1:", "cache-ping"] };

    /// Checks a whole key, prefix and version included, by the rules that a cache applies. For a backend that
    /// wraps another one and asks it for its own keys.
    ///
    /// Give [`KeyPolicy::Refuse`] where the wrapped backend's
    /// [`strict_keys`](crate::Capabilities::strict_keys) is true: its server cannot take other keys. No allocation.
    ///
    /// ```
    /// use cache_core::{ErrorKind, Key, KeyPolicy};
    ///
    /// assert_eq!(Key::new("shop:1:lock:basket", KeyPolicy::Refuse)?.as_str(), "shop:1:lock:basket");
    /// let refused = Key::new("shop:1:not good", KeyPolicy::Refuse).unwrap_err();
    /// assert_eq!((refused.kind(), refused.key()), (ErrorKind::InvalidCacheKey, Some("shop:1:not good")));
    /// assert!(Key::new("shop:1:not good", KeyPolicy::Allow).is_ok());
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheKey`](crate::ErrorKind::InvalidCacheKey) where `policy` is [`KeyPolicy::Refuse`] and
    /// memcached would refuse the key. With [`KeyPolicy::Warn`] such a key is a `tracing` warning.
    pub fn new(text: &'a str, policy: KeyPolicy) -> Result<Self> {
        policy.check(text)?;
        Ok(Self::with_prefix(text, split(text)))
    }

    /// A key whose prefix has `prefix_len` bytes.
    fn with_prefix(text: &'a str, prefix_len: usize) -> Self {
        Self { text, parts: text.split_at_checked(prefix_len).unwrap_or(("", text)).into() }
    }

    /// Returns the key as text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.text
    }

    /// Returns the key as the bytes that a store compares.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.text.as_bytes()
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Key<'_> {}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(other.text)
    }
}

/// Not the hash of [`Key::as_str`], and cheaper: equal keys have equal hashes, and that is all.
impl Hash for Key<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        for part in self.parts {
            state.write(part.as_bytes());
        }
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.text).finish()
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// Where the prefix of a made key ends: behind the first `:version:`. [`check_prefix`] ensures that the prefix does
/// not contain one, so every handle that makes a key finds the same place.
fn split(key: &str) -> usize {
    let mut start = match key.find(':') {
        None => return 0,
        Some(colon) => colon + 1,
    };
    while let Some(len) = key[start..].find(':') {
        if is_version(&key[start..start + len]) {
            return start + len + 1;
        }
        start += len + 1;
    }
    0
}

/// A made and validated key that owns its text. Keys of up to 256 bytes need no allocation.
#[derive(Clone, Debug, Default)]
pub struct KeyBuf {
    short: ArrayString<256>,
    /// Used instead of `short` if the key does not fit there.
    long: Option<String>,
    /// The length of its prefix.
    prefix_len: usize,
}

impl KeyBuf {
    /// Returns the key as backends take it.
    #[must_use]
    pub fn as_key(&self) -> Key<'_> {
        Key::with_prefix(self.text(), self.prefix_len)
    }

    #[inline]
    fn text(&self) -> &str {
        self.long.as_deref().unwrap_or(&self.short)
    }

    #[inline]
    fn fill(&mut self, prefix: &str, key: &str) {
        self.prefix_len = prefix.len();
        self.short.clear();
        self.long = None;
        if self.short.try_push_str(prefix).is_err() || self.short.try_push_str(key).is_err() {
            self.long = Some([prefix, key].concat());
        }
    }

    fn replace(&mut self, text: String) {
        self.prefix_len = split(&text);
        self.long = Some(text);
    }
}

/// Many made keys in one allocation: what the many-operations hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyList {
    text: String,
    /// Where the prefix of each key ends, and the key.
    ends: Vec<(usize, usize)>,
}

impl KeyList {
    pub(crate) fn push(&mut self, key: Key<'_>) {
        self.text.push_str(key.text);
        self.ends.push((key.parts[0].len(), self.text.len()));
    }

    pub(crate) const fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, index: usize) -> Key<'_> {
        let start = if index == 0 { 0 } else { self.ends[index - 1].1 };
        let (prefix_len, end) = self.ends[index];
        Key::with_prefix(&self.text[start..end], prefix_len)
    }

    pub(crate) fn range(&self, range: std::ops::Range<usize>) -> Vec<Key<'_>> {
        range.map(|i| self.get(i)).collect()
    }
}

/// Makes the store's key from the caller's key, the prefix and the version, in this order, as
/// Django's `KEY_FUNCTION`. An error refuses the key.
pub type KeyFunction =
    dyn Fn(&str, &str, i64) -> Result<String, Box<dyn std::error::Error + Send + Sync>> + Send + Sync;

/// A validator of made keys, in place of memcached's rules. An error refuses the key.
pub type KeyValidator = dyn Fn(&str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> + Send + Sync;

fn is_good(key: &str) -> bool {
    key.len() <= MEMCACHE_MAX_KEY_LENGTH && has_good_bytes(key)
}

/// Checks sixteen bytes at a time, as the processor's vectors take them, or eight: this runs for every key.
#[inline]
fn has_good_bytes(key: &str) -> bool {
    let bytes = key.as_bytes();
    if let Some(last) = bytes.last_chunk::<16>() {
        are_good(bytes.as_chunks().0, last)
    } else if let Some(last) = bytes.last_chunk::<8>() {
        are_good(bytes.as_chunks().0, last)
    } else {
        !bytes.iter().any(|&byte| is_refused(byte))
    }
}

/// The last block may overlap the others: checking a byte twice does no harm.
#[inline]
fn are_good<const N: usize>(blocks: &[[u8; N]], last: &[u8; N]) -> bool {
    let mut refused = [0; N];
    for block in blocks.iter().chain([last]) {
        refused.iter_mut().zip(block).for_each(|(refused, &byte)| *refused |= u8::from(is_refused(byte)));
    }
    // Compared with an array of zeros they were put together byte by byte, which took 7 ns more.
    refused.iter().fold(0, |all, one| all | one) == 0
}

/// What a cache does with a key that memcached would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyPolicy {
    /// Nothing.
    Allow,
    /// Logs one `tracing` warning per call and goes on, like Django with every backend but memcached.
    Warn,
    /// Returns [`ErrorKind::InvalidCacheKey`](crate::ErrorKind::InvalidCacheKey); nothing is sent or stored.
    Refuse,
}

impl KeyPolicy {
    /// Applies the policy to a made key.
    fn check(self, key: &str) -> Result<()> {
        if self == Self::Allow || is_good(key) { Ok(()) } else { self.complain(key) }
    }

    #[cold]
    fn complain(self, key: &str) -> Result<()> {
        let reasons: Vec<String> = memcache_key_warnings(key).map(|w| w.to_string()).collect();
        let reasons = reasons.join("; ");
        if self == Self::Refuse {
            return Err(Error::invalid_cache_key(key, reasons));
        }
        tracing::warn!(target: "cache_core::key", key, "CacheKeyWarning: {reasons}");
        Ok(())
    }
}

/// A function that a cache was given, and its name: the one it is registered under, else its type's.
pub(crate) struct Named<F: ?Sized> {
    pub(crate) name: Arc<str>,
    pub(crate) call: Arc<F>,
}

impl<F: ?Sized> Clone for Named<F> {
    fn clone(&self) -> Self {
        Self { name: Arc::clone(&self.name), call: Arc::clone(&self.call) }
    }
}

/// Everything that decides how a caller's key becomes a [`KeyBuf`].
pub(crate) struct KeyMaker {
    pub(crate) prefix: String,
    pub(crate) function: Option<Named<KeyFunction>>,
    pub(crate) validator: Option<Named<KeyValidator>>,
    pub(crate) policy: KeyPolicy,
}

/// What precedes the caller's key in all keys of one version: `prefix:version:`. Each handle makes it once.
#[derive(Clone)]
pub(crate) struct KeyPrefix {
    pub(crate) version: i64,
    /// `prefix:version:`
    text: Arc<str>,
    /// Whether memcached accepts its bytes, and a key is only this and the caller's part: then only that part is
    /// left to check.
    plain: bool,
}

impl KeyMaker {
    pub(crate) fn prefix_of(&self, version: i64) -> KeyPrefix {
        let text = default_key_func("", &self.prefix, version);
        let plain = has_good_bytes(&text) && self.function.is_none() && self.validator.is_none();
        KeyPrefix { version, plain, text: text.into() }
    }

    /// Django's `make_key`, into the caller's place: a made key is large, and moving it costs more than
    /// making it.
    #[inline]
    pub(crate) fn make(&self, made: &mut KeyBuf, prefix: &KeyPrefix, key: &str) -> Result<()> {
        if let Some(function) = &self.function {
            made.replace((function.call)(key, &self.prefix, prefix.version).map_err(|e| {
                Error::invalid_cache_key(key, "the key function refused the key").with_source(e)
            })?);
        } else {
            made.fill(&prefix.text, key);
        }
        Ok(())
    }

    /// Django's `validate_key`: for the made key.
    pub(crate) fn validate(&self, key: &str) -> Result<()> {
        if let Some(validator) = &self.validator {
            (validator.call)(key).map_err(|e| {
                Error::invalid_cache_key(key, "the key validator refused the key").with_source(e)
            })?;
        }
        self.policy.check(key)
    }

    /// Django's `make_and_validate_key`.
    #[inline]
    pub(crate) fn make_and_validate(&self, made: &mut KeyBuf, prefix: &KeyPrefix, key: &str) -> Result<()> {
        // The caller's part is looked at where the caller wrote it: see `Key::parts`.
        if prefix.plain && prefix.text.len() + key.len() <= MEMCACHE_MAX_KEY_LENGTH && has_good_bytes(key) {
            made.fill(&prefix.text, key);
            return Ok(());
        }
        self.make(made, prefix, key)?;
        self.validate(made.text())
    }

    /// What [`KeyMaker::make`] made of `key`, for a call in place.
    #[inline]
    pub(crate) fn key<'a>(&self, made: &'a KeyBuf, prefix: &'a KeyPrefix, key: &'a str) -> Key<'a> {
        if self.function.is_some() {
            return made.as_key();
        }
        Key { text: made.text(), parts: [&prefix.text, key] }
    }
}

/// Refuses a prefix under which two different (prefix, version, key) make one key: `p:1` with
/// key `x` is `p` with version 1 and key `1:x`.
pub(crate) fn check_prefix(prefix: &str) -> Result<()> {
    match prefix.split(':').skip(1).find(|segment| is_version(segment)) {
        None => Ok(()),
        Some(segment) => Err(Error::invalid_cache_backend(format!(
            "the key prefix {prefix:?} has the part {segment:?} after a colon, which reads as a \
             version and could make the keys of two caches coincide; use a part with a letter"
        ))),
    }
}

fn is_version(segment: &str) -> bool {
    let digits = segment.strip_prefix('-').unwrap_or(segment);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maker(prefix: &str, policy: KeyPolicy) -> KeyMaker {
        KeyMaker { prefix: prefix.to_owned(), function: None, validator: None, policy }
    }

    #[test]
    fn inline_and_heap_make_the_same_key() {
        let maker = maker("p", KeyPolicy::Allow);
        for len in [0, 1, 250, 251, 252, 253, 300, 70_000] {
            let key = "k".repeat(len);
            let mut made = KeyBuf::default();
            maker.make(&mut made, &maker.prefix_of(-7), &key).unwrap();
            assert_eq!(made.as_key().as_str(), default_key_func(&key, "p", -7));
            assert_eq!(made.long.is_some(), len > 251);
        }
    }

    #[test]
    fn the_fast_check_and_the_reasons_agree() {
        for byte in 0..=0xff_u8 {
            for (before, after) in (0..20).flat_map(|before| (0..20).map(move |after| (before, after))) {
                let key = format!("{}{}{}", "~".repeat(before), char::from(byte), "!".repeat(after));
                assert_eq!(is_good(&key), memcache_key_warnings(&key).next().is_none(), "{key:?}");
            }
        }
        for key in ["\u{85}", "\u{a0}", "清", &"x".repeat(250)] {
            assert!(is_good(key) && memcache_key_warnings(key).next().is_none());
        }
        assert_eq!(memcache_key_warnings(&" ".repeat(251)).count(), 2);
    }

    #[test]
    fn a_refused_key_says_every_reason() {
        let maker = maker("", KeyPolicy::Refuse);
        let e = maker
            .make_and_validate(&mut KeyBuf::default(), &maker.prefix_of(1), &" ".repeat(251))
            .unwrap_err();
        assert!(e.to_string().contains("0x20") && e.to_string().contains("250"), "{e}");
    }

    #[test]
    fn a_bad_prefix_and_a_whole_too_long_are_refused_with_a_good_key() {
        for (prefix, key) in [("a b", "key"), ("p", &*"k".repeat(250 - "p:1:".len() + 1))] {
            let maker = maker(prefix, KeyPolicy::Refuse);
            assert!(
                maker.make_and_validate(&mut KeyBuf::default(), &maker.prefix_of(1), key).is_err(),
                "{key}"
            );
        }
    }

    #[test]
    fn prefixes_that_read_as_a_version_are_refused() {
        for bad in ["p:1", "p:1:q", "a:b:22", ":0", "p:-1"] {
            assert!(check_prefix(bad).is_err(), "{bad}");
        }
        for good in ["", "p", "1", "team:app", "p:1a", "p:", "p:-", "a:b1:c"] {
            assert!(check_prefix(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn whoever_makes_a_key_gives_it_one_hash() {
        let hash = |key: Key<'_>| {
            let mut state = std::hash::DefaultHasher::new();
            key.hash(&mut state);
            state.finish()
        };
        let heads = ["", "p", "team:app", "p:1a", "p:", ":", "清", "1", "p:-", "a::b"];
        let keys = ["", "k", ":", "1:", ":1:", "2:k", ":2:k", "a:3:b", "清:4:", "-1:"];
        for (prefix, key, version) in heads.iter().flat_map(|p| {
            keys.iter().flat_map(move |k| [1, -7, i64::MIN].into_iter().map(move |version| (*p, *k, version)))
        }) {
            check_prefix(prefix).unwrap();
            let maker = maker(prefix, KeyPolicy::Allow);
            let (mut made, key_prefix) = (KeyBuf::default(), maker.prefix_of(version));
            maker.make(&mut made, &key_prefix, key).unwrap();
            let mut other = KeyBuf::default();
            other.replace(default_key_func(key, prefix, version));
            let mut list = KeyList::default();
            list.push(other.as_key());
            let in_place = maker.key(&made, &key_prefix, key);
            for same in [made.as_key(), other.as_key(), list.get(0)] {
                assert_eq!((in_place, hash(in_place)), (same, hash(same)), "{prefix:?} {version} {key:?}");
            }
        }
    }

    #[test]
    fn a_key_list_gives_its_keys_back() {
        let mut list = KeyList::default();
        for key in ["a", "", "清", "bcd"] {
            list.push(Key::new(key, KeyPolicy::Allow).unwrap());
        }
        let strings: Vec<_> = list.range(0..4).into_iter().map(Key::as_str).collect();
        assert_eq!((strings, list.len()), (vec!["a", "", "清", "bcd"], 4));
    }
}
