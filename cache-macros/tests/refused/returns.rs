use cache_core::Cache;
use cache_macros::cached;

#[cached(key = "nothing")]
fn nothing(cache: &Cache) {}

#[cached(key = "reference")]
fn reference<'a>(cache: &'a Cache) -> &'a str {
    "a"
}

#[cached(key = "future")]
fn future(cache: &Cache) -> impl Future<Output = u64> {
    async { 1 }
}

#[cached(key = "boxed")]
fn boxed(cache: &Cache) -> std::pin::Pin<Box<dyn Future<Output = u64>>> {
    Box::pin(async { 1 })
}

#[cached(key = "opaque")]
fn opaque(cache: &Cache) -> impl Clone {
    1
}

fn main() {}
