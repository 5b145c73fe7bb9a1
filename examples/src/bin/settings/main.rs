//! Caches by a settings file, one of them on a backend of this project's own: [`MapCache`] is
//! registered with one line, and `cache.toml` calls it by its name.
//!
//! `cargo run -p examples --bin settings [FILE]`

use examples::MapCache;
use polycache::{DEFAULT_TIMEOUT, Result};

fn main() -> Result<()> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin/settings/cache.toml");
    let file = std::env::args().nth(1).unwrap_or_else(|| beside.to_owned());

    let caches = polycache::caches()
        .backend::<MapCache>()
        .key_function("by_tenant", |key, prefix, version| Ok(format!("tenant-7/{prefix}/{version}/{key}")))
        .file(file)
        .environment()
        .build()?;

    for alias in caches.aliases() {
        let cache = caches.get(alias)?;
        cache.set("greeting", "hello", DEFAULT_TIMEOUT)?;
        let greeting: Option<String> = cache.get("greeting")?;
        println!("{alias}: {} is {greeting:?}", cache.make_key("greeting")?);
    }
    caches.close_all()
}
