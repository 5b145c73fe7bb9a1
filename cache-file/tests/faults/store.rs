//! A cache in either layout, its files, and values that say whose they are.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use cache_core::{Cache, Clock};
use cache_file::{FileCache, FileCacheBuilder, Layout};

use crate::common;

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Native,
    #[cfg(feature = "django")]
    Django,
}

impl Kind {
    pub(crate) const ALL: &'static [Self] = &[
        Self::Native,
        #[cfg(feature = "django")]
        Self::Django,
    ];

    /// As the report names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "file",
            #[cfg(feature = "django")]
            Self::Django => "file-django",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        *Self::ALL.iter().find(|kind| kind.name() == name).unwrap()
    }

    fn layout(self) -> Layout {
        match self {
            Self::Native => Layout::Native,
            #[cfg(feature = "django")]
            Self::Django => Layout::Django,
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Native => ".cache",
            #[cfg(feature = "django")]
            Self::Django => ".djcache",
        }
    }

    /// A cache in the part `cache` of `dir`.
    pub(crate) fn open(self, dir: &Path, set: impl FnOnce(FileCacheBuilder) -> FileCacheBuilder) -> Store {
        let root = dir.join("cache");
        let backend = set(FileCache::builder(&root).layout(self.layout())).build().unwrap();
        Store { kind: self, root, cache: Cache::new(backend.clone()), backend }
    }

    pub(crate) fn limited(self, dir: &Path, limit: u64) -> Store {
        self.open(dir, |options| options.max_entries(limit))
    }
}

#[derive(Debug)]
pub(crate) struct Store {
    kind: Kind,
    pub(crate) root: PathBuf,
    pub(crate) backend: FileCache,
    pub(crate) cache: Cache<FileCache>,
}

impl Store {
    pub(crate) fn entry_files(&self) -> Vec<PathBuf> {
        common::files_where(&self.root, |name| name.ends_with(self.kind.suffix()))
    }

    pub(crate) fn only_file(&self) -> PathBuf {
        let files = self.entry_files();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    pub(crate) fn temp_files(&self) -> usize {
        common::temp_files(&self.root).len()
    }

    /// Makes every entry look as if written a minute ago: no writer is at it any more.
    pub(crate) fn age(&self) {
        self.entry_files().iter().for_each(|file| age(file));
    }

    /// The number of the value under `key`; an error for one that is not whole or not the key's.
    pub(crate) fn number(&self, key: &str, version: i64) -> Result<Option<u32>, String> {
        let cache = self.cache.with_version(version);
        let Some(value) = cache.get::<String>(key).map_err(|e| format!("get of {key}: {e}"))? else {
            return Ok(None);
        };
        match number_in(key, &value) {
            Some(number) => Ok(Some(number)),
            None => Err(format!("{key}: a torn or foreign value of {} bytes", value.len())),
        }
    }

    /// Whether every operation works: a set, the value, a number, and away with both.
    pub(crate) fn works(&self) -> Result<(), String> {
        let cache = &self.cache;
        let said = |e: cache_core::Error| format!("the next operation: {e}");
        cache.set("works", &value_of("works", 3), HOUR).map_err(said)?;
        cache.delete("works too").map_err(said)?;
        let added = cache.add("works too", &1, HOUR).map_err(said)?;
        let number = cache.incr_by("works too", 2).map_err(said)?;
        let touched = cache.touch("works too", HOUR).map_err(said)?;
        // A store of few entries may have had to make room.
        let seen = self.number("works", 1)?;
        let deleted = cache.delete("works too").map_err(said)?;
        cache.delete("works").map_err(said)?;
        if (added, number, touched, deleted) == (true, 3, true, true) && seen.is_none_or(|seen| seen == 3) {
            return Ok(());
        }
        Err(format!("the next operations: {added} {number} {touched} {seen:?} {deleted}"))
    }
}

pub(crate) fn age(file: &Path) {
    let minute = SystemTime::now() - Duration::from_secs(60);
    File::options().write(true).open(file).unwrap().set_modified(minute).unwrap();
}

/// What values are filled with: incompressible, and longer than what a compressor looks back.
static NOISE: LazyLock<String> = LazyLock::new(|| {
    let mut random = fastrand::Rng::with_seed(1);
    (0..80_000).map(|_| random.alphanumeric()).collect()
});

/// A string that names its owner and in which any wrong byte shows. Up to 69 KB, depending on its number:
/// some are written in more than one call.
pub(crate) fn value_of(key: &str, number: u32) -> String {
    let mut value = format!("{key}/{number}/");
    let start = crc32fast::hash(value.as_bytes()) as usize % 10_000;
    value.push_str(&NOISE[start..start + 100 + (number % 50) as usize * 1_400]);
    let sum = crc32fast::hash(value.as_bytes());
    format!("{value}/{sum}")
}

/// The number in a value of `key`; `None` for one that is torn or another key's.
pub(crate) fn number_in(key: &str, value: &str) -> Option<u32> {
    let (text, sum) = value.rsplit_once('/')?;
    if sum.parse() != Ok(crc32fast::hash(text.as_bytes())) {
        return None;
    }
    text.strip_prefix(key)?.strip_prefix('/')?.split_once('/')?.0.parse().ok()
}

/// A clock that is ahead.
pub(crate) fn ahead(hours: u32) -> Clock {
    let (clock, hands) = Clock::manual();
    hands.advance(HOUR * hours);
    clock
}
