//! [`Info`]: what a store reports about itself; [`Presence`]: whether it exists yet.

/// What [`Cache::ping`](crate::Cache::ping) finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Presence {
    /// The store exists and lets this client in.
    Exists,
    /// The store does not exist yet: every read is a miss, and the first write creates it. Only a directory or a
    /// database file can be in this state. If you expect entries there, the path is probably wrong.
    NotYet,
}

/// What a store reports about itself, for people: see [`Cache::info`](crate::Cache::info). `None` means
/// unknown.
///
/// ```
/// use cache_core::Info;
///
/// let info = Info::default().with_entries(3).with_max_entries(None).with_detail("directory", "/var/cache/app");
/// assert_eq!((info.entries, info.max_entries, info.details.len()), (Some(3), None, 1));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Entries in the location, including expired ones that still take space.
    pub entries: Option<u64>,
    /// The maximum number of entries; also `None` without a limit.
    pub max_entries: Option<u64>,
    /// Bytes that the location takes, in memory or on disk.
    pub bytes: Option<u64>,
    /// Lookups of any client that the servers answered with a value since they were started.
    pub hits: Option<u64>,
    /// Lookups that they answered without one.
    pub misses: Option<u64>,
    /// Entries that were removed before their end to make room. Files and SQLite count them since the store was made,
    /// by any process; servers since they were started; memory in this process. Django's layouts record none, so
    /// there this counts only this handle's, and is `None` before the first.
    pub evictions: Option<u64>,
    /// Each server by its name, and what it reports: its version, its memory.
    pub servers: Vec<(String, String)>,
    /// Other facts as name and text, such as the directory and the layout. The names are the same for every
    /// store of a kind.
    pub details: Vec<(String, String)>,
}

/// Methods that set one field each: the struct may grow, so other crates cannot write it out.
macro_rules! setters {
    ($(#[$doc:meta] $setter:ident($field:ident);)*) => {$(
        #[$doc]
        #[must_use]
        pub fn $setter(mut self, $field: impl Into<Option<u64>>) -> Self {
            self.$field = $field.into();
            self
        }
    )*};
}

impl Info {
    setters! {
        /// Sets [`Info::entries`]: a number, or `None` for a store that cannot tell.
        with_entries(entries);
        /// Sets [`Info::max_entries`]: a number, or `None` for no limit.
        with_max_entries(max_entries);
        /// Sets [`Info::bytes`]: a number of bytes, or `None` for a store that cannot tell.
        with_bytes(bytes);
        /// Sets [`Info::hits`]: a number, or `None` for a store that does not count.
        with_hits(hits);
        /// Sets [`Info::misses`]: a number, or `None` for a store that does not count.
        with_misses(misses);
        /// Sets [`Info::evictions`]: a number, or `None` for a store that does not count.
        with_evictions(evictions);
    }

    /// Returns hits out of hits and misses, from 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio")]
    pub fn hit_ratio(&self) -> Option<f64> {
        let (hits, misses) = (self.hits?, self.misses?);
        let all = hits.saturating_add(misses);
        (all > 0).then(|| hits as f64 / all as f64)
    }

    /// Adds a line to [`Info::details`].
    #[must_use]
    pub fn with_detail(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.details.push((name.into(), text.into()));
        self
    }
}
