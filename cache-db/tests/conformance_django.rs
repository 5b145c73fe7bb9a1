//! The conformance suite on SQLite with the table of Django's `DatabaseCache`.

use std::time::Duration;

use cache_db::{DatabaseCache, Layout};
use conformance_tests::Suite;
use rusqlite::Connection;

fn main() {
    Suite::new("db-django", |spec| {
        let options = DatabaseCache::builder(spec.dir.join("cache.sqlite3")).table(&spec.location);
        let options = options.layout(Layout::Django).clock(spec.clock.clone());
        let options = options.cull_frequency(spec.cull_frequency).busy_timeout(Duration::from_secs(3));
        match spec.max_entries {
            Some(max) => options.max_entries(max).build(),
            None => options.unlimited().build(),
        }
    })
    .manual_clock()
    .shared_locations()
    .directory()
    .lock(|spec| {
        let stranger = Connection::open(spec.dir.join("cache.sqlite3")).map_err(std::io::Error::other)?;
        stranger.execute_batch("BEGIN IMMEDIATE").map_err(std::io::Error::other)?;
        Ok(Box::new(stranger))
    })
    .run()
}
