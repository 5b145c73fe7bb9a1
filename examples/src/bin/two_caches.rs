//! Two caches by alias: pages in memory, which may go at any time, and visits in a SQLite file, which stay.
//!
//! `cargo run -p examples --bin two_caches FOLDER`; run it twice. A deployment moves each cache by a variable of its own:
//! `CACHE_PAGES_URL`, `CACHE_VISITS_URL`.

use std::time::Duration;

use polycache::{Caches, DEFAULT_TIMEOUT, Timeout};

fn main() -> Result<(), polycache::Error> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "/var/cache/app".to_owned());
    let caches = polycache::caches()
        .url("pages", "locmem://pages?max_entries=1000&timeout=1m")
        .url("visits", format!("sqlite://{folder}/visits.db?max_entries=unlimited"))
        .environment()
        .build()?;

    println!("{}", page(&caches, "Ada")?);
    println!("{}", page(&caches, "Ada")?);

    // A new design: all pages go, and every visit stays.
    caches.get("pages")?.clear()?;
    println!("{}", page(&caches, "Ada")?);
    caches.close_all()
}

/// The page of a visitor, who is counted. Each alias names one cache, wherever the program asks for it.
fn page(caches: &Caches, visitor: &str) -> Result<String, polycache::Error> {
    let visits = caches.get("visits")?;
    visits.add(visitor, &0, Timeout::Never)?;
    let number = visits.incr_by(visitor, 1)?;

    // As long as the setting says: a minute.
    let pages = caches.get("pages")?;
    let mut from_cache = true;
    let page = pages.get_or_set(visitor, DEFAULT_TIMEOUT, || {
        from_cache = false;
        std::thread::sleep(Duration::from_millis(10));
        format!("Hello, {visitor}")
    })?;
    Ok(format!("{page}: visit {number}, {}", if from_cache { "from the cache" } else { "rendered" }))
}
