//! The conformance suite on a backend of Django's: shown in the matrix, and only the basics are asserted.

#![allow(dead_code, reason = "each backend uses a part")]

use std::sync::Arc;
use std::time::Duration;

use cache_core::Capabilities;
use conformance_tests::{Spec, Suite};
use django_tests::{DjangoCache, Pool, python};
use serde_json::Value;

/// How many processes are at work.
const PROCESSES: usize = 4;

/// Whose entries a backend holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entries {
    /// Its process's: each location has one process.
    InProcess,
    /// A store's: any process serves any location.
    Outside,
}

/// How late a backend that keeps whole seconds may be.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What Django's backends have in common: `incr_version` is a get, a set and a delete.
pub(crate) const DJANGO: Capabilities = Capabilities::DEFAULT.with_atomic_rename(false);

/// Returns the suite on the cache that Django makes of `settings`, or `None` if Django is not installed and
/// nothing is to be run.
pub(crate) fn suite(
    name: &str,
    entries: Entries,
    capabilities: Capabilities,
    settings: impl Fn(&Spec) -> Value + Send + Sync + 'static,
) -> Option<Suite> {
    let python = python::or_skip()?;
    let (pools, in_each) = if entries == Entries::InProcess { (PROCESSES, 1) } else { (1, PROCESSES) };
    let pools: Vec<Arc<Pool>> = (0..pools).map(|_| Arc::new(Pool::new(python.clone(), in_each))).collect();
    let open = move |spec: &Spec| {
        let place = spec.location.bytes().map(usize::from).sum::<usize>() % pools.len();
        Ok(DjangoCache::new(&pools[place], settings(spec), capabilities))
    };
    Some(Suite::new(name, open).observe().shared_locations())
}

/// Django's options for a backend with a limit on entries: it has no "without a limit".
pub(crate) fn limits(spec: &Spec) -> Value {
    let most = spec.max_entries.unwrap_or(u64::from(u32::MAX));
    serde_json::json!({ "MAX_ENTRIES": most, "CULL_FREQUENCY": spec.cull_frequency })
}
