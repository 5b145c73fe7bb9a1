//! The limits that a Redis server has of its own: the longest value, the longest request, the largest reply.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use cache_core::{Cache, Error, ErrorKind};
use cache_redis::RedisCache;
use common::{MINUTE, build, cache, inline, redis, runtime, shown, to};
use conformance_tests::servers::{Server, or_skip};

const TOO_LARGE: usize = 2 << 20;

fn small_values() -> Option<Server> {
    or_skip(Server::redis(&["--proto-max-bulk-len", "1mb"]))
}

/// What a set of a value that is too large comes to: the error, and the old value is gone.
fn is_refused(cache: &Cache<RedisCache>, key: &str, outcome: Result<(), Error>) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ValueTooLarge, "{error}");
    assert_eq!(error.key(), Some(&*format!(":1:{key}")));
    assert!(error.to_string().contains("proto-max-bulk-len"), "{error}");
    assert!(!shown(&error).contains("xxxx"));
    assert!(!cache.has_key(key).unwrap(), "the old value is still there");
}

#[test]
fn a_value_beyond_the_servers_limit_is_too_large() {
    let Some(server) = small_values() else { return };
    let cache = cache(server.address());
    let runtime = runtime();
    for size in [TOO_LARGE, 1_050_000, 40 << 20] {
        let large = "x".repeat(size);
        cache.set("k", "old", MINUTE).unwrap();
        is_refused(&cache, "k", cache.set("k", &large, MINUTE));
        cache.set("k", "old", MINUTE).unwrap();
        is_refused(&cache, "k", runtime.block_on(cache.aset("k", &large, MINUTE)));
        is_refused(&cache, "new", cache.add("new", &large, MINUTE).map(drop));
        is_refused(&cache, "new", runtime.block_on(cache.aadd("new", &large, MINUTE)).map(drop));
        // Later calls are unaffected, including ones that must not be sent twice.
        assert_eq!(cache.get::<String>("k").unwrap(), None);
        cache.set("n", &1, MINUTE).unwrap();
        assert!(cache.set("k", &large, MINUTE).is_err());
        assert_eq!(cache.incr("n").unwrap(), 2);
        assert!(runtime.block_on(cache.aset("k", &large, MINUTE)).is_err());
        assert_eq!(runtime.block_on(cache.aincr("n")).unwrap(), 3);
    }
    // Right up to it is stored.
    let fits = "x".repeat(1_000_000);
    cache.set("k", &fits, MINUTE).unwrap();
    assert_eq!(runtime.block_on(cache.aget::<String>("k")).unwrap(), Some(fits));
}

#[test]
fn set_many_returns_the_keys_that_are_too_large_and_stores_the_others() {
    let Some(server) = small_values() else { return };
    let cache = cache(server.address());
    let runtime = runtime();
    many(&cache, &runtime);
}

fn many(cache: &Cache<RedisCache>, runtime: &tokio::runtime::Runtime) {
    let large = "x".repeat(TOO_LARGE);
    let keys: Vec<String> = (0..9).map(|n| format!("k{n}")).collect();
    for too_large in [vec![0], vec![4], vec![8], vec![1, 2, 7], (0..9).collect()] {
        for is_async in [false, true] {
            cache.set_many(keys.iter().map(|key| (key, "old")), MINUTE).unwrap();
            let value = |n: usize| if too_large.contains(&n) { large.as_str() } else { "new" };
            let entries = keys.iter().enumerate().map(|(n, key)| (key, value(n)));
            let refused = if is_async {
                runtime.block_on(cache.aset_many(entries, MINUTE)).unwrap()
            } else {
                cache.set_many(entries, MINUTE).unwrap()
            };
            let mut refused: Vec<String> = refused.into_iter().map(|key| key.to_string()).collect();
            refused.sort();
            let expected: Vec<String> = too_large.iter().map(|&n| keys[n].clone()).collect();
            assert_eq!(refused, expected);
            let found = cache.get_many::<String, _>(&keys).unwrap();
            assert!(found.iter().all(|(_, value)| value == "new"), "{found:?}");
            assert_eq!(found.len(), 9 - too_large.len());
        }
    }
}

/// The server closes the connection without a word, and nobody can tell what it was.
#[test]
fn a_request_beyond_the_servers_buffer_names_the_setting() {
    let Some(server) = redis() else { return };
    inline(server.address(), "CONFIG SET client-query-buffer-limit 1mb", "OK");
    let cache = cache(server.address());
    let runtime = runtime();
    let large = "x".repeat(8 << 20);
    cache.set("k", "old", MINUTE).unwrap();
    for error in [
        cache.set("k", &large, MINUTE).unwrap_err(),
        runtime.block_on(cache.aset("k", &large, MINUTE)).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("client-query-buffer-limit"), "{error}");
    }
    cache.set("k", "new", MINUTE).unwrap();
}

/// The same of a reply.
#[test]
fn a_reply_beyond_the_servers_buffer_names_the_setting() {
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    let runtime = runtime();
    let keys: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
    let large = "x".repeat(1 << 20);
    cache.set_many(keys.iter().map(|key| (key, &large)), MINUTE).unwrap();
    inline(server.address(), "CONFIG SET client-output-buffer-limit \"normal 1mb 1mb 0\"", "OK");
    for error in [
        cache.get_many::<String, _>(&keys).unwrap_err(),
        runtime.block_on(cache.aget_many::<String, _>(&keys)).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("client-output-buffer-limit"), "{error}");
    }
    assert_eq!(cache.get::<String>("absent").unwrap(), None);
}

#[cfg(feature = "cluster")]
#[test]
fn a_cluster_has_the_same_limit() {
    let Some(server) = or_skip(Server::redis(&["--cluster-enabled", "yes", "--proto-max-bulk-len", "1mb"]))
    else {
        return;
    };
    inline(server.address(), "CLUSTER ADDSLOTSRANGE 0 16383", "OK");
    let begun = std::time::Instant::now();
    while !inline(server.address(), "CLUSTER INFO", "total_cluster_links").contains("cluster_state:ok") {
        assert!(begun.elapsed().as_secs() < 20);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let cache = build(to(format!("redis://{}", server.address())).cluster());
    let runtime = runtime();
    cache.set("k", "old", MINUTE).unwrap();
    is_refused(&cache, "k", cache.set("k", &"x".repeat(TOO_LARGE), MINUTE));
    many(&cache, &runtime);
}
