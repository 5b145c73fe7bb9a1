use cache_core::Cache;
use cache_macros::cached;

#[cached(key = "user:{id}")]
fn user(cache: &Cache, #[cached(ignore)] id: u64) -> u64 {
    id
}

fn main() {}
