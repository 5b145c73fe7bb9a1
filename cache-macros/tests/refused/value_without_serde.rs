use cache_core::Cache;
use cache_macros::cached;

struct User;

#[cached(key = "user:{id}")]
fn user(cache: &Cache, id: u64) -> User {
    User
}

fn main() {}
