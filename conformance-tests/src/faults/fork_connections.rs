//! Tests what a forked child does to the connections and runtimes of its parent, for a backend on a server. Each test
//! belongs into a program in which nothing else is tested: see [`fork`].
//!
//! ```no_run
//! use conformance_tests::faults::fork_connections;
//! use conformance_tests::servers::Server;
//! # fn cache(server: &Server) -> cache_core::Cache { unimplemented!() }
//! # fn connections_so_far(server: &Server) -> u64 { 0 }
//!
//! // #[test]
//! fn a_child_leaves_the_connections_of_its_parent_alone() {
//!     let server = Server::redis(&[]).unwrap();
//!     fork_connections::connections(cache(&server), || connections_so_far(&server));
//! }
//! ```

use std::time::Duration;

use cache_core::{BaseCache, Cache, Error, ErrorKind};
use tokio::runtime::{Builder, Runtime};

use super::{fork, runtime};

const MINUTE: Duration = Duration::from_secs(60);

/// So long that a backend may send it on a connection of its own.
const LONG: usize = 100_000;

/// Uses `cache` in two children, drops its last handle in both, and closes it in one. The parent's connections work as
/// before, those of its async half too.
///
/// `opened` asks the server, on a new connection, how many connections it has accepted. What a child does to its
/// own connections the server sees of the parent's as well, if they are the same.
///
/// # Panics
/// If a call fails or reads another value than the parent's, and where the server has accepted another number of
/// connections than one of each child.
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
pub fn connections<B: BaseCache + ?Sized + 'static>(cache: Cache<B>, mut opened: impl FnMut() -> u64) {
    let runtime = runtime();
    let long = "x".repeat(LONG);
    let parents = |cache: &Cache<B>| {
        let fails = |what: &str, e: Error| -> ! { panic!("{what} in the parent: {e}") };
        let found = cache.get::<String>("k").unwrap_or_else(|e| fails("get", e));
        assert_eq!(found.as_deref(), Some("parent"), "get in the parent");
        runtime.block_on(async {
            let found = cache.aget::<String>("k").await.unwrap_or_else(|e| fails("aget", e));
            assert_eq!(found.as_deref(), Some("parent"), "aget in the parent");
            cache.aset("long", &long, MINUTE).await.unwrap_or_else(|e| fails("aset of a long value", e));
            let found =
                cache.aget::<String>("long").await.unwrap_or_else(|e| fails("aget of a long value", e));
            assert!(found.is_some_and(|found| found == long), "aget of a long value in the parent");
        });
    };
    cache.set("k", "parent", MINUTE).unwrap();
    parents(&cache);
    let before = opened();
    // Taken in a child, and still there in the parent.
    let mut last = Some(cache);
    for closes in [true, false] {
        let child = fork(|| {
            let cache = last.take().ok_or("no handle is left")?;
            let found = cache.get::<String>("k").map_err(|e| e.to_string())?;
            if closes {
                cache.close().map_err(|e| e.to_string())?;
            }
            drop(cache);
            Ok(found.unwrap_or_default())
        });
        let found = child.unwrap().join();
        assert_eq!(found.as_deref(), Ok("parent"), "what a child reads; it closes its handle: {closes}");
    }
    let cache = last.unwrap();
    for _ in 0..50 {
        parents(&cache);
    }
    let more = opened() - before;
    // The second question has one too.
    assert_eq!(
        more,
        2 + 1,
        "connections opened since the forks: one of each child, and one to ask for this number"
    );
}

/// Calls the async half of `cache` in a child, on runtimes of its parent, and expects an error that names the
/// cause from each call. The sync half needs no runtime and works, and so does the parent.
///
/// # Panics
/// If a call ends in another way, or not within two minutes.
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub fn runtimes<B: BaseCache + ?Sized + 'static>(cache: &Cache<B>) {
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(cache.aset("k", "v", MINUTE)).unwrap();
        let child = fork(|| {
            all_are_refused(cache, &runtime)?;
            let found = cache.get::<String>("k");
            found.map(|found| format!("{found:?}")).map_err(|e| format!("the sync half: {e}"))
        });
        assert_eq!(child.unwrap().join().as_deref(), Ok("Some(\"v\")"), "what the child says");
        assert_eq!(runtime.block_on(cache.aget::<String>("k")).unwrap().as_deref(), Some("v"), "the parent");
    }
}

fn all_are_refused<B: BaseCache + ?Sized + 'static>(
    cache: &Cache<B>,
    inherited: &Runtime,
) -> Result<(), String> {
    let long = "x".repeat(LONG);
    let calls: [(&str, Result<(), Error>); 4] = inherited.block_on(async {
        [
            ("aget", cache.aget::<String>("k").await.map(drop)),
            ("aset", cache.aset("k", "w", MINUTE).await),
            ("aset of a long value", cache.aset("k", &long, MINUTE).await),
            ("aget_many", cache.aget_many::<String, _>(["k", "l"]).await.map(drop)),
        ]
    });
    for (name, said) in calls {
        match said {
            Err(e)
                if e.kind() == ErrorKind::InvalidCacheBackend
                    && e.to_string().contains("make a runtime in the child") => {}
            other => {
                return Err(format!(
                    "{name} on a runtime from before the fork: expected InvalidCacheBackend and \"make a runtime in \
                     the child\", got {other:?}"
                ));
            }
        }
    }
    Ok(())
}
