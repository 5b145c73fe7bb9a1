//! The extremes of what the builders of stores on this machine are given.

use std::path::Path;
use std::time::Duration;

use cache_core::{BaseCache, Cache, Clock, ErrorKind, Result};

use tempfile::TempDir;

use super::{DURATIONS, NUMBERS, call_at_once, call_each, check_lifetimes, check_limit, clocks};
use crate::faults::{in_time, record};

/// How the calls on a store end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All of them work.
    Well,
    /// It is not built, or a call fails, with this kind.
    Error(ErrorKind),
    /// Either.
    Perhaps(ErrorKind),
    /// All of them work, and nothing lives: the clock is beyond every moment that the store can hold.
    Over,
}

/// One setting of a store on this machine.
#[derive(Clone, Debug)]
pub enum Setting {
    /// The most entries.
    MaxEntries(u64),
    /// How many parts a full store is divided into, one of which is removed.
    CullFrequency(u32),
    /// How long a call waits for others that write.
    Wait(Duration),
    /// Where the time comes from; and its name.
    Clock(&'static str, Clock),
}

/// Builds a store with `make` in a new directory, in memory where there is some, makes each call on it, and looks which
/// entries live.
///
/// # Panics
/// If that does not end as `end` says, or not within two minutes. The text begins with `what`.
pub fn store<B: BaseCache + 'static>(
    backend: &str,
    what: &str,
    end: End,
    make: impl FnOnce(&Path) -> Result<B> + Send + 'static,
) {
    one(backend, what, end, make, check_lifetimes);
}

/// The same with another look.
#[allow(clippy::panic, reason = "a test fails by panicking")]
fn one<B: BaseCache + 'static>(
    backend: &str,
    what: &str,
    end: End,
    make: impl FnOnce(&Path) -> Result<B> + Send + 'static,
    check: impl FnOnce(&Cache<B>) -> Result<()> + Send + 'static,
) {
    let told = what.to_owned();
    in_time(what, move || {
        let dir = place();
        let tried = make(dir.path()).map(Cache::new).and_then(|cache| {
            call_each(&cache)?;
            if end == End::Over { Ok(()) } else { check(&cache) }
        });
        match (tried, end) {
            (Ok(()), End::Well | End::Perhaps(_) | End::Over) => {}
            (Err(e), End::Error(kind) | End::Perhaps(kind)) if e.kind() == kind => {}
            (Ok(()), _) => panic!("{told}: expected {end:?}, and all calls work"),
            (Err(e), _) => panic!("{told}: expected {end:?}, got {:?}: {e}", e.kind()),
        }
    });
    record(34, backend, 1, 0, "extremes of its builder: each call ends");
}

#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
fn place() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Tries [`store`] with the extremes of each [`Setting`]: limits that are small enough for entries to be removed,
/// waits, from several threads too, and [clocks](super::clocks). `make` builds one in a directory with some settings, and `end` says how the
/// calls on it end.
///
/// # Panics
/// As [`store`]. The text begins with `layout` and the setting.
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub fn stores<B: BaseCache + 'static>(
    backend: &str,
    layout: &str,
    make: impl Fn(&Path, &[Setting]) -> Result<B> + Clone + Send + 'static,
    end: impl Fn(&Setting) -> End,
) {
    let mut all: Vec<Vec<Setting>> = Vec::new();
    all.extend(NUMBERS.map(|most| vec![Setting::MaxEntries(most)]));
    all.extend([0, 1, 2, u32::MAX].map(|part| vec![Setting::CullFrequency(part), Setting::MaxEntries(2)]));
    all.extend(DURATIONS.map(|wait| vec![Setting::Wait(wait)]));
    all.extend(clocks().map(|(name, clock)| vec![Setting::Clock(name, clock), Setting::MaxEntries(3)]));
    for settings in all {
        let (what, end) = (format!("{layout}, {}", settings[0]), end(&settings[0]));
        if let [Setting::Wait(_)] = settings.as_slice() {
            let dir = place();
            call_at_once(
                &format!("{what}, and others write"),
                &Cache::new(make(dir.path(), &settings).unwrap()),
            );
        }
        let (make, first) = (make.clone(), settings[0].clone());
        one(
            backend,
            &what,
            end,
            move |dir| make(dir, &settings),
            move |cache| match first {
                Setting::MaxEntries(most) => check_limit(cache, Some(most)),
                Setting::CullFrequency(_) => check_limit(cache, Some(2)),
                Setting::Wait(_) | Setting::Clock(..) => check_lifetimes(cache),
            },
        );
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MaxEntries(most) => write!(f, "max_entries {most}"),
            Self::CullFrequency(part) => write!(f, "cull_frequency {part}"),
            Self::Wait(wait) => write!(f, "wait {wait:?}"),
            Self::Clock(name, _) => write!(f, "at {name}"),
        }
    }
}
