use cache_core::Cache;
use cache_macros::cached;

trait Users {
    fn user(&self, cache: &Cache, id: u64) -> u64;
}

struct Database;

impl Users for Database {
    #[cached(key = "user:{id}", ignore(self))]
    fn user(&self, cache: &Cache, id: u64) -> u64 {
        id
    }
}

fn main() {}
