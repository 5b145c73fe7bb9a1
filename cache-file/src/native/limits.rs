//! [`Limits`]: what a handle names of the limits of its store, which remembers them in its state file.

use std::sync::atomic::{AtomicBool, Ordering};

use cache_core::{Culling, NamedLimits};

/// What a handle names, and whether it has said so.
#[derive(Debug)]
pub(crate) struct Limits {
    named: NamedLimits,
    /// Whether a store that remembers no limits gets Django's from this handle.
    has_default: bool,
    /// The store knows what is named. Once: afterwards this handle follows the store, as others do.
    has_spoken: AtomicBool,
}

impl Limits {
    pub(crate) const fn new(named: NamedLimits, has_default: bool) -> Self {
        Self { named, has_default, has_spoken: AtomicBool::new(false) }
    }

    /// Returns what is named, and Django's limits where nothing is.
    pub(crate) fn of_new_store(&self) -> Culling {
        self.named.over(Culling::DEFAULT).unwrap_or_default()
    }

    /// Returns the limits that a new entry of this handle finds in a store of `entries`, and whether the store
    /// has to remember them.
    pub(crate) fn in_force(&self, remembered: Option<Culling>, entries: u64) -> (Culling, bool) {
        let base = match remembered {
            Some(limits) if self.has_spoken.load(Ordering::Relaxed) => return (limits, false),
            Some(limits) => limits,
            None if self.has_default || self.named.names_max_entries() => Culling::of_silent_store(entries),
            None => return (Culling::DEFAULT.unlimited(), false),
        };
        // What is named was looked at when the handle was built.
        let limits = self.named.over(base).unwrap_or(base);
        (limits, remembered != Some(limits))
    }

    /// Notes that the store remembers what this handle names.
    pub(crate) fn have_been_said(&self) {
        self.has_spoken.store(true, Ordering::Relaxed);
    }

    /// Returns, for people, what the store remembers, or would remember after a new entry.
    pub(crate) fn shown(&self, remembered: Option<Culling>, entries: u64) -> Culling {
        remembered.unwrap_or_else(|| self.in_force(None, entries).0)
    }
}
