use cache_macros::cached;

#[cached(cache = db, key = "user:{id}")]
fn user(db: &String, id: u64) -> u64 {
    id
}

fn main() {}
