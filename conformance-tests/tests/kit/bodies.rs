//! The test bodies that the kit offers fail where they should, and say what was expected.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use cache_core::{BaseCache, Cache, Error, ErrorKind, Expiry, Key, Payload, Result};
use cache_locmem::LocMemCache;
use conformance_tests::faults::extremes::{self, End, Setting};
use conformance_tests::faults::{finds_nothing, fork_calls, fork_connections, in_own_process};

const MINUTE: Duration = Duration::from_secs(60);

/// The text with which `body` panics.
fn panics(body: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(body)).unwrap_err();
    panic
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| (*panic.downcast_ref::<&str>().unwrap()).to_owned())
}

/// A map whose `set` first does something.
struct OnSet<F>(LocMemCache, F);

impl<F: Fn() -> Result<()> + Send + Sync + 'static> BaseCache for OnSet<F> {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        self.0.get(key)
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        (self.1)()?;
        self.0.set(key, value, expiry)
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.0.add(key, value, expiry)
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.0.touch(key, expiry)
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.0.delete(key)
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.0.incr(key, delta)
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.0.rename(from, to)
    }

    fn clear(&self) -> Result<()> {
        self.0.clear()
    }
}

/// Other threads of the parent call on and on meanwhile: the test must end all the same.
#[test]
fn a_child_that_says_nothing_is_told_by_its_number() {
    in_own_process("bodies::a_child_that_says_nothing_is_told_by_its_number", || {
        let parent = std::process::id();
        let ends = move || if std::process::id() == parent { Ok(()) } else { std::process::exit(0) };
        let text = panics(|| fork_calls("mine", &Cache::new(OnSet(LocMemCache::default(), ends))));
        assert!(text.contains("expected that each call works and reads its own value"), "{text}");
        assert!(text.contains("child 0: the child ended without a word"), "{text}");
    });
}

#[test]
fn a_call_that_fails_in_a_child_is_told_with_its_error() {
    in_own_process("bodies::a_call_that_fails_in_a_child_is_told_with_its_error", || {
        let parent = std::process::id();
        let fails = move || {
            if std::process::id() == parent {
                Ok(())
            } else {
                Err(Error::storage("the pipe is the parent's"))
            }
        };
        let text = panics(|| fork_calls("mine", &Cache::new(OnSet(LocMemCache::default(), fails))));
        assert!(text.contains("its children:") && text.contains("the pipe is the parent's"), "{text}");
        // A map has no runtime of its own, and works on any.
        let text = panics(|| fork_connections::runtimes(&Cache::new(LocMemCache::default())));
        assert!(
            text.contains("aget on a runtime from before the fork: expected InvalidCacheBackend"),
            "{text}"
        );
        let text = panics(|| fork_connections::connections(Cache::new(LocMemCache::default()), || 0));
        assert!(text.contains("connections opened since the forks"), "{text}");
    });
}

#[test]
fn a_call_that_ends_in_another_way_is_told() {
    let works = |_: &Path| Ok(LocMemCache::default());
    extremes::store("mine", "a map", End::Well, works);
    extremes::store("mine", "a map", End::Perhaps(ErrorKind::Storage), works);
    let text = panics(|| extremes::store("mine", "a map", End::Error(ErrorKind::Storage), works));
    assert!(text.contains("a map: expected Error(Storage), and all calls work"), "{text}");
    let fails = |_: &Path| Ok(OnSet(LocMemCache::default(), || Err(Error::rejected("not today"))));
    extremes::store("mine", "a map", End::Error(ErrorKind::Rejected), fails);
    let text = panics(|| extremes::store("mine", "a map", End::Well, fails));
    assert!(text.contains("a map: expected Well, got Rejected") && text.contains("not today"), "{text}");
    let text = panics(|| {
        extremes::stores(
            "mine",
            "own",
            move |dir, _| fails(dir),
            |setting| match setting {
                Setting::Wait(_) => End::Well,
                _ => End::Perhaps(ErrorKind::Rejected),
            },
        );
    });
    assert!(text.starts_with("own, wait 0ns, and others write"), "{text}");
}

#[test]
fn what_a_store_that_is_absent_finds_is_told() {
    let cache = Cache::new(LocMemCache::default());
    // Memory is always there.
    assert!(panics(|| finds_nothing(&cache)).contains("ping"));
    cache.set("l", &1, MINUTE).unwrap();
    assert!(panics(|| finds_nothing(&cache)).contains("get_many"));
}
