//! Every public function that a user of the caches calls has an example, which the doctests of its crate run.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use docs_tests::{Function, Functions};

/// The types whose functions need an example, by the ends of their names: also those of a backend that is new.
const ENDS: [&str; 6] = ["Cache", "Caches", "CacheBuilder", "CachesBuilder", "BackendSettings", "CacheUrl"];

/// Functions of modules need one in this crate.
const FACADE: &str = "polycache";

/// Read once: it takes a second or two.
static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let names = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut packages: Vec<String> =
        names.filter(|name| name.starts_with("cache-") || name == FACADE).collect();
    packages.sort();
    Functions::read(&root, &packages, |package, owner| match owner {
        "" => package == FACADE,
        owner => ENDS.iter().any(|end| owner.ends_with(end)),
    })
    .unwrap()
});

#[test]
fn every_public_function_has_an_example() {
    let functions = &*FUNCTIONS;
    let without: Vec<String> =
        functions.iter().filter(|function| !function.has_example()).map(ToString::to_string).collect();
    assert!(
        without.is_empty(),
        "{} of {} public functions have no example: a code block in their doc comment that calls them, and awaits \
         them if they are async.\n{}",
        without.len(),
        functions.len(),
        without.join("\n")
    );
}

/// What is read is all there is: a type that moved or a macro that is not read would pass unseen.
#[test]
fn the_functions_of_every_type_are_read() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for function in FUNCTIONS.iter() {
        *counts.entry(function.owner.clone()).or_default() += 1;
    }
    let owners: Vec<&str> = counts.keys().map(String::as_str).collect();
    assert_eq!(
        owners,
        [
            "",
            "BackendSettings",
            "Cache",
            "CacheBuilder",
            "CacheUrl",
            "Caches",
            "CachesBuilder",
            "DatabaseCache",
            "DatabaseCacheBuilder",
            "FileCache",
            "FileCacheBuilder",
            "LocMemCache",
            "LocMemCacheBuilder",
            "MemcachedCache",
            "MemcachedCacheBuilder",
            "RedisCache",
            "RedisCacheBuilder",
        ]
    );
    assert!(counts["Cache"] > 60 && counts["CachesBuilder"] > 15, "{counts:?}");
    assert!(FUNCTIONS.iter().any(|f| f.owner == "RedisCacheBuilder" && f.name == "pool_wait"), "of a macro");
}

#[test]
fn planted_functions_without_an_example_are_found() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("planted/src")).unwrap();
    fs::write(
        folder.path().join("planted/src/lib.rs"),
        r#"
        impl A {
            /// ```
            /// a.good();
            /// ```
            pub fn good(&self) {}
            /// ```no_run
            /// assert_eq!(A::<u8>::generic::<Vec<u8>>(1)?, 1);
            /// ```
            pub fn generic<T>(&self) {}
            /// ```
            /// # run(async {
            /// assert!(a.awaited("a").await.is_ok());
            /// # });
            /// ```
            pub async fn awaited(&self, text: &str) {}

            pub fn bare(&self) {}
            /// ```
            /// a.good(); // not a.other()
            /// ```
            pub fn other(&self) {}
            /// ```
            /// # a.hidden();
            /// a.good();
            /// ```
            pub fn hidden(&self) {}
            /// ```text
            /// a.not_compiled();
            /// ```
            pub fn not_compiled(&self) {}
            /// ```
            /// let future = a.not_awaited();
            /// ```
            pub async fn not_awaited(&self) {}
            /// `a.prose()`
            pub fn prose(&self) {}

            fn private(&self) {}
            pub(crate) fn internal(&self) {}
            #[doc(hidden)]
            pub fn not_shown(&self) {}

            setters!(7, "a");
            nothing_public!(a b);
        }
        impl Clone for A {
            fn clone(&self) -> Self {}
        }
        pub fn free() {}
        macro_rules! nothing_public {
            ($($name:ident)*) => { $(pub(crate) fn $name(&self) {})* };
        }
        macro_rules! setters {
            ($number:literal, $name:literal) => {
                #[doc = concat!("Sets it to ", $number, ".\n```\n", $name, ".shown(", $number, ");\n```")]
                pub fn shown(&self) {}
                #[doc = concat!("Sets it to ", $number, ".")]
                pub const fn written(&self) {}
            };
        }
        "#,
    )
    .unwrap();
    let functions = Functions::read(folder.path(), &["planted".to_owned()], |_, _| true).unwrap();
    assert_eq!(functions.len(), 12, "{functions:?}");
    let without: Vec<String> =
        functions.iter().filter(|function| !function.has_example()).map(ToString::to_string).collect();
    assert_eq!(
        without,
        [
            "planted: A::bare",
            "planted: A::other",
            "planted: A::hidden",
            "planted: A::not_compiled",
            "planted: A::not_awaited",
            "planted: A::prose",
            "planted: A::written",
            "planted: free",
        ]
    );
}

#[test]
fn a_macro_that_cannot_be_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("planted/src")).unwrap();
    fs::write(folder.path().join("planted/src/lib.rs"), "impl A { unknown!(); }").unwrap();
    let error = Functions::read(folder.path(), &["planted".to_owned()], |_, _| true).unwrap_err();
    assert!(error.ends_with("lib.rs: unknown! in an impl: its definition was not found"), "{error}");
}
