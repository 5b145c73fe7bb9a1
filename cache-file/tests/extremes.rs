//! Whatever the builder is given, no call panics, hangs or wraps around.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use cache_core::ErrorKind;
use cache_file::{FileCache, Layout};
use conformance_tests::faults::extremes::{self, End, Setting};

const LAYOUTS: &[Layout] = &[
    Layout::Native,
    #[cfg(feature = "django")]
    Layout::Django,
];

#[test]
fn no_limit_and_no_time_breaks_a_call() {
    for &layout in LAYOUTS {
        let make = move |dir: &Path, settings: &[Setting]| {
            let builder = FileCache::builder(dir.join("store")).layout(layout);
            let set = settings.iter().fold(builder, |builder, setting| match setting {
                Setting::MaxEntries(most) => builder.max_entries(*most),
                Setting::CullFrequency(part) => builder.cull_frequency(*part),
                Setting::Wait(wait) => builder.lock_timeout(*wait),
                Setting::Clock(_, clock) => builder.clock(clock.clone()),
            });
            set.build()
        };
        // Nobody else writes, so no wait is too short.
        extremes::stores("file", &format!("{layout:?}"), make, |setting| match setting {
            Setting::MaxEntries(0) => End::Error(ErrorKind::InvalidCacheBackend),
            _ => End::Well,
        });
    }
}

/// Nobody can wait for the end of such a wait: it is read from what the handle shows of itself.
#[test]
fn no_wait_for_a_lock_is_longer_than_a_day() {
    for &layout in LAYOUTS {
        for wait in extremes::DURATIONS {
            let builder = FileCache::builder("/nowhere").layout(layout).lock_timeout(wait);
            let shown = format!("{:?}", builder.build().unwrap());
            let kept = format!("lock_timeout: {:?}", wait.min(Duration::from_secs(86_400)));
            assert!(shown.contains(&kept), "{layout:?}, lock_timeout {wait:?}: no {kept:?} in {shown}");
        }
    }
}

#[cfg(feature = "django")]
#[test]
fn no_limit_of_inflated_values_breaks_a_call() {
    for most in extremes::NUMBERS.map(|most| usize::try_from(most).unwrap_or(usize::MAX)) {
        let end = if most < 16 { End::Error(ErrorKind::ValueTooLarge) } else { End::Well };
        extremes::store("file", &format!("max_inflated {most}"), end, move |dir| {
            FileCache::builder(dir.join("store")).layout(Layout::Django).max_inflated(most).build()
        });
    }
}
