//! The conformance suite on SQLite.

use std::time::Duration;

use cache_db::DatabaseCache;
use conformance_tests::Suite;
use rusqlite::Connection;

fn main() {
    Suite::new("db", |spec| {
        let options = DatabaseCache::builder(spec.dir.join("cache.sqlite3")).table(&spec.location);
        let options = options.clock(spec.clock.clone());
        let options = options.busy_timeout(Duration::from_secs(3));
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
    .directory()
    .lock(|spec| {
        let stranger = Connection::open(spec.dir.join("cache.sqlite3")).map_err(std::io::Error::other)?;
        stranger.execute_batch("BEGIN IMMEDIATE").map_err(std::io::Error::other)?;
        Ok(Box::new(stranger))
    })
    .run()
}
