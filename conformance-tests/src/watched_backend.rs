//! [`Watched`]: wraps a backend; a hook before each call forwards it, fails it or fakes a miss.

use std::sync::Arc;

use async_trait::async_trait;
use cache_core::{
    AsyncCache, AsyncWay, BaseCache, Capabilities, Codec, Error, Expiry, Info, Key, Payload, Presence, Result,
};

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The backend is asked.
    Forward,
    /// The backend is not asked: the caller gets a miss, and `add` reports that the key exists.
    FindNothing,
    /// The backend is not asked: the call fails.
    Refuse,
}

/// Called before every call with the method's name and the number of keys it was given.
type Hook = dyn Fn(&'static str, usize) -> Act + Send + Sync;

/// Forwards to a backend what its hook lets pass.
pub(crate) struct Watched {
    inner: Arc<dyn BaseCache>,
    hook: Box<Hook>,
}

impl Watched {
    pub(crate) fn over(
        inner: &Arc<dyn BaseCache>,
        hook: impl Fn(&'static str, usize) -> Act + Send + Sync + 'static,
    ) -> Arc<dyn BaseCache> {
        Arc::new(Self { inner: Arc::clone(inner), hook: Box::new(hook) })
    }
}

fn refused<T>() -> Result<T> {
    Err(Error::storage("the check has been given up"))
}

/// `name(args) -> output, number of keys, the answer for a miss;`
macro_rules! watched {
    ($($name:ident($($arg:ident: $type:ty),*) -> $output:ty, $keys:expr, $nothing:expr;)*) => {
        #[deny(clippy::missing_trait_methods)]
        impl BaseCache for Watched {
            $(fn $name(&self, $($arg: $type),*) -> Result<$output> {
                match (self.hook)(stringify!($name), $keys) {
                    Act::FindNothing => $nothing,
                    Act::Refuse => refused(),
                    Act::Forward => self.inner.$name($($arg),*),
                }
            })*

            fn entries(&self) -> Result<Option<u64>> {
                self.inner.entries()
            }

            fn capabilities(&self) -> Capabilities {
                self.inner.capabilities()
            }

            fn codec(&self) -> Option<Arc<dyn Codec>> {
                self.inner.codec()
            }

            fn as_async(&self) -> AsyncWay<'_> {
                match self.inner.as_async() {
                    AsyncWay::Native(_) => AsyncWay::Native(self),
                    other => other,
                }
            }
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl AsyncCache for Watched {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$output> {
                match ((self.hook)(stringify!($name), $keys), self.inner.as_async()) {
                    (Act::FindNothing, _) => $nothing,
                    (Act::Refuse, _) => refused(),
                    (Act::Forward, AsyncWay::Native(native)) => native.$name($($arg),*).await,
                    (Act::Forward, _) => self.inner.$name($($arg),*),
                }
            })*
        }
    };
}

watched! {
    get(key: Key<'_>) -> Option<Payload>, 1, Ok(None);
    set(key: Key<'_>, value: Payload, expiry: Expiry) -> (), 1, Ok(());
    add(key: Key<'_>, value: Payload, expiry: Expiry) -> bool, 1, Ok(false);
    touch(key: Key<'_>, expiry: Expiry) -> bool, 1, Ok(false);
    delete(key: Key<'_>) -> bool, 1, Ok(false);
    incr(key: Key<'_>, delta: i64) -> i64, 1, Err(Error::key_not_found(key.as_str()));
    rename(from: Key<'_>, to: Key<'_>) -> bool, 2, Ok(false);
    clear() -> (), 0, Ok(());
    has_key(key: Key<'_>) -> bool, 1, Ok(false);
    get_many(keys: &[Key<'_>]) -> Vec<Option<Payload>>, keys.len(), Ok(vec![None; keys.len()]);
    set_many(entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Vec<usize>, entries.len(), Ok(Vec::new());
    delete_many(keys: &[Key<'_>]) -> (), keys.len(), Ok(());
    close() -> (), 0, Ok(());
    ping() -> Presence, 0, Ok(Presence::NotYet);
    info() -> Info, 0, Ok(Info::default());
    purge_expired() -> Option<u64>, 0, Ok(None);
}
