//! The layout by settings.

use cache_core::{Caches, Error};
use cache_file::FileCache;

use crate::{common, only_file};

fn caches(options: &str, dir: &std::path::Path) -> Result<Caches, Error> {
    let location = dir.join("cache");
    let json = format!(
        r#"{{"default": {{"backend": "file", "location": {location:?}, "options": {{{options}}}}}}}"#
    );
    Caches::builder().backend::<FileCache>().json(&json).build()
}

#[test]
fn the_layout_is_an_option() {
    let dir = common::dir();
    let cache =
        caches(r#""layout": "django", "max_inflated": 1000"#, dir.path()).unwrap().default_cache().unwrap();
    cache.set("k", &(1, "text"), cache_core::Timeout::from_secs(60)).unwrap();
    assert_eq!(cache.get::<(i32, String)>("k").unwrap(), Some((1, "text".to_owned())));
    assert!(cache.set("k", &"x".repeat(1_000), cache_core::Timeout::from_secs(60)).is_err());
    cache.set("v", &1, cache_core::Timeout::from_secs(60)).unwrap();
    let file = only_file(&dir.path().join("cache"));
    assert!(file.ends_with("f4262f196a19b50be920c61423a2dbc6.djcache"), "{}", file.display());
}

#[test]
fn what_the_layout_does_not_know_is_refused() {
    let dir = common::dir();
    for (options, said) in [
        (r#""layout": "djagno""#, "give one of \"native\", \"django\""),
        (r#""layout": 1"#, "layout"),
        (r#""max_inflated": 1000"#, "max_inflated"),
        (r#""layout": "native", "max_inflated": 1000"#, "max_inflated"),
    ] {
        let error = caches(options, dir.path()).unwrap_err().to_string();
        assert!(error.contains(said), "{options}: {error}");
    }
    caches(r#""layout": "native""#, dir.path()).unwrap();
}
