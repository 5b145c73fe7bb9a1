//! [`RedisCache`]: the two halves of the contract, over one set of [`Operations`].

use std::time::Duration;

use cache_core::Capabilities;

use crate::config::Config;
use crate::operations::{LARGEST_VALUE, Operations};

/// A cache in a Redis or Valkey database. See the [crate's page](crate).
///
/// A call is one round trip to the server; `set_many`, `get_many` and `delete_many` are one per
/// batch of 1,000 keys. Dropping the cache closes its connections. Its `Debug` shows no password.
///
/// What `info` says: entries of the selected database; memory, hits and misses of the whole server. Of a cluster the
/// sums.
#[derive(Debug)]
pub struct RedisCache {
    operations: Operations,
}

impl RedisCache {
    pub(crate) fn from_config(config: Config) -> Self {
        Self { operations: Operations::new(config) }
    }
}

cache_net::both_halves!(RedisCache, operations, {
    fn entries(&self) -> Result<Option<u64>> {
        poll_now(self.operations.entries(Mode::Blocking)).map(Some)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::DEFAULT
            .with_persistent(true)
            .with_cross_process(true)
            .with_max_value_size(LARGEST_VALUE)
            .with_preserves_type_tags(false)
            .with_atomic_rename(self.operations.is_one_place())
            // It counts whole milliseconds, in which neither the beginning nor the end may be early.
            .with_ttl_resolution(Duration::from_millis(2))
    }
});
