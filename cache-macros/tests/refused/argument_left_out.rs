use cache_core::Cache;
use cache_macros::cached;

#[cached(key = "user:{id}")]
fn user(cache: &Cache, id: u64, language: &str) -> String {
    format!("{id} {language}")
}

fn main() {}
