use cache_core::Cache;
use cache_macros::cached;

#[cached(timeout = 60)]
fn user(cache: &Cache, #[cached(ignore)] db: &str, id: u64, language: &str) -> u64 {
    id
}

fn main() {}
