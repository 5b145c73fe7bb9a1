//! The sync half of the API, under Django's names. Each call is finished when it returns.

use std::future::ready;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::BaseCache;
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::info::{Info, Presence};
use crate::mode::{Mode, poll_now};
use crate::timeout::Timeout;

/// Sync operations. All of them may fail with
/// [`InvalidCacheKey`](crate::ErrorKind::InvalidCacheKey), before anything else happens, and with
/// [`Unavailable`](crate::ErrorKind::Unavailable) or [`Storage`](crate::ErrorKind::Storage) when
/// the store does.
impl<B: BaseCache + ?Sized> Cache<B> {
    /// Returns the value of `key`, or `None` for a miss.
    ///
    /// A stored null is a hit: `get::<Option<T>>` returns `Some(None)`. Integers, text and bytes come back as
    /// any type of that kind; text is not bytes and bytes are not text.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("user:1", "Ada", DEFAULT_TIMEOUT)?;
    /// assert_eq!(cache.get::<String>("user:1")?.as_deref(), Some("Ada"));
    /// assert_eq!(cache.get::<String>("user:2")?, None); // a miss is not an error
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Decode`](crate::ErrorKind::Decode) when the stored value is of another type; it stays.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.get_in_place(key)
    }

    /// Returns the bytes of `key` without a codec and, from a store in memory, without a copy.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set_bytes("thumbnail:7", "a PNG file", DEFAULT_TIMEOUT)?;
    /// let png = cache.get_bytes("thumbnail:7")?;
    /// assert_eq!(png.as_deref(), Some(&b"a PNG file"[..]));
    /// assert_eq!(cache.get_bytes("thumbnail:8")?, None);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Decode`](crate::ErrorKind::Decode) when the value is neither bytes nor text.
    pub fn get_bytes(&self, key: &str) -> Result<Option<Bytes>> {
        self.get_bytes_in_place(key)
    }

    /// Stores `value` under `key`. A zero timeout removes the key.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::{Cache, Timeout};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("user:1", &("Ada", 36), Duration::from_secs(300))?;
    /// cache.set("theme", "dark", Timeout::Never)?;
    /// assert_eq!(cache.get("user:1")?, Some(("Ada".to_owned(), 36)));
    ///
    /// cache.set("theme", "dark", Duration::ZERO)?; // not stored, and the older value is removed
    /// assert!(!cache.has_key("theme")?);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Encode`](crate::ErrorKind::Encode), and then nothing changed;
    /// [`ValueTooLarge`](crate::ErrorKind::ValueTooLarge), and then an older value is gone.
    pub fn set<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
        timeout: impl Into<Timeout>,
    ) -> Result<()> {
        self.set_in_place(key, timeout.into(), |made| self.encode(made, value))
    }

    /// Stores bytes under `key` without a codec: Python's `bytes` for Django.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// let page = b"<h1>Welcome</h1>".to_vec();
    /// cache.set_bytes("page:/", page, Duration::from_secs(60))?;
    /// assert_eq!(cache.get_bytes("page:/")?.unwrap(), "<h1>Welcome</h1>");
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ValueTooLarge`](crate::ErrorKind::ValueTooLarge), and then an older value is gone.
    pub fn set_bytes(&self, key: &str, value: impl Into<Bytes>, timeout: impl Into<Timeout>) -> Result<()> {
        let value = value.into();
        self.set_in_place(key, timeout.into(), |_| self.settings.codecs.encode_bytes(value))
    }

    /// Stores `value` if the key is absent. Returns whether it was. Atomic. With a zero timeout nothing is
    /// stored, and the answer is the same.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// // Of all the workers that see order 42, the first one sends the mail.
    /// let day = Duration::from_secs(86_400);
    /// assert!(cache.add("mailed:42", &true, day)?);
    /// assert!(!cache.add("mailed:42", &true, day)?);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As `set`; and [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) when a server's reply is lost.
    pub fn add<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
        timeout: impl Into<Timeout>,
    ) -> Result<bool> {
        poll_now(self.add_on(Mode::Blocking, key, value, timeout.into()))
    }

    /// Gives `key` a new lifetime from now. Returns false if the key is absent. A zero timeout expires it at once.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::{Cache, Clock};
    /// # use cache_locmem::LocMemCache;
    /// let (clock, hands) = Clock::manual();
    /// let cache = Cache::new(LocMemCache::builder().clock(clock).build()?);
    ///
    /// let half_hour = Duration::from_secs(1_800);
    /// cache.set("session:ada", &1, half_hour)?;
    ///
    /// hands.advance(Duration::from_secs(1_700));
    /// assert!(cache.touch("session:ada", half_hour)?); // another half hour from now
    /// hands.advance(Duration::from_secs(1_700));
    /// assert!(cache.has_key("session:ada")?);
    /// assert!(!cache.touch("session:bob", half_hour)?); // a missing key stays missing
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the store fails.
    pub fn touch(&self, key: &str, timeout: impl Into<Timeout>) -> Result<bool> {
        poll_now(self.touch_on(Mode::Blocking, key, timeout.into()))
    }

    /// Deletes `key`. Returns whether it existed.
    ///
    /// A [`get_or_set`](Cache::get_or_set) of the key that is still computing will not store its value. If one is
    /// already storing, this call waits for it: for one call of the store, and at most 10 seconds for a task
    /// that nothing polls.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("user:1", "Ada", DEFAULT_TIMEOUT)?;
    /// assert!(cache.delete("user:1")?);
    /// assert!(!cache.delete("user:1")?); // a missing key is not an error
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the store fails.
    pub fn delete(&self, key: &str) -> Result<bool> {
        poll_now(self.delete_on(Mode::Blocking, key))
    }

    /// Returns whether `key` exists. This does not count as a use of the entry.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("banned:10.0.0.7", &true, DEFAULT_TIMEOUT)?;
    /// assert!(cache.has_key("banned:10.0.0.7")?);
    /// assert!(!cache.has_key("banned:10.0.0.8")?);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the store fails.
    pub fn has_key(&self, key: &str) -> Result<bool> {
        poll_now(self.has_key_on(Mode::Blocking, key))
    }

    /// Adds `delta` to the integer under `key` and returns the sum. Atomic; the lifetime stays. The sum may
    /// be negative.
    ///
    /// ```
    /// # use cache_core::{Cache, Timeout};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("views", &40, Timeout::Never)?;
    /// assert_eq!((cache.incr_by("views", 2)?, cache.decr_by("views", 1)?), (42, 41));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`KeyNotFound`](crate::ErrorKind::KeyNotFound), [`NotAnInteger`](crate::ErrorKind::NotAnInteger)
    /// or [`Overflow`](crate::ErrorKind::Overflow), and then the value is unchanged;
    /// [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) when a server's reply is lost.
    pub fn incr_by(&self, key: &str, delta: i64) -> Result<i64> {
        poll_now(self.incr_on(Mode::Blocking, key, delta))
    }

    /// Adds 1 to the integer under `key` and returns the sum: Django's `incr` with its default.
    /// [`Cache::incr_by`] takes another delta.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::{Cache, ErrorKind};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// // A rate limit: requests of a client per minute. A missing key is an error, so `add` begins each minute.
    /// cache.add("requests:10.0.0.7", &0, Duration::from_secs(60))?;
    /// assert_eq!(cache.incr("requests:10.0.0.7")?, 1);
    /// assert_eq!(cache.incr("requests:10.0.0.7")?, 2);
    /// assert_eq!(cache.incr("requests:10.0.0.8").unwrap_err().kind(), ErrorKind::KeyNotFound);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::incr_by`].
    pub fn incr(&self, key: &str) -> Result<i64> {
        self.incr_by(key, 1)
    }

    /// Subtracts `delta` from the integer under `key` and returns the difference. Otherwise like `incr_by`.
    ///
    /// ```
    /// # use cache_core::{Cache, Timeout};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("tickets", &10, Timeout::Never)?;
    /// assert_eq!(cache.decr_by("tickets", 4)?, 6);
    /// assert_eq!(cache.decr_by("tickets", 8)?, -2); // it goes below zero
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::incr_by`].
    pub fn decr_by(&self, key: &str, delta: i64) -> Result<i64> {
        poll_now(self.decr_on(Mode::Blocking, key, delta))
    }

    /// Subtracts 1 from the integer under `key` and returns the difference: Django's `decr` with its default.
    /// [`Cache::decr_by`] takes another delta.
    ///
    /// ```
    /// # use cache_core::{Cache, Timeout};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("jobs:waiting", &3, Timeout::Never)?;
    /// assert_eq!(cache.decr("jobs:waiting")?, 2);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::decr_by`].
    pub fn decr(&self, key: &str) -> Result<i64> {
        self.decr_by(key, 1)
    }

    /// Moves `key`, with its value and remaining lifetime, from this handle's version to that plus `delta`,
    /// replacing any entry there. Returns the new version. `delta` 0 changes nothing.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("prices", "those of May", DEFAULT_TIMEOUT)?;
    /// assert_eq!(cache.incr_version_by("prices", 10)?, 11);
    /// assert_eq!(cache.with_version(11).get::<String>("prices")?.as_deref(), Some("those of May"));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`KeyNotFound`](crate::ErrorKind::KeyNotFound), and
    /// [`Overflow`](crate::ErrorKind::Overflow) of the version, and then nothing moved.
    pub fn incr_version_by(&self, key: &str, delta: i64) -> Result<i64> {
        poll_now(self.move_on(Mode::Blocking, key, self.prefix.version.checked_add(delta)))
    }

    /// Moves `key` to the next version, as [`Cache::incr_version_by`] does with 1.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("feed", "old", DEFAULT_TIMEOUT)?;
    /// assert_eq!(cache.incr_version("feed")?, 2);
    /// assert_eq!(cache.get::<String>("feed")?, None); // this handle looks for version 1
    /// assert_eq!(cache.with_version(2).get::<String>("feed")?.as_deref(), Some("old"));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::incr_version_by`].
    pub fn incr_version(&self, key: &str) -> Result<i64> {
        self.incr_version_by(key, 1)
    }

    /// Moves `key` to this handle's version minus `delta`, as `incr_version_by` does.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// let newest = cache.with_version(3);
    /// newest.set("prices", "those of May", DEFAULT_TIMEOUT)?;
    /// assert_eq!(newest.decr_version_by("prices", 2)?, 1);
    /// assert!(cache.has_key("prices")?);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::incr_version_by`].
    pub fn decr_version_by(&self, key: &str, delta: i64) -> Result<i64> {
        poll_now(self.move_on(Mode::Blocking, key, self.prefix.version.checked_sub(delta)))
    }

    /// Moves `key` to the previous version, as [`Cache::decr_version_by`] does with 1.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// let next = cache.with_version(2);
    /// next.set("feed", "new", DEFAULT_TIMEOUT)?;
    /// assert_eq!(next.decr_version("feed")?, 1);
    /// assert_eq!(cache.get::<String>("feed")?.as_deref(), Some("new"));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::decr_version_by`].
    pub fn decr_version(&self, key: &str) -> Result<i64> {
        self.decr_version_by(key, 1)
    }

    /// Returns the keys that were found with their values, in request order. Duplicate keys yield duplicate
    /// results. Takes any number of keys: they go to the store in batches of 1,000.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("user:1", "Ada", DEFAULT_TIMEOUT)?;
    /// cache.set("user:3", "Grace", DEFAULT_TIMEOUT)?;
    /// let users: Vec<(&str, String)> = cache.get_many(["user:1", "user:2", "user:3"])?;
    /// assert_eq!(users, [("user:1", "Ada".into()), ("user:3", "Grace".into())]); // no `user:2`
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Decode`](crate::ErrorKind::Decode) when one value is of another type.
    pub fn get_many<T: DeserializeOwned, K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<(K, T)>> {
        poll_now(self.get_many_on(Mode::Blocking, keys))
    }

    /// Stores all `entries`. Returns the keys that the store refused as too large; their older values are
    /// gone. Every key is checked and every value encoded before the first is stored. A zero timeout removes
    /// the keys.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// let too_large = cache.set_many([("user:1", "Ada"), ("user:2", "Grace")], Duration::from_secs(300))?;
    /// assert!(too_large.is_empty());
    /// assert_eq!(cache.get::<String>("user:2")?.as_deref(), Some("Grace"));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Encode`](crate::ErrorKind::Encode), and then nothing changed.
    pub fn set_many<T: Serialize, K: AsRef<str>>(
        &self,
        entries: impl IntoIterator<Item = (K, T)>,
        timeout: impl Into<Timeout>,
    ) -> Result<Vec<K>> {
        poll_now(self.set_many_on(Mode::Blocking, entries, timeout.into()))
    }

    /// Deletes `keys`. Missing keys are ignored.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set_many([("user:1", "Ada"), ("user:2", "Grace")], DEFAULT_TIMEOUT)?;
    /// cache.delete_many(["user:1", "user:2", "user:3"])?;
    /// assert!(!cache.has_key("user:1")?);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the store fails.
    pub fn delete_many<K: AsRef<str>>(&self, keys: impl IntoIterator<Item = K>) -> Result<()> {
        poll_now(self.delete_many_on(Mode::Blocking, keys))
    }

    /// Removes everything in the location and nothing outside it, including other prefixes, other versions
    /// and other caches' entries. Like [`delete`](Cache::delete), it invalidates running computations of
    /// `get_or_set`.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("user:1", "Ada", DEFAULT_TIMEOUT)?;
    /// cache.with_version(2).set("user:1", "Ada", DEFAULT_TIMEOUT)?;
    /// cache.clear()?; // the other version too
    /// assert!(!cache.with_version(2).has_key("user:1")?);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the store fails.
    pub fn clear(&self) -> Result<()> {
        poll_now(self.clear_on(Mode::Blocking))
    }

    /// Closes connections and files. Idempotent; the next operation reopens them.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("user:1", "Ada", DEFAULT_TIMEOUT)?;
    /// cache.close()?;
    /// assert!(cache.has_key("user:1")?); // the store keeps its entries
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the store fails.
    pub fn close(&self) -> Result<()> {
        poll_now(self.close_on(Mode::Blocking))
    }

    /// Checks that the store exists and accepts this client: one exchange with every server, or a look at the
    /// directory or the database. Creates and stores nothing: a directory or a database file that does not
    /// exist yet is [`Presence::NotYet`].
    ///
    /// ```
    /// # use cache_core::{Cache, Presence};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// // At the start of a service, or as its health check.
    /// assert_eq!(cache.ping()?, Presence::Exists);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the store is unreachable, fails or refuses this client.
    pub fn ping(&self) -> Result<Presence> {
        poll_now(self.ping_on(Mode::Blocking))
    }

    /// Returns what the store reports about itself: entries, bytes, a server's hits and version. May cost
    /// much more than other operations: a directory is listed.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("user:1", "Ada", DEFAULT_TIMEOUT)?;
    /// let info = cache.info()?;
    /// assert_eq!((info.entries, info.max_entries), (Some(1), Some(300)));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the store fails.
    pub fn info(&self) -> Result<Info> {
        poll_now(self.info_on(Mode::Blocking))
    }

    /// Removes expired entries in the whole location and returns how many. Returns `None` if the store
    /// expires entries on its own. Calling it is optional: writes remove expired entries as they go.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// // For a job at night. Files and SQLite answer `Some(number)`.
    /// assert_eq!(cache.purge_expired()?, None);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the store fails; part of it may be done then.
    pub fn purge_expired(&self) -> Result<Option<u64>> {
        poll_now(self.purge_expired_on(Mode::Blocking))
    }

    /// Returns the value of `key`, or `default` for a miss: Django's `get(key, default)`.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// assert_eq!(cache.get_or("theme:ada", "light".to_owned())?, "light");
    /// assert!(!cache.has_key("theme:ada")?); // the default is not stored
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::get`].
    pub fn get_or<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T> {
        Ok(self.get(key)?.unwrap_or(default))
    }

    /// [`Cache::has_key`] under the name of Rust's collections: Python's `key in cache`.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("user:1", "Ada", DEFAULT_TIMEOUT)?;
    /// assert!(cache.contains("user:1")?);
    /// assert!(!cache.contains("user:2")?);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::has_key`].
    pub fn contains(&self, key: &str) -> Result<bool> {
        self.has_key(key)
    }

    /// Returns the value of `key`. On a miss, calls `function`, stores its value and returns it.
    ///
    /// Single flight: if any number of threads and tasks miss one key at once, one of them calls its function
    /// and the others get its value. They wait for at most [`single_flight_timeout`](crate::CacheBuilder::single_flight_timeout)
    /// and then compute the value themselves. A value that another writer stored meanwhile wins. A call from
    /// inside `function` for the same key does not deadlock. With a zero timeout the value is returned and
    /// not stored.
    ///
    /// A removal invalidates a running computation. Removals are `delete`, `delete_many`, `clear`,
    /// `incr_version`, `decr_version`, and `set`, `set_many` or `touch` with a zero timeout. The callers that
    /// already wait get the computed value, but the cache does not store it. Later callers compute again.
    /// This covers one cache, its clones and its versions. Other caches and processes over the same store
    /// do not see each other's computations.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// let minute = Duration::from_secs(60);
    /// let load = || vec!["first post".to_owned()]; // from the database
    /// assert_eq!(cache.get_or_set("feed:ada", minute, load)?, ["first post"]);
    /// // The second call finds the value, and does not call its function.
    /// assert_eq!(cache.get_or_set("feed:ada", minute, || -> Vec<String> { unreachable!() })?, ["first post"]);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::get`] and [`Cache::add`].
    pub fn get_or_set<T, F>(&self, key: &str, timeout: impl Into<Timeout>, function: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> T,
    {
        self.try_get_or_set(key, timeout, || Ok(function()))
    }

    /// Returns the value of `key`. On a miss, stores and returns `value`: Django's `get_or_set` with a plain
    /// default. A value that another writer stored meanwhile wins, as in [`Cache::get_or_set`], and is returned.
    /// If the value is expensive to make, use [`Cache::get_or_set`], which calls its function only on a miss.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// assert_eq!(cache.get_or_set_value("theme", DEFAULT_TIMEOUT, "dark".to_owned())?, "dark");
    /// assert_eq!(cache.get_or_set_value("theme", DEFAULT_TIMEOUT, "light".to_owned())?, "dark");
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::get_or_set`].
    pub fn get_or_set_value<T>(&self, key: &str, timeout: impl Into<Timeout>, value: T) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
    {
        self.get_or_set(key, timeout, || value)
    }

    /// Like [`Cache::get_or_set`], for a function that can fail. On an error nothing is stored, and the next
    /// waiter calls its own function.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// let load = |id: u64| std::fs::read_to_string(format!("/no/such/profile/{id}"));
    /// let profile = cache.try_get_or_set("profile:1", DEFAULT_TIMEOUT, || load(1).map_err(Failure::Io));
    /// assert!(matches!(profile, Err(Failure::Io(_)))); // and nothing is stored
    ///
    /// #[derive(Debug)]
    /// enum Failure { Io(std::io::Error), Cache(cache_core::Error) }
    /// impl From<cache_core::Error> for Failure {
    ///     fn from(error: cache_core::Error) -> Self { Self::Cache(error) }
    /// }
    /// ```
    ///
    /// # Errors
    /// The function's errors, and those of [`Cache::get_or_set`].
    pub fn try_get_or_set<T, E, F>(&self, key: &str, timeout: impl Into<Timeout>, function: F) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: FnOnce() -> Result<T, E>,
    {
        poll_now(self.get_or_set_on(Mode::Blocking, key, timeout.into(), || ready(function())))
    }
}
