//! Whatever the builder is given, no call panics, hangs or wraps around.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::time::Duration;

use cache_core::ErrorKind;
use cache_db::DatabaseCache;
use common::LAYOUTS;
use conformance_tests::faults::extremes::{self, End, Setting};

#[test]
fn no_limit_and_no_time_breaks_a_call() {
    for &(name, layout) in LAYOUTS {
        let make = move |dir: &Path, settings: &[Setting]| {
            let builder = DatabaseCache::builder(dir.join("cache.db")).layout(layout);
            let set = settings.iter().fold(builder, |builder, setting| match setting {
                Setting::MaxEntries(most) => builder.max_entries(*most),
                Setting::CullFrequency(part) => builder.cull_frequency(*part),
                Setting::Wait(wait) => builder.busy_timeout(*wait),
                Setting::Clock(_, clock) => builder.clock(clock.clone()),
            });
            set.build()
        };
        extremes::stores("db", name, make, |setting| match setting {
            Setting::MaxEntries(0) => End::Error(ErrorKind::InvalidCacheBackend),
            // A connection that is given back a moment later is waited for: not at all is too short for that.
            Setting::Wait(wait) if *wait < Duration::from_secs(1) => End::Perhaps(ErrorKind::Unavailable),
            // SQLite's dates, which Django's table holds, begin with the year 0.
            Setting::Clock("the first moment", _) if name == "db-django" => End::Error(ErrorKind::Storage),
            // Nor do they go beyond the year 9999.
            Setting::Clock(..) if name == "db-django" => End::Over,
            _ => End::Well,
        });
    }
}

#[test]
fn no_trusted_group_breaks_a_call() {
    for &(name, layout) in LAYOUTS {
        for group in [0, u32::MAX - 1, u32::MAX] {
            extremes::store("db", &format!("{name}, trusted_group {group}"), End::Well, move |dir| {
                DatabaseCache::builder(dir.join("cache.db")).layout(layout).trusted_group(group).build()
            });
        }
    }
}
