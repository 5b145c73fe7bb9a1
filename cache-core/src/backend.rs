//! [`BaseCache`]: what a backend author implements, and [`AsyncCache`], its companion for
//! backends whose I/O is natively async.

mod pointers;

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;

use crate::capabilities::Capabilities;
use crate::codec::Codec;
use crate::error::{ErrorKind, Result};
use crate::info::{Info, Presence};
use crate::key::Key;
use crate::payload::Payload;
use crate::timeout::Expiry;

/// A store of payloads under final keys: the contract of a backend.
///
/// Eight methods are required, and that is enough: the [`Cache`](crate::Cache) in front provides prefixes,
/// versions, typed values, timeouts, key rules, bulk operations, single flight and the async API.
///
/// An `Arc` and a `Box` of a backend are backends too, `Arc<dyn BaseCache>` and `Box<dyn BaseCache>` included.
///
/// To reach what a backend has beyond the contract, downcast: `&dyn BaseCache` is a `&dyn Any`. Dereference
/// the pointer first (`&**cache.backend()`), since an `Arc` is an `Any` of its own.
///
/// The rules that the conformance suite proves:
///
/// - **An expired entry is absent** to every method, and nothing revives it.
/// - **Never early**: an entry is readable until its deadline, and gone at most
///   [`Capabilities::ttl_resolution`] later.
/// - **`add`, `touch`, `incr` and `rename` are atomic** across threads, and across processes
///   where the store is shared.
/// - **A write that fails changes nothing**, except one that is too large, which also removes the old value.
/// - Building a backend does no I/O: the first use does.
///
/// See also [`Culling`](crate::Culling), the limits of a store; [`Clock`](crate::Clock), for a store whose
/// time a test moves; `FromSettings` (with the feature `settings`), for a backend that settings name; and the
/// crate `conformance-tests`, whose `Suite` runs the rules against a backend.
///
/// # A custom backend, whole
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Mutex, MutexGuard, PoisonError};
///
/// use cache_core::{BaseCache, Cache, Clock, Error, Expiry, Key, Payload, Result};
///
/// /// A payload and its deadline.
/// type Entry = (Payload, Option<u64>);
///
/// #[derive(Default)]
/// struct MapCache { map: Mutex<HashMap<String, Entry>>, clock: Clock }
///
/// impl MapCache {
///     /// The live entries: what has expired goes first.
///     fn live(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
///         let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
///         let now = self.clock.monotonic_ns();
///         map.retain(|_, (_, deadline)| deadline.is_none_or(|at| now < at));
///         map
///     }
///     fn deadline(&self, expiry: Expiry) -> Option<u64> {
///         match expiry {
///             Expiry::Never => None,
///             Expiry::After(d) => self.clock.monotonic_ns().checked_add(d.as_nanos().try_into().ok()?),
///         }
///     }
/// }
///
/// impl BaseCache for MapCache {
///     fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
///         Ok(self.live().get(key.as_str()).map(|(value, _)| value.clone()))
///     }
///     fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
///         self.live().insert(key.to_string(), (value, self.deadline(expiry)));
///         Ok(())
///     }
///     fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
///         let mut map = self.live();
///         let absent = !map.contains_key(key.as_str());
///         if absent {
///             map.insert(key.to_string(), (value, self.deadline(expiry)));
///         }
///         Ok(absent)
///     }
///     fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
///         let deadline = self.deadline(expiry);
///         Ok(self.live().get_mut(key.as_str()).map(|entry| entry.1 = deadline).is_some())
///     }
///     fn delete(&self, key: Key<'_>) -> Result<bool> {
///         Ok(self.live().remove(key.as_str()).is_some())
///     }
///     fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
///         match self.live().get_mut(key.as_str()) {
///             None => Err(Error::key_not_found(key.as_str())),
///             Some((Payload::Int(n), _)) => {
///                 *n = n.checked_add(delta).ok_or_else(|| Error::overflow(key.as_str()))?;
///                 Ok(*n)
///             }
///             Some(_) => Err(Error::not_an_integer(key.as_str())),
///         }
///     }
///     fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
///         let mut map = self.live();
///         let entry = map.remove(from.as_str());
///         Ok(entry.map(|entry| map.insert(to.to_string(), entry)).is_some())
///     }
///     fn clear(&self) -> Result<()> {
///         self.live().clear();
///         Ok(())
///     }
/// }
///
/// let cache = Cache::new(MapCache::default());
/// cache.set("views", &1, std::time::Duration::from_secs(60))?;
/// assert_eq!(cache.incr_by("views", 2)?, 3);
/// assert_eq!(cache.get_or_set("name", cache_core::DEFAULT_TIMEOUT, || "Ada".to_owned())?, "Ada");
/// # Ok::<(), Error>(())
/// ```
pub trait BaseCache: Any + Send + Sync {
    /// Returns the live payload of `key`, or `None`.
    ///
    /// # Errors
    /// When the store fails. A damaged entry is a miss, not an error.
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>>;

