use cache_core::Cache;
use cache_macros::cached;

#[cached(key = "the user:{id}")]
fn user(cache: &Cache, id: u64) -> u64 {
    id
}

fn main() {}
