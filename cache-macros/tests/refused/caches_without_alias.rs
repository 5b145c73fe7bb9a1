use cache_core::Caches;
use cache_macros::cached;

#[cached(key = "user:{id}")]
fn user(caches: &Caches, id: u64) -> u64 {
    id
}

fn main() {}
