use cache_core::Cache;
use cache_macros::cached;

struct Filter;

#[cached(key = "list:{filter}")]
fn list(cache: &Cache, filter: &Filter) -> u64 {
    1
}

fn main() {}
