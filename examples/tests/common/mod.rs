//! What the tests of settings share.

use polycache::CachesBuilder;

/// Every backend of this project, and two names of a program's own.
pub(crate) fn registered() -> CachesBuilder {
    polycache::caches()
        .backend::<examples::MapCache>()
        .key_function("shop.keys.by_tenant", |key, prefix, version| {
            Ok(format!("t7/{prefix}/{version}/{key}"))
        })
}
