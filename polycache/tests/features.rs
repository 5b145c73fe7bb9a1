//! What holds with any set of features: `scripts/test` runs this with all of them, with the default ones and with
//! none.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

/// A feature, whether it is switched on, and settings that need it.
const NEEDED: [(&str, bool, &str); 5] = [
    ("locmem", cfg!(feature = "locmem"), "locmem://"),
    ("file", cfg!(feature = "file"), "file:///nowhere/files"),
    ("sqlite", cfg!(feature = "sqlite"), "sqlite:///nowhere/cache.db"),
    ("memcached", cfg!(feature = "memcached"), "memcached://localhost"),
    ("redis", cfg!(feature = "redis"), "redis://localhost"),
];

#[test]
fn settings_may_name_what_is_switched_on_and_learn_the_feature_of_what_is_off() {
    for (feature, on, url) in NEEDED {
        match polycache::caches().url("default", url).build() {
            Ok(caches) => {
                assert!(on, "{url} was taken without the feature {feature}");
                caches.default_cache().unwrap();
            }
            Err(error) => {
                let error = error.to_string();
                assert!(!on && error.contains(&format!("features = [{feature:?}]")), "{url}: {error}");
            }
        }
    }
}

#[test]
fn a_codec_by_name_needs_its_features() {
    for (codec, on) in [
        ("messagepack", true),
        ("json", cfg!(feature = "json")),
        ("pickle", cfg!(feature = "pickle")),
        ("zlib-json", cfg!(all(feature = "zlib", feature = "json"))),
        ("zlib-pickle", cfg!(all(feature = "zlib", feature = "pickle"))),
    ] {
        let built = polycache::caches().url("default", format!("dummy://?codec={codec}")).build();
        assert_eq!(built.is_ok(), on, "{codec}: {built:?}");
    }
}

#[test]
fn the_page_describes_every_feature() {
    let manifest = include_str!("../Cargo.toml");
    let (_, features) = manifest.split_once("[features]").unwrap();
    let (features, _) = features.split_once("[dependencies]").unwrap();
    let features = features.lines().filter_map(|line| Some(line.split_once(" = ")?.0));
    let rows: Vec<&str> =
        include_str!("../src/lib.rs").lines().filter(|line| line.starts_with("//! | `")).collect();
    let mut described: Vec<&str> =
        rows.iter().flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2)).collect();
    let mut known: Vec<&str> = features.filter(|&feature| feature != "default").collect();
    described.sort_unstable();
    known.sort_unstable();
    assert_eq!(described, known);
}
