use cache_core::Caches;
use cache_macros::cached;

#[cached(cache = caches.get("default")?, key = "user:{id}")]
fn user(caches: &Caches, id: u64) -> u64 {
    id
}

fn main() {}
