//! What the tests of settings share.

use cache_core::{Caches, CachesBuilder};

/// Every backend of this project, and two names of a program's own.
pub(crate) fn registered() -> CachesBuilder {
    Caches::builder()
        .backend::<cache_locmem::LocMemCache>()
        .backend::<cache_file::FileCache>()
        .backend::<cache_db::DatabaseCache>()
        .backend::<cache_memcached::MemcachedCache>()
        .backend::<cache_redis::RedisCache>()
        .backend::<cache_dummy::DummyCache>()
        .backend::<examples::MapCache>()
        .key_function("shop.keys.by_tenant", |key, prefix, version| {
            Ok(format!("t7/{prefix}/{version}/{key}"))
        })
}
