use cache_core::Cache;
use cache_macros::cached;

#[cached(key = "user:{id}", freshness = HOT)]
fn fresh(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "user:{id}", tags("users"))]
fn tagged(cache: &Cache, id: u64) -> u64 {
    id
}

fn main() {}
