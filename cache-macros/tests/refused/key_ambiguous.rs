use cache_core::Cache;
use cache_macros::cached;

#[cached(key = "range:{from}{to}")]
fn touching(cache: &Cache, from: u64, to: u64) -> u64 {
    to - from
}

#[cached(key = "{id}0")]
fn digit(cache: &Cache, id: u64) -> u64 {
    id
}

fn main() {}
