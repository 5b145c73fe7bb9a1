use cache_core::Cache;
use cache_macros::cached;

#[cached(key = "user:{uid}", ignore(id))]
fn user(cache: &Cache, id: u64) -> u64 {
    id
}

fn main() {}
