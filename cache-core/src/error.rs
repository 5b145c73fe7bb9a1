//! [`Error`]: everything that can go wrong, with a [`ErrorKind`] to match on.

use std::error::Error as StdError;
use std::fmt;

/// What every call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kinds of [`Error`], to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The key breaks the key rules, or the key function failed. Django's `InvalidCacheKey`.
    /// Nothing was sent or stored.
    InvalidCacheKey,
    /// A setting is wrong: a prefix, a directory, a table name, an option. Django's
    /// `InvalidCacheBackendError`.
    InvalidCacheBackend,
    /// The timeout is not a valid number of seconds.
    InvalidTimeout,
    /// `incr`, `decr`, `incr_version` or `decr_version` of a key that is absent or expired.
    KeyNotFound,
    /// `incr` or `decr` of a value that is not a signed 64-bit integer. The value is unchanged.
    NotAnInteger,
    /// A counter or a version would leave the signed 64-bit range. The value is unchanged.
    Overflow,
    /// The store cannot hold a value of this size. An older value of the key is gone.
    ValueTooLarge,
    /// The value could not be written by the codec. Nothing was sent or stored.
    Encode,
    /// The stored value is not of the type asked for, or was written by a codec that this cache
    /// does not read. The entry stays as it is.
    Decode,
    /// The store is unreachable or did not answer in time. Nothing is known to be stored.
    Unavailable,
    /// `incr`, `decr` or `add` was sent and no reply came: it may or may not have happened.
    OutcomeUnknown,
    /// The server refuses this client (a wrong password, a missing permission, TLS) or does not
    /// speak the protocol. Trying again does not help.
    Rejected,
    /// The store refused or failed: a full disk, a missing permission, a broken database.
    Storage,
}

/// What went wrong, of which [`ErrorKind`], and with which key or setting.
///
/// The message includes the error that caused this one: a line of a log needs no more. So
/// [`source`](StdError::source) holds only causes that the message does not include, mostly none, and printing a
/// whole chain prints each cause once. To find the cause by its type, use [`Error::get_ref`].
///
/// Neither the message nor the source ever holds a cached value or a password.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    key: Option<String>,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error of `kind` with a sentence for people: what is wrong, and what to do.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, key: None, message: message.into(), source: None }))
    }

    /// Names the key that the error is about.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.0.key = Some(key.to_owned());
        self
    }

    /// Names the key that the error is about, unless it names one already.
    #[cold]
    pub(crate) fn for_key(self, key: &str) -> Self {
        if self.0.key.is_some() { self } else { self.with_key(key) }
    }

    /// Adds the error that caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// [`ErrorKind::InvalidCacheKey`] for `key`: `reason` says what is wrong with it.
    #[must_use]
    pub fn invalid_cache_key(key: &str, reason: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidCacheKey, reason).with_key(key)
    }

    /// [`ErrorKind::InvalidCacheBackend`]: a setting that cannot be used.
    #[must_use]
    pub fn invalid_cache_backend(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidCacheBackend, message)
    }

    /// [`ErrorKind::InvalidTimeout`].
    #[must_use]
    pub fn invalid_timeout(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidTimeout, message)
    }

    /// [`ErrorKind::KeyNotFound`].
    #[must_use]
    pub fn key_not_found(key: &str) -> Self {
        Self::new(ErrorKind::KeyNotFound, "the key is not in the cache: set or add it first").with_key(key)
    }

    /// [`ErrorKind::NotAnInteger`].
    #[must_use]
    pub fn not_an_integer(key: &str) -> Self {
        let message = "the value is not a signed 64-bit integer and cannot be counted";
        Self::new(ErrorKind::NotAnInteger, message).with_key(key)
    }

    /// [`ErrorKind::Overflow`].
    #[must_use]
    pub fn overflow(key: &str) -> Self {
        let message = "the result would leave the signed 64-bit range";
        Self::new(ErrorKind::Overflow, message).with_key(key)
    }

    /// [`ErrorKind::ValueTooLarge`]: `size` and `limit` in bytes.
    #[must_use]
    pub fn value_too_large(key: &str, size: usize, limit: usize) -> Self {
        let message = format!("a value of {size} bytes is more than the {limit} that the store takes");
        Self::new(ErrorKind::ValueTooLarge, message).with_key(key)
    }

    /// [`ErrorKind::Unavailable`]: `what` names the unreachable store.
    #[must_use]
    pub fn unavailable(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, what)
    }

    /// [`ErrorKind::OutcomeUnknown`]: `what` names the store that did not answer.
    #[must_use]
    pub fn outcome_unknown(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::OutcomeUnknown, what)
    }

    /// [`ErrorKind::Rejected`]: `what` names the server and what it refused.
    #[must_use]
    pub fn rejected(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Rejected, what)
    }

    /// [`ErrorKind::Storage`]: `what` names the file, table or server and what was tried.
    #[must_use]
    pub fn storage(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Storage, what)
    }

    /// Returns the error that caused this one. Its message is part of this one's.
    ///
    /// ```
    /// use cache_core::Error;
    ///
    /// let cause = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    /// let error = Error::storage("the file /var/tmp/c cannot be written").with_source(cause);
    /// assert_eq!(error.to_string(), "the file /var/tmp/c cannot be written: permission denied");
    /// assert!(error.get_ref().is_some_and(|cause| cause.is::<std::io::Error>()));
    /// assert!(std::error::Error::source(&error).is_none());
    /// ```
    #[must_use]
    pub fn get_ref(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    /// Returns what kind of error this is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the key the error is about, as made (prefix and version included), if it names one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }
}

