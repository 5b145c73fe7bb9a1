//! What every store is proved of that a Rust service and a Django application share: what one side
//! does the other sees. [`interop_tests!`] makes the tests of a store.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it counted"
)]

mod counting;
mod json;
mod keys;
mod migration;
mod operations;
mod stores;
mod values;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{BaseCache, Cache, CacheBuilder, Codec};
use conformance_tests::servers::{Server, or_skip};
use django_tests::{Bridge, BridgeError, python};
use serde_json::{Value as Json, json};

/// A request of Django may wait for this long, on a busy machine too.
const TIMEOUT: Duration = Duration::from_secs(60);

/// One store, and both sides on it.
pub(crate) struct Pair {
    /// The store's name in what is printed.
    pub(crate) name: &'static str,
    pub(crate) rust: Cache<dyn BaseCache>,
    pub(crate) django: Bridge,
    /// What a key may not have on this store.
    pub(crate) blanks: bool,
    /// No increment is lost when both sides count at once.
    pub(crate) counts: bool,
    /// Servers and directories, which go after their users.
    _held: Box<dyn Any + Send + Sync>,
}

impl Pair {
    /// Django's cache of `settings`, an entry of its `CACHES`, and `backend` with the codec, both with a
    /// prefix. `None` if Django is not installed.
    pub(crate) fn new(
        name: &'static str,
        held: impl Any + Send + Sync,
        backend: impl BaseCache,
        codec: impl Codec + 'static,
        mut settings: Json,
    ) -> Option<Self> {
        settings["KEY_PREFIX"] = "shared".into();
        let python = python::or_skip()?;
        let builder = CacheBuilder::from_arc(Arc::new(backend) as Arc<dyn BaseCache>);
        Some(Self {
            name,
            rust: builder.key_prefix("shared").codec(codec).build().unwrap(),
            django: Bridge::new(&python, &json!({ "default": settings }), TIMEOUT),
            blanks: true,
            counts: true,
            _held: Box::new(held),
        })
    }

    /// Keys with blanks are refused here.
    pub(crate) fn without_blanks(self) -> Self {
        Self { blanks: false, ..self }
    }

    /// Django's part of counting is a get and a set here.
    pub(crate) fn without_counting(self) -> Self {
        Self { counts: false, ..self }
    }

    /// The result of Django's operation, which must succeed.
    pub(crate) fn django(&self, op: &str, request: Json) -> Json {
        self.try_django(op, request).unwrap_or_else(|e| panic!("{}: Django's {op}: {e:?}", self.name))
    }

    pub(crate) fn try_django(&self, op: &str, mut request: Json) -> Result<Json, BridgeError> {
        request["op"] = op.into();
        self.django.call(&request)
    }

    /// Django's integer, text or nothing of this key.
    pub(crate) fn django_get(&self, request: Json) -> Json {
        let mut request = request;
        request["as_json"] = true.into();
        match self.django("get", request)["json"].as_str() {
            Some(text) => serde_json::from_str(text).unwrap(),
            None => Json::Null,
        }
    }
}

/// Servers, or the reason why there are none.
pub(crate) fn servers(count: usize, start: fn() -> std::io::Result<Server>) -> Option<Vec<Server>> {
    (0..count).map(|_| or_skip(start())).collect()
}

/// The tests of a store where both sides pickle: `$pair` is a function to an `Option<Pair>`.
macro_rules! interop_tests {
    ($pair:path, by_django: $by_django:expr, by_rust: $by_rust:expr) => {
        #[test]
        fn values_by_django_are_read() {
            let Some(pair) = $pair() else { return };
            crate::values::by_django(&pair, &$by_django);
        }

        #[test]
        fn values_by_rust_are_read() {
            let Some(pair) = $pair() else { return };
            crate::values::by_rust(&pair, &$by_rust);
        }

        interop_tests!(common $pair);
    };
    (json $pair:path, refused: $refused:expr, not_equal: $not_equal:expr) => {
        #[test]
        fn values_cross_as_json() {
            let Some(pair) = $pair() else { return };
            crate::json::both_ways(&pair, &$refused, &$not_equal);
        }

        interop_tests!(common $pair);
    };
    (common $pair:path) => {
        #[test]
        fn keys_cross() {
            let Some(pair) = $pair() else { return };
            crate::keys::both_ways(&pair);
        }

        #[test]
        fn what_django_does_rust_sees() {
            let Some(pair) = $pair() else { return };
            crate::operations::by_django(&pair);
        }

        #[test]
        fn what_rust_does_django_sees() {
            let Some(pair) = $pair() else { return };
            crate::operations::by_rust(&pair);
        }

        #[test]
        fn lifetimes_are_seen_on_both_sides() {
            let Some(pair) = $pair() else { return };
            crate::operations::lifetimes(&pair);
        }

        #[test]
        fn both_sides_count_at_once() {
            let Some(pair) = $pair() else { return };
            crate::counting::at_once(&pair);
        }
    };
}
pub(crate) use interop_tests;