    /// Stores `value` under `key`, replacing any entry.
    ///
    /// # Errors
    /// When the store fails, or [`ErrorKind::ValueTooLarge`], and then an older value is gone.
    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()>;

    /// Stores `value` under `key` if it has no live entry. Returns whether it did. Atomic.
    ///
    /// # Errors
    /// As [`BaseCache::set`].
    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool>;

    /// Gives the live entry of `key` a new lifetime. Returns false if it has none. Atomic.
    ///
    /// # Errors
    /// When the store fails.
    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool>;

    /// Removes `key`. Returns whether it had a live entry.
    ///
    /// # Errors
    /// When the store fails.
    fn delete(&self, key: Key<'_>) -> Result<bool>;

    /// Adds `delta` to the integer under `key` and returns the sum. Atomic; the remaining
    /// lifetime stays. Required, since a get and a set would lose both.
    ///
    /// # Errors
    /// [`ErrorKind::KeyNotFound`], [`ErrorKind::NotAnInteger`] or [`ErrorKind::Overflow`], and
    /// then the value is unchanged; or when the store fails.
    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64>;

    /// Moves the live entry of `from`, remaining lifetime included, to `to`, replacing any entry there.
    /// Returns false and changes nothing if `from` has none. `incr_version` is made of this.
    ///
    /// Required, since a get and a set would lose the lifetime. The two keys differ.
    ///
    /// # Errors
    /// When the store fails.
    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool>;

    /// Removes every entry of the location, all prefixes included, and nothing outside it.
    ///
    /// # Errors
    /// When the store fails.
    fn clear(&self) -> Result<()>;

    /// Returns whether `key` has a live entry. This does not count as a use of the entry.
    ///
    /// # Errors
    /// When the store fails.
    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.get(key)?.is_some())
    }

    /// Returns the live payloads of `keys`, in order, `None` for a miss. At most [`MAX_BATCH_LEN`] keys.
    ///
    /// # Errors
    /// When the store fails.
    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        keys.iter().map(|&key| self.get(key)).collect()
    }

    /// Stores `entries`. Returns the indexes of the entries that the store refused as too large. Takes at
    /// most [`MAX_BATCH_LEN`] entries; each is atomic, the batch need not be.
    ///
    /// # Errors
    /// When the store fails; some entries may be stored then.
    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        let mut failed = Vec::new();
        for (place, (key, value)) in entries.iter().enumerate() {
            match self.set(*key, value.clone(), expiry) {
                Ok(()) => {}
                Err(e) if e.kind() == ErrorKind::ValueTooLarge => failed.push(place),
                Err(e) => return Err(e),
            }
        }
        Ok(failed)
    }

    /// Removes `keys`, ignoring missing ones. At most [`MAX_BATCH_LEN`] keys.
    ///
    /// # Errors
    /// When the store fails; some keys may be gone then.
    fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        keys.iter().try_for_each(|&key| self.delete(key).map(drop))
    }

    /// Closes connections, files and the like. May be called repeatedly; a closed backend opens again on the
    /// next use.
    ///
    /// # Errors
    /// When the store fails.
    fn close(&self) -> Result<()> {
        Ok(())
    }

    /// Returns how many entries the location holds, including expired ones that still take space. Returns
    /// `None` if the store cannot tell. May cost more than other operations.
    ///
    /// # Errors
    /// When the store fails.
    fn entries(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Checks that the store exists and accepts this client. Does I/O but creates and stores nothing.
    /// Returns [`Presence::NotYet`] for a store that the first write would create.
    ///
    /// # Errors
    /// When it is unreachable, fails, or refuses this client.
    fn ping(&self) -> Result<Presence> {
        self.get(Key::PING).map(|_| Presence::Exists)
    }

    /// Returns what the store reports about itself. May cost more than other operations.
    ///
    /// # Errors
    /// When the store fails.
    fn info(&self) -> Result<Info> {
        Ok(Info::default().with_entries(self.entries()?))
    }

    /// Removes all expired entries and returns how many. Returns `None` if the store expires entries on its own.
    ///
    /// # Errors
    /// When the store fails; some may be gone then.
    fn purge_expired(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Returns what this backend can do. Called once, when a [`Cache`](crate::Cache) is built.
    fn capabilities(&self) -> Capabilities {
        Capabilities::DEFAULT
    }

    /// Returns the codec that the store's layout prescribes, for a store that other programs read and that
    /// keeps no codec number. A [`Cache`](crate::Cache) uses it unless it is given one, and refuses one of
    /// another number. Called once, when the cache is built.
    fn codec(&self) -> Option<Arc<dyn Codec>> {
        None
    }

    /// Says how async callers reach this backend. With the feature `thread-pool`, which is on by default, a backend
    /// need not say so: its calls then run on a pool of threads, which is right for every backend that may block on
    /// a disk or a lock. Without the feature this method has no default: every backend must implement it.
    #[cfg(feature = "thread-pool")]
    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::ThreadPool
    }

    /// Says how async callers reach this backend. It has no default because the feature `thread-pool` of
    /// `cache-core` is off: switch it on for a backend that may block, and leave this method out.
    #[cfg(not(feature = "thread-pool"))]
    fn as_async(&self) -> AsyncWay<'_>;
}

