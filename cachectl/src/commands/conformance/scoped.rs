//! [`Scoped`]: a corner of a store with a prefix of its own. What is outside of it is neither read
//! nor changed; to `clear` it is to remove the keys that were written through it.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cache_core::django::MEMCACHE_MAX_KEY_LENGTH;
use cache_core::{
    AsyncCache, AsyncWay, BaseCache, Cache, CacheBuilder, Capabilities, Codec, Error, Expiry, Info, Key,
    KeyBuf, KeyPolicy, MAX_BATCH_LEN, Payload, Presence, Result,
};
use sha2::{Digest as _, Sha256};

use crate::signals::Interrupt;

/// A backend in a corner of another one.
pub(super) struct Scoped {
    /// The other one; its cache makes keys and nothing else.
    inner: Cache,
    prefix: String,
    written: Written,
    interrupt: Interrupt,
}

/// A cache whose made keys are the keys that it is given.
fn plain_keys(cache: &Cache) -> Result<Cache> {
    let backend = cache.backend();
    let builder =
        CacheBuilder::from_arc(std::sync::Arc::clone(backend)).key_function(|key, _, _| Ok(key.to_owned()));
    let strict = backend.capabilities().strict_keys;
    let builder = if strict { builder } else { builder.key_policy(KeyPolicy::Allow) };
    builder.build()
}

/// Removes the keys of a list.
pub(super) fn remove(cache: &Cache, list: &Path) -> Result<()> {
    plain_keys(cache)?.delete_many(read_list(list)?)
}

impl Scoped {
    /// The corner of this name within those of a run. Its list of keys is in the directory of the
    /// run, where the processes that the suite starts find it.
    ///
    /// After a signal it takes no key any more, so that the checks come to their end.
    pub(super) fn open(cache: Cache, run: &str, location: &str, interrupt: Interrupt) -> Result<Self> {
        let list = std::env::temp_dir().join(run).join(location);
        let prefix = format!("{run}:{location}:");
        Ok(Self { inner: plain_keys(&cache)?, prefix, written: Written::new(list), interrupt })
    }

    /// The key in the corner. One that would be too long for memcached is put in by its hash.
    fn key(&self, key: Key<'_>) -> Result<KeyBuf> {
        if self.interrupt.came() {
            return Err(Error::unavailable("a signal ended the suite"));
        }
        let mut whole = format!("{}{key}", self.prefix);
        if whole.len() > MEMCACHE_MAX_KEY_LENGTH && self.capabilities().strict_keys {
            let hash = Sha256::digest(key.as_bytes());
            whole.truncate(self.prefix.len());
            whole.extend(hash.iter().map(|byte| format!("{byte:02x}")));
        }
        self.inner.make_and_validate_key(&whole)
    }

    fn new_key(&self, key: Key<'_>) -> Result<KeyBuf> {
        let key = self.key(key)?;
        self.written.add(key.as_key())?;
        Ok(key)
    }

