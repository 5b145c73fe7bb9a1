use cache_core::Cache;
use cache_macros::cached;

struct Users {
    cache: Cache,
    tenant: String,
}

impl Users {
    #[cached(cache = self.cache, key = "user:{id}")]
    fn user(&self, id: u64) -> String {
        format!("{} {id}", self.tenant)
    }
}

fn main() {}
