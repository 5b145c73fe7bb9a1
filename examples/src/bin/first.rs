use std::time::Duration;

use polycache::{DEFAULT_TIMEOUT, Timeout};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct User {
    name: String,
}

fn main() -> Result<(), polycache::Error> {
    // Memory, unless the environment names another store.
    let caches = polycache::caches().url("default", "locmem://").environment().build()?;
    let cache = caches.default_cache()?;

    cache.set("user:1", &User { name: "Ada".into() }, Duration::from_secs(300))?;
    let user: Option<User> = cache.get("user:1")?;
    assert_eq!(user.unwrap().name, "Ada");

    // On a miss one caller computes, however many ask at once.
    let answer = cache.get_or_set("answer", DEFAULT_TIMEOUT, || 6 * 7)?;
    assert_eq!(answer, 42);

    cache.set("views", &0, Timeout::Never)?;
    assert_eq!(cache.incr("views")?, 1);

    // Another version is another namespace.
    assert_eq!(cache.with_version(2).get::<i64>("views")?, None);
    Ok(())
}