    fn keys(&self, keys: &[Key<'_>]) -> Result<Vec<KeyBuf>> {
        keys.iter().map(|&key| self.key(key)).collect()
    }

    fn new_entries(&self, entries: &[(Key<'_>, Payload)]) -> Result<Vec<(KeyBuf, Payload)>> {
        entries.iter().map(|(key, value)| Ok((self.new_key(*key)?, value.clone()))).collect()
    }

    /// The keys of the corner, in batches.
    fn batches(&self) -> Result<Vec<Vec<KeyBuf>>> {
        let made: Result<Vec<KeyBuf>> =
            read_list(&self.written.list)?.iter().map(|key| self.inner.make_and_validate_key(key)).collect();
        Ok(made?.chunks(MAX_BATCH_LEN).map(<[KeyBuf]>::to_vec).collect())
    }
}

/// An error about a key of the corner, as its caller knows the key.
fn as_asked<T>(result: Result<T>, key: Key<'_>) -> Result<T> {
    result.map_err(|e| if e.key().is_some() { e.with_key(key.as_str()) } else { e })
}

fn as_keys(made: &[KeyBuf]) -> Vec<Key<'_>> {
    made.iter().map(KeyBuf::as_key).collect()
}

fn as_entries(made: &[(KeyBuf, Payload)]) -> Vec<(Key<'_>, Payload)> {
    made.iter().map(|(key, value)| (key.as_key(), value.clone())).collect()
}

/// Implements both halves: each method first makes the corner's keys, and then asks the other
/// backend with them.
macro_rules! both_halves {
    ($self:ident: $(
        $name:ident($($arg:ident: $type:ty),*) -> $output:ty {
            $(let $made:ident = $make:expr;)*
            ask($($given:expr),*) $(about $about:ident)?
        }
    )*) => {
        #[deny(clippy::missing_trait_methods)]
        impl BaseCache for Scoped {
            $(fn $name(&$self, $($arg: $type),*) -> Result<$output> {
                $(let $made = $make;)*
                let answer = $self.inner.backend().$name($($given),*);
                $(let answer = as_asked(answer, $about);)?
                answer
            })*

            fn clear(&self) -> Result<()> {
                let batches = self.batches()?;
                batches.iter().try_for_each(|keys| self.inner.backend().delete_many(&as_keys(keys)))
            }

            fn entries(&self) -> Result<Option<u64>> {
                Ok(None)
            }

            /// As the other one, but for the limit of entries, which is not the corner's.
            fn capabilities(&self) -> Capabilities {
                self.inner.backend().capabilities().with_evicting(false).with_lru(false)
            }

            fn codec(&self) -> Option<Arc<dyn Codec>> {
                self.inner.backend().codec()
            }

            fn as_async(&self) -> AsyncWay<'_> {
                match self.inner.backend().as_async() {
                    AsyncWay::Native(_) => AsyncWay::Native(self),
                    other => other,
                }
            }
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl AsyncCache for Scoped {
            $(async fn $name(&$self, $($arg: $type),*) -> Result<$output> {
                $(let $made = $make;)*
                let answer = match $self.inner.backend().as_async() {
                    AsyncWay::Native(native) => native.$name($($given),*).await,
                    _ => $self.inner.backend().$name($($given),*),
                };
                $(let answer = as_asked(answer, $about);)?
                answer
            })*

            async fn clear(&self) -> Result<()> {
                for keys in self.batches()? {
                    let keys = as_keys(&keys);
                    match self.inner.backend().as_async() {
                        AsyncWay::Native(native) => native.delete_many(&keys).await?,
                        _ => self.inner.backend().delete_many(&keys)?,
                    }
                }
                Ok(())
            }
        }
    };
}

both_halves! { self:
    get(key: Key<'_>) -> Option<Payload> {
        let made = self.key(key)?;
        ask(made.as_key()) about key
    }
    set(key: Key<'_>, value: Payload, expiry: Expiry) -> () {
        let made = self.new_key(key)?;
        ask(made.as_key(), value, expiry) about key
    }
    add(key: Key<'_>, value: Payload, expiry: Expiry) -> bool {
        let made = self.new_key(key)?;
        ask(made.as_key(), value, expiry) about key
    }
    touch(key: Key<'_>, expiry: Expiry) -> bool {
        let made = self.key(key)?;
        ask(made.as_key(), expiry) about key
    }
    delete(key: Key<'_>) -> bool {
        let made = self.key(key)?;
        ask(made.as_key()) about key
    }
    incr(key: Key<'_>, delta: i64) -> i64 {
        let made = self.key(key)?;
        ask(made.as_key(), delta) about key
    }
    rename(from: Key<'_>, to: Key<'_>) -> bool {
        let old = self.key(from)?;
        let new = self.new_key(to)?;
        ask(old.as_key(), new.as_key()) about from
    }
    has_key(key: Key<'_>) -> bool {
        let made = self.key(key)?;
        ask(made.as_key()) about key
    }
    get_many(keys: &[Key<'_>]) -> Vec<Option<Payload>> {
        let made = self.keys(keys)?;
        ask(&as_keys(&made))
    }
    set_many(entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Vec<usize> {
        let made = self.new_entries(entries)?;
        ask(&as_entries(&made), expiry)
    }
    delete_many(keys: &[Key<'_>]) -> () {
        let made = self.keys(keys)?;
        ask(&as_keys(&made))
    }
    close() -> () { ask() }
    ping() -> Presence { ask() }
    info() -> Info { ask() }
    purge_expired() -> Option<u64> { ask() }
}

/// The keys that were written in a corner, by any process: a line of JSON each.
struct Written {
    list: PathBuf,
    known: Mutex<(HashSet<String>, Option<File>)>,
}

impl Written {
    fn new(list: PathBuf) -> Self {
        Self { list, known: Mutex::default() }
    }

    /// Before the key is written, so that a killed process leaves none that is not listed.
    fn add(&self, key: Key<'_>) -> Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (names, file) = &mut *known;
        if names.contains(key.as_str()) {
            return Ok(());
        }
        let file = match file {
            Some(file) => file,
            None => {
                let opened = File::options().append(true).create(true).open(&self.list);
                file.insert(opened.map_err(|e| no_list(&self.list, e))?)
            }
        };
        let line = format!("{}\n", serde_json::Value::from(key.as_str()));
        file.write_all(line.as_bytes()).map_err(|e| no_list(&self.list, e))?;
        names.insert(key.as_str().to_owned());
        Ok(())
    }
}

fn read_list(list: &Path) -> Result<Vec<String>> {
    let text = match std::fs::read_to_string(list) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(no_list(list, e)),
    };
    // A line that is not whole was not written to the store yet.
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

fn no_list(list: &Path, e: std::io::Error) -> Error {
    Error::storage(format!("the list of keys {} cannot be used", list.display())).with_source(e)
}
