//! [`Culling`]: how many entries a location holds, and how many a full one evicts.

use std::fmt;

use crate::error::{Error, Result};

/// Django's `MAX_ENTRIES` and `CULL_FREQUENCY`, for the backends that have a limit.
///
/// At most `max_entries` entries exist at any moment. A new key in a full store evicts expired entries first;
/// if none has expired, it evicts one entry in `cull_frequency`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Culling {
    max_entries: Option<u64>,
    cull_frequency: u32,
}

impl Culling {
    /// Django's defaults: 300 entries; a full store evicts a third.
    pub const DEFAULT: Self = Self { max_entries: Some(300), cull_frequency: 3 };

    /// Limits the store to `max_entries` entries.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](crate::ErrorKind::InvalidCacheBackend) for 0, which
    /// could hold nothing.
    pub fn max_entries(self, max_entries: u64) -> Result<Self> {
        if max_entries == 0 {
            return Err(Error::invalid_cache_backend(
                "max_entries is 0, which stores nothing: set at least 1, say unlimited, or use the dummy backend",
            ));
        }
        Ok(Self { max_entries: Some(max_entries), ..self })
    }

    /// Removes the limit: only expired entries are removed.
    #[must_use]
    pub const fn unlimited(self) -> Self {
        Self { max_entries: None, ..self }
    }

    /// Makes a full store evict one in `cull_frequency` entries; 0 means all of them.
    #[must_use]
    pub const fn cull_frequency(self, cull_frequency: u32) -> Self {
        Self { cull_frequency, ..self }
    }

    /// The limits of a store of `entries` entries that does not record its limits: Django's defaults if it can
    /// have been kept within them, else no limit. An older version made such a store, or the record of its limits
    /// is damaged. Nothing is removed because of a limit that nobody has named.
    #[must_use]
    pub fn of_silent_store(entries: u64) -> Self {
        match Self::DEFAULT.max_entries {
            Some(limit) if entries > limit => Self::DEFAULT.unlimited(),
            _ => Self::DEFAULT,
        }
    }

    /// Returns the share as [`Culling::cull_frequency`] was given it.
    #[must_use]
    pub const fn frequency(self) -> u32 {
        self.cull_frequency
    }

    /// Returns the maximum number of entries; `None` for no limit.
    #[must_use]
    pub const fn limit(self) -> Option<u64> {
        self.max_entries
    }

    /// Returns whether a full store loses all its entries.
    #[must_use]
    pub const fn drops_all(self) -> bool {
        self.cull_frequency == 0
    }

    /// Returns how many of `entries` live entries a full store evicts: at least one, if it has any.
    #[must_use]
    pub fn victims(self, entries: u64) -> u64 {
        match self.cull_frequency {
            0 => entries,
            frequency => (entries / u64::from(frequency)).max(1).min(entries),
        }
    }
}

/// As the settings are called.
impl fmt::Display for Culling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max_entries {
            Some(max_entries) => write!(f, "max_entries {max_entries}")?,
            None => f.write_str("max_entries unlimited")?,
        }
        write!(f, " and cull_frequency {}", self.cull_frequency)
    }
}

impl Default for Culling {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The limits that a handle names. The store decides the rest: a handle that names no limit never shrinks a store.
///
/// ```
/// use cache_core::{Culling, NamedLimits};
///
/// let remembered = Culling::DEFAULT.max_entries(100_000)?;
/// assert_eq!(NamedLimits::NONE.over(remembered)?, remembered);
/// assert_eq!(NamedLimits::NONE.cull_frequency(4).over(remembered)?.limit(), Some(100_000));
/// assert_eq!(NamedLimits::NONE.max_entries(50).over(remembered)?.limit(), Some(50));
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamedLimits {
    /// `Some(None)` names an unlimited store.
    max_entries: Option<Option<u64>>,
    cull_frequency: Option<u32>,
}

impl NamedLimits {
    /// Names nothing.
    pub const NONE: Self = Self { max_entries: None, cull_frequency: None };

    /// Names the maximum number of entries.
    #[must_use]
    pub const fn max_entries(self, max_entries: u64) -> Self {
        Self { max_entries: Some(Some(max_entries)), ..self }
    }

    /// Names an unlimited store.
    #[must_use]
    pub const fn unlimited(self) -> Self {
        Self { max_entries: Some(None), ..self }
    }

    /// Names the share that a full store evicts.
    #[must_use]
    pub const fn cull_frequency(self, cull_frequency: u32) -> Self {
        Self { cull_frequency: Some(cull_frequency), ..self }
    }

    /// Returns whether it names a maximum number of entries or an unlimited store.
    #[must_use]
    pub const fn names_max_entries(self) -> bool {
        self.max_entries.is_some()
    }

    /// Returns the limits that it names, with `store`'s in place of the others.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](crate::ErrorKind::InvalidCacheBackend) for a limit of 0 entries.
    pub fn over(self, store: Culling) -> Result<Culling> {
        let culling = match self.max_entries {
            None => store,
            Some(None) => store.unlimited(),
            Some(Some(max_entries)) => store.max_entries(max_entries)?,
        };
        Ok(match self.cull_frequency {
            None => culling,
            Some(frequency) => culling.cull_frequency(frequency),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn victims_are_a_share_and_at_least_one() {
        let share = |frequency, entries| Culling::DEFAULT.cull_frequency(frequency).victims(entries);
        assert_eq!(
            [share(3, 30), share(3, 2), share(2, 30), share(1, 30), share(0, 30)],
            [10, 1, 15, 30, 30]
        );
        assert_eq!(share(3, 0), 0);
        assert!(Culling::DEFAULT.max_entries(0).is_err());
    }

    #[test]
    fn it_shows_as_the_settings_are_called() {
        assert_eq!(Culling::DEFAULT.to_string(), "max_entries 300 and cull_frequency 3");
        let unlimited = Culling::DEFAULT.unlimited().cull_frequency(0);
        assert_eq!(unlimited.to_string(), "max_entries unlimited and cull_frequency 0");
    }
}
