use cache_core::Cache;
use cache_macros::cached;

#[cached(key = "default")]
fn default<T: Default + serde::Serialize + serde::de::DeserializeOwned>(cache: &Cache) -> T {
    T::default()
}

fn main() {}
