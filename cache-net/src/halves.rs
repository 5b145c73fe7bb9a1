//! [`both_halves!`](crate::both_halves): the sync and the async half of a backend, over operations that are written once.

/// Implements [`BaseCache`](cache_core::BaseCache) and [`AsyncCache`](cache_core::AsyncCache) for a cache.
///
/// Its field of the given name has each operation as one `async` method, which takes the [`Mode`](cache_core::Mode) first
/// and otherwise what the trait's method takes; and `close`, which does not wait. The methods in braces go into
/// `BaseCache` as they are.
#[macro_export]
macro_rules! both_halves {
    ($cache:ty, $operations:ident, { $($own:tt)* }) => {
        const _: () = {
            use cache_core::{
                AsyncCache, AsyncWay, BaseCache, Expiry, Info, Key, Mode, Payload, Presence, Result, async_trait,
                poll_now,
            };

            $crate::both_halves! { @write $cache, $operations, { $($own)* },
                get(key: Key<'_>) -> Option<Payload>;
                set(key: Key<'_>, value: Payload, expiry: Expiry) -> ();
                add(key: Key<'_>, value: Payload, expiry: Expiry) -> bool;
                touch(key: Key<'_>, expiry: Expiry) -> bool;
                delete(key: Key<'_>) -> bool;
                incr(key: Key<'_>, delta: i64) -> i64;
                rename(from: Key<'_>, to: Key<'_>) -> bool;
                clear() -> ();
                has_key(key: Key<'_>) -> bool;
                get_many(keys: &[Key<'_>]) -> Vec<Option<Payload>>;
                set_many(entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Vec<usize>;
                delete_many(keys: &[Key<'_>]) -> ();
                ping() -> Presence;
                info() -> Info;
            }
        };
    };
    (@write $cache:ty, $operations:ident, { $($own:tt)* },
        $($name:ident($($argument:ident: $type:ty),*) -> $output:ty;)*
    ) => {
        impl BaseCache for $cache {
            $(fn $name(&self, $($argument: $type),*) -> Result<$output> {
                poll_now(self.$operations.$name(Mode::Blocking, $($argument),*))
            })*

            fn close(&self) -> Result<()> {
                self.$operations.close();
                Ok(())
            }

            fn as_async(&self) -> AsyncWay<'_> {
                AsyncWay::Native(self)
            }

            $($own)*
        }

        #[async_trait]
        impl AsyncCache for $cache {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$output> {
                self.$operations.$name(Mode::Async, $($argument),*).await
            })*

            async fn close(&self) -> Result<()> {
                BaseCache::close(self)
            }

            async fn purge_expired(&self) -> Result<Option<u64>> {
                BaseCache::purge_expired(self)
            }
        }
    };
}
