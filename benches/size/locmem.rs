//! A program that caches in memory and nothing else, for its size: see scripts/build-costs.

use std::time::Duration;

use cache_core::Cache;
use cache_locmem::LocMemCache;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct User {
    name: String,
    age: u8,
}

fn main() -> Result<(), cache_core::Error> {
    let cache = Cache::new(LocMemCache::default());
    cache.set("user:1", &User { name: "Ada".to_owned(), age: 36 }, Duration::from_secs(300))?;
    if let Some(user) = cache.get::<User>("user:1")? {
        println!("{} is {}", user.name, user.age);
    }
    Ok(())
}
