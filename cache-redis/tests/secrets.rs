//! No password and no value in anything that is shown or logged.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use cache_core::Cache;
use cache_redis::RedisCache;
use common::{MINUTE, backend, behind_proxy, build, run, shown, to};
use conformance_tests::faults::{Log, record};
use conformance_tests::proxy::Fault;
use conformance_tests::servers::{Server, or_skip};

const PASSWORD: &str = "hunter2";
const VALUE: &str = "a very private value";

/// Calls of both halves; what their errors show.
fn errors(cache: &Cache<RedisCache>) -> String {
    let mut text = String::new();
    let mut note = |outcome: Result<(), cache_core::Error>| {
        if let Err(e) = outcome {
            text += &shown(&e);
        }
    };
    note(cache.set("k", VALUE, MINUTE));
    note(cache.get::<i64>("k").map(drop));
    note(cache.add("k", VALUE, MINUTE).map(drop));
    note(cache.incr("k").map(drop));
    note(cache.set_many([("k", VALUE)], MINUTE).map(drop));
    note(cache.get_many::<i64, _>(["k"]).map(drop));
    run(async {
        note(cache.aset("k", VALUE, MINUTE).await);
        note(cache.aget::<i64>("k").await.map(drop));
        note(cache.aadd("k", VALUE, MINUTE).await.map(drop));
        note(cache.aincr("k").await.map(drop));
        note(cache.aset_many([("k", VALUE)], MINUTE).await.map(drop));
        note(cache.aget_many::<i64, _>(["k"]).await.map(drop));
    });
    text
}

#[test]
fn nothing_shows_a_password_or_a_value() {
    let log = Log::everything();
    let Some(server) = or_skip(Server::redis(&["--requirepass", PASSWORD])) else { return };
    let Some((_plain, proxy)) = behind_proxy() else { return };
    let mut text = String::new();
    for url in [
        format!("redis://:{PASSWORD}@{}", server.address()),
        format!("redis://app:{PASSWORD}@{}", server.address()),
        // A server without passwords.
        format!("redis://default:{PASSWORD}@{}", proxy.address()),
        format!("redis://:{PASSWORD}@{}/99", server.address()),
        format!("redis://:{PASSWORD}@127.0.0.1:1"),
        format!("redis://:{PASSWORD}@no-such-host.invalid"),
        format!("unix:///no/such/socket?password={PASSWORD}"),
    ] {
        let options = to(url.as_str());
        // Some resolvers take their time to say no.
        let unknown = url.contains(".invalid");
        let options = if unknown { options.operation_timeout(Duration::from_millis(100)) } else { options };
        text += &format!("{options:?} {:?}", backend(&options));
        let cache = build(options);
        text += &errors(&cache);
        text += &format!("{cache:?}");
    }
    let cache = build(to(format!("redis://{}", proxy.address())));
    for fault in [Fault::CutReply(3), Fault::CutRequest(20), Fault::Refuse] {
        proxy.set(fault);
        text += &errors(&cache);
    }
    for url in [
        format!("redis://:{PASSWORD}@h/x"),
        PASSWORD.to_owned(),
        format!("redis://{PASSWORD}:{PASSWORD}@:1#"),
    ] {
        let options = RedisCache::builder([url]);
        text += &format!("{options:?}");
        text += &shown(&options.build().unwrap_err());
    }
    assert!(text.contains("refused AUTH") && text.contains("does not have that database"), "{text}");
    text += &log.text();
    let shown = [PASSWORD, VALUE].map(|secret| text.matches(secret).count() as u64).iter().sum();
    record(30, "redis", text.len() as u64, shown, &format!("{shown} secrets in {} bytes shown", text.len()));
    for secret in [PASSWORD, VALUE] {
        let place = text.find(secret);
        assert!(place.is_none(), "{:?}", place.map(|at| &text[at.saturating_sub(200)..at]));
    }
}
