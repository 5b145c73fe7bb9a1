use cache_core::Cache;
use cache_macros::cached;

#[cached(key = "user:{id}", none_timeout = 5)]
fn user(cache: &Cache, id: u64) -> u64 {
    id
}

fn main() {}
