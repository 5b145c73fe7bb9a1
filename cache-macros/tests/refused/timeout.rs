use cache_core::Cache;
use cache_macros::cached;

const MINUTE: u64 = 60;

#[cached(key = "text", timeout = "5m")]
fn text(cache: &Cache) -> u64 {
    1
}

#[cached(key = "zero", timeout = 0)]
fn zero(cache: &Cache) -> u64 {
    1
}

#[cached(key = "negative", timeout = -1)]
fn negative(cache: &Cache) -> u64 {
    1
}

#[cached(key = "number", timeout = MINUTE)]
fn number(cache: &Cache) -> u64 {
    1
}

fn main() {}
