//! The peers that need more than a constructor.

use std::time::{Duration, Instant};

use moka::Expiry;

/// A value, and how long it is kept.
type Lasting<V> = (V, Duration);

/// Moka with an expiry per entry, which is what takes the place of a timeout per call there.
pub(crate) type Moka<V> = moka::sync::Cache<String, Lasting<V>>;

struct PerEntry;

impl<V> Expiry<String, Lasting<V>> for PerEntry {
    fn expire_after_create(&self, _: &String, value: &Lasting<V>, _: Instant) -> Option<Duration> {
        Some(value.1)
    }

    fn expire_after_update(
        &self,
        _: &String,
        value: &Lasting<V>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(value.1)
    }
}

/// An empty one.
pub(crate) fn moka<V: Clone + Send + Sync + 'static>(capacity: u64) -> Moka<V> {
    Moka::builder().max_capacity(capacity).expire_after(PerEntry).build()
}
