//! What a subscriber hears with the feature `trace`.
//!
//! Alone in its program: with a single subscriber, tracing asks only the thread that comes to an
//! event first, and another test's thread, where nobody listens, would silence it for all.

#![cfg(feature = "trace")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use cache_core::{Cache, DEFAULT_TIMEOUT};
use cache_locmem::LocMemCache;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps the events of operations, without the times.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if !["seconds", "message"].contains(&field.name()) {
            write!(self.0, "{}={value:?} ", field.name()).unwrap();
        }
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "cache_core::operation"
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0.trim_end().to_owned());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_subscriber_hears_every_operation_and_no_key_and_no_value() {
    let listener = Listener::default();
    tracing::subscriber::with_default(listener.clone(), || {
        let cache = Cache::builder(LocMemCache::default()).name("pages").build().unwrap();
        cache.set("k", "secret", DEFAULT_TIMEOUT).unwrap();
        let _: Option<String> = cache.get("k").unwrap();
        cache.incr("k").unwrap_err();
    });
    assert_eq!(
        *listener.0.lock().unwrap(),
        [
            r#"cache="pages" operation="set""#,
            r#"cache="pages" operation="get" hits=1 misses=0"#,
            r#"cache="pages" operation="incr" error=NotAnInteger"#,
        ]
    );
}
