//! The conformance suite on files.

use cache_file::FileCache;
use conformance_tests::Suite;

fn main() {
    Suite::new("file", |spec| {
        let options = FileCache::builder(&spec.dir).clock(spec.clock.clone());
        if !spec.names_limits {
            return options.build();
        }
        let options = options.cull_frequency(spec.cull_frequency);
        match spec.max_entries {
            Some(max) => options.max_entries(max).build(),
            None => options.unlimited().build(),
        }
    })
    .manual_clock()
    .shared_locations()
    .remembers_limits()
    .file_per_entry()
    .run()
}
