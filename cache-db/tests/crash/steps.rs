//! What a worker does, step by step. Each step is one transaction, so it happens whole or not at all.

use std::fmt::Debug;
use std::time::Duration;

use cache_core::{Cache, Clock, ManualClock, Result, Timeout};
use cache_db::{DatabaseCache, DatabaseCacheBuilder};

/// Few entries, so that some steps find the table full.
const MOST_ENTRIES: u64 = 8;

/// When all workers begin, in milliseconds since the epoch.
const BEGIN_MS: i64 = 1_800_000_000_000;

/// Nobody else holds the database, so no call has to wait long.
const PATIENCE: Duration = Duration::from_millis(500);

/// A cache whose clock stands still but where a step moves it, so that every run is the same.
pub(crate) fn open(options: DatabaseCacheBuilder) -> (Cache<DatabaseCache>, ManualClock) {
    let (clock, hands) = Clock::manual();
    hands.step_wall_ms(BEGIN_MS - clock.wall_ms());
    let options = options.max_entries(MOST_ENTRIES).busy_timeout(PATIENCE).clock(clock);
    (Cache::new(options.build().unwrap()), hands)
}

/// Says what the caller was told.
type Step = fn(&Cache<DatabaseCache>, &ManualClock) -> Result<String>;

pub(crate) const STEPS: [(&str, Step); 22] = [
    ("set, which makes the file", |c, _| said(c.set("a", &text("a", 3_000), secs(60)))),
    ("set again", |c, _| said(c.set("a", &text("A", 9_000), Timeout::Never))),
    ("get", |c, _| said(c.get::<String>("a").map(|value| value.map(|text| text.len())))),
    ("add", |c, _| said(c.add("b", &text("b", 100), secs(60)))),
    ("add where it is", |c, _| said(c.add("b", &text("B", 100), secs(60)))),
    ("set of a number", |c, _| said(c.set("n", &5, secs(60)))),
    ("incr", |c, _| said(c.incr_by("n", 3))),
    ("touch", |c, _| said(c.touch("a", secs(120)))),
    ("set_many", |c, _| said(c.set_many(["b", "c", "d", "e"].map(|k| (k, text(k, 2_000))), secs(60)))),
    ("get_many", |c, _| said(c.get_many::<String, _>(["a", "b", "no"]).map(|found| found.len()))),
    ("incr_version", |c, _| said(c.incr_version("e"))),
    ("delete", |c, _| said(c.delete("b"))),
    ("delete_many", |c, _| said(c.delete_many(["c", "no"]))),
    ("set_many, which fills the table", |c, _| {
        said(c.set_many(["f", "g", "h", "i"].map(|k| (k, text(k, 500))), secs(1)))
    }),
    ("set, which culls the oldest", |c, _| said(c.set("j", &text("j", 3_000), secs(60)))),
    ("set, which fills it again", |c, _| said(c.set("m", &7, secs(60)))),
    ("time passes", |_, hands| {
        hands.advance(secs(3));
        Ok(String::new())
    }),
    ("set, which culls the expired", |c, _| said(c.set("k", &text("k", 500), secs(60)))),
    ("close", |c, _| said(c.close())),
    ("decr after that", |c, _| said(c.decr_by("m", 2))),
    ("clear", |c, _| said(c.clear())),
    ("add in the empty table", |c, _| said(c.add("a", &text("a", 10), secs(60)))),
];

/// What [`afterwards`] says of a handle that works.
pub(crate) const WORKS: &str = "works";

/// What a handle is asked to do after a call that failed.
pub(crate) fn afterwards(cache: &Cache<DatabaseCache>) -> Result<String> {
    cache.set("next", &1, Timeout::Never)?;
    let sum = cache.incr("next")?;
    let found = cache.get::<i64>("next")?;
    let gone = cache.delete("next")?;
    let works = (sum, found, gone) == (2, Some(2), true);
    Ok(if works { WORKS.to_owned() } else { format!("{sum} {found:?} {gone}") })
}

fn said(done: Result<impl Debug>) -> Result<String> {
    done.map(|done| format!("{done:?}"))
}

fn text(key: &str, length: usize) -> String {
    key.repeat(length)
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}
