use cache_core::Cache;
use cache_macros::cached;

static CACHE: std::sync::LazyLock<Cache> = std::sync::LazyLock::new(|| todo!());

#[cached(cache = CACHE, key = "user:{id}")]
fn user(id: u64) -> u64 {
    id
}

fn main() {}
