//! The conformance suite on files in Django's layout.

use cache_file::{FileCache, Layout};
use conformance_tests::Suite;

fn main() {
    Suite::new("file-django", |spec| {
        let options = FileCache::builder(&spec.dir)
            .layout(Layout::Django)
            // Small enough for the checks of values that are too large.
            .max_inflated(20 << 20)
            .cull_frequency(spec.cull_frequency)
            .clock(spec.clock.clone());
        match spec.max_entries {
            Some(max) => options.max_entries(max).build(),
            None => options.unlimited().build(),
        }
    })
    .manual_clock()
    .shared_locations()
    .directory()
    // Django names files by MD5 and keeps no key.
    .waive(
        "K::hash_collision_distinct",
        "https://github.com/django/django/blob/stable/5.2.x/django/core/cache/backends/filebased.py",
    )
    .run()
}
