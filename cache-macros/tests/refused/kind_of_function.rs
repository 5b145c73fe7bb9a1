use cache_core::Cache;
use cache_macros::cached;

#[cached(key = "const")]
const fn constant(cache: &Cache) -> u64 {
    1
}

#[cached(key = "unsafe")]
unsafe fn dangerous(cache: &Cache) -> u64 {
    1
}

#[cached(key = "extern")]
extern "C" fn foreign(cache: &Cache) -> u64 {
    1
}

#[cached(key = "static")]
fn counted(cache: &Cache) -> u64 {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    COUNT.load(std::sync::atomic::Ordering::Relaxed)
}

#[cached(key = "struct")]
struct User;

fn main() {}