/// The maximum number of keys or entries in one call of a bulk method of a backend.
pub const MAX_BATCH_LEN: usize = 1_000;

/// How an async caller reaches a backend.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum AsyncWay<'a> {
    /// Called in place: it never blocks for longer than a memory access and a short lock.
    Inline,
    /// Called on a pool of threads of the `blocking` crate, about 4 µs a call.
    #[cfg(feature = "thread-pool")]
    ThreadPool,
    /// Through its own async methods.
    Native(&'a dyn AsyncCache),
}

impl std::fmt::Debug for AsyncWay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Inline => "Inline",
            #[cfg(feature = "thread-pool")]
            Self::ThreadPool => "ThreadPool",
            Self::Native(_) => "Native",
        })
    }
}

/// The methods of [`BaseCache`] for a backend whose I/O is natively async. Each means the same as its
/// namesake, with the same errors and answers. None has a default, because it could not know what the sync
/// half answers. A method that does no I/O may call its namesake, as `BaseCache::purge_expired(self)`.
///
/// Dropping a returned future at any point leaves the store with the old or the new state, and
/// never lets another call read this call's reply.
///
/// The attribute [`async_trait`](macro@crate::async_trait) goes above an implementation.
#[async_trait]
#[allow(clippy::missing_errors_doc, reason = "each has its namesake's errors")]
pub trait AsyncCache: Send + Sync {
    /// [`BaseCache::get`].
    async fn get(&self, key: Key<'_>) -> Result<Option<Payload>>;
    /// [`BaseCache::set`].
    async fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()>;
    /// [`BaseCache::add`].
    async fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool>;
    /// [`BaseCache::touch`].
    async fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool>;
    /// [`BaseCache::delete`].
    async fn delete(&self, key: Key<'_>) -> Result<bool>;
    /// [`BaseCache::incr`].
    async fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64>;
    /// [`BaseCache::rename`].
    async fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool>;
    /// [`BaseCache::clear`].
    async fn clear(&self) -> Result<()>;
    /// [`BaseCache::has_key`].
    async fn has_key(&self, key: Key<'_>) -> Result<bool>;
    /// [`BaseCache::get_many`].
    async fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>>;
    /// [`BaseCache::set_many`].
    async fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>>;
    /// [`BaseCache::delete_many`].
    async fn delete_many(&self, keys: &[Key<'_>]) -> Result<()>;
    /// [`BaseCache::close`].
    async fn close(&self) -> Result<()>;
    /// [`BaseCache::ping`].
    async fn ping(&self) -> Result<Presence>;
    /// [`BaseCache::info`].
    async fn info(&self) -> Result<Info>;
    /// [`BaseCache::purge_expired`].
    async fn purge_expired(&self) -> Result<Option<u64>>;
}