/// A key in an error message: whole when short, else its beginning and its length.
struct ShownKey<'a>(&'a str);

impl fmt::Display for ShownKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 300;
        if self.0.len() <= SHOWN {
            return write!(f, "{:?}", self.0);
        }
        let mut end = SHOWN;
        while !self.0.is_char_boundary(end) {
            end -= 1;
        }
        write!(f, "{:?}… ({} bytes)", &self.0[..end], self.0.len())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.0.key {
            write!(f, "cache key {}: ", ShownKey(key))?;
        }
        f.write_str(&self.0.message)?;
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

/// The kind and the sentence, as `main` and `unwrap` show an error to people; `{:#?}` shows the parts.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return write!(f, "{:?}: {self}", self.0.kind);
        }
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("key", &self.0.key.as_deref())
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    /// Returns the first cause that the message does not include: other errors include theirs too.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let first = self.0.source.as_deref()?.source()?;
        let said = self.to_string();
        std::iter::successors(Some(first), |&cause| cause.source()).find(|e| !said.contains(&e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_which_key_and_why() {
        let e = Error::key_not_found(":1:k\n");
        assert_eq!(e.to_string(), "cache key \":1:k\\n\": the key is not in the cache: set or add it first");
        assert_eq!((e.kind(), e.key()), (ErrorKind::KeyNotFound, Some(":1:k\n")));
    }

    #[test]
    fn main_and_unwrap_show_the_sentence() {
        let e = Error::invalid_cache_backend("cache \"default\": no").with_source(Error::storage("a \"b\""));
        assert_eq!(format!("{e:?}"), "InvalidCacheBackend: cache \"default\": no: a \"b\"");
        let parts = format!("{e:#?}");
        assert!(parts.starts_with("Error {\n    kind: InvalidCacheBackend,"), "{parts}");
    }

    /// Returns its message and those of all its sources.
    fn chain(error: &Error) -> Vec<String> {
        let causes = std::iter::successors(Some(error as &dyn StdError), |&e| e.source());
        causes.map(ToString::to_string).collect()
    }

    /// Includes its cause in its message, as some errors do, and returns it as its source too.
    #[derive(Debug)]
    struct Both(&'static str, Option<Box<Self>>);

    impl fmt::Display for Both {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)?;
            self.1.as_ref().map_or(Ok(()), |cause| write!(f, ": {cause}"))
        }
    }

    impl StdError for Both {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            self.1.as_deref().map(|e| e as _)
        }
    }

    #[test]
    fn each_cause_is_said_once() {
        use ErrorKind::*;
        let kinds = [
            InvalidCacheKey,
            InvalidCacheBackend,
            InvalidTimeout,
            KeyNotFound,
            NotAnInteger,
            Overflow,
            ValueTooLarge,
            Encode,
            Decode,
            Unavailable,
            OutcomeUnknown,
            Rejected,
            Storage,
        ];
        let io = || std::io::Error::other("a system's error");
        let causes: [fn() -> Box<dyn StdError + Send + Sync>; 6] = [
            || "words alone".into(),
            || Box::new(std::io::Error::other(Error::storage("inner").with_source("innermost"))),
            || {
                Box::new(
                    Error::storage("inner").with_key("k").with_source(std::io::Error::other("innermost")),
                )
            },
            || Box::new(crate::PublicError::new("refused").with_source("why")),
            || Box::new(Both("outer", Some(Box::new(Both("middle", Some(Box::new(Both("inner", None)))))))),
            || Box::new(serde_json::from_str::<u8>("300").unwrap_err()),
        ];
        for kind in kinds {
            for cause in causes {
                let error = Error::new(kind, "it failed").with_key("key").with_source(cause());
                for error in
                    [Error::new(kind, "again").with_source(error), Error::new(kind, "io").with_source(io())]
                {
                    let chain = chain(&error);
                    for (place, text) in chain.iter().enumerate() {
                        let again = chain[place + 1..].iter().find(|later| text.contains(*later));
                        assert_eq!(again, None, "said twice: {chain:?}");
                    }
                    assert!(error.get_ref().is_some());
                }
            }
        }
        let refused = Error::storage("no").with_source(crate::PublicError::new("refused").with_source("why"));
        assert_eq!(chain(&refused), ["no: refused", "why"], "what was not said is still there");
    }

    #[test]
    fn a_key_is_named_once_and_the_first_stays() {
        let e = Error::storage("no").for_key("a").for_key("b");
        assert_eq!(e.to_string(), "cache key \"a\": no");
    }

    #[test]
    fn a_long_key_is_shown_in_part() {
        let text = Error::not_an_integer(&"清".repeat(200)).to_string();
        assert!(text.contains("(600 bytes)") && text.len() < 500, "{text}");
    }

    #[test]
    fn it_is_one_word_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
