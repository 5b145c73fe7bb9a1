use cache_core::Cache;
use cache_macros::cached;

#[cached(key = "user:{id")]
fn unclosed(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "user:id}")]
fn unopened(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "user:{}")]
fn unnamed(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "user:{id:?}")]
fn formatted(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "user:{id + 1}")]
fn computed(cache: &Cache, id: u64) -> u64 {
    id
}

#[cached(key = "")]
fn empty(cache: &Cache) -> u64 {
    1
}

#[cached(key = 7)]
fn number(cache: &Cache) -> u64 {
    1
}

fn main() {}
