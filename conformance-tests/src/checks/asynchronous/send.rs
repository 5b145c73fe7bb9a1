//! Checks that each async call is `Send` and `'static`, as `tokio::spawn` takes it.

use std::future::Future;

use cache_core::{BaseCache, Cache};

use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::{Outcome, Stop};

/// Compiles only if the future can move between threads and outlive this function.
fn send_and_static<F: Future + Send + 'static>(future: F) {
    drop(future);
}

/// Compiles only if the type can be shared between threads.
const fn send_and_sync<T: Send + Sync + 'static + ?Sized>() {}

/// A future of each async method, in an async block that owns what it needs: what `tokio::spawn`
/// takes.
macro_rules! all_send_and_static {
    ($cache:expr, |$name:ident| $($call:expr),* $(,)?) => {$({
        let $name = $cache.clone();
        send_and_static(async move { $call.await.map(drop) });
    })*};
}

fn every_method<B: BaseCache + ?Sized>(cache: &Cache<B>) {
    send_and_sync::<Cache<B>>();
    all_send_and_static!(
        cache,
        |cache| cache.aget::<String>("k"),
        cache.aget_or("k", 1),
        cache.aget_bytes("k"),
        cache.aset("k", "value", LONG),
        cache.aset("k", &vec![1], LONG),
        cache.aset_bytes("k", "value", LONG),
        cache.aadd("k", &1, LONG),
        cache.atouch("k", LONG),
        cache.adelete("k"),
        cache.ahas_key("k"),
        cache.aincr("k"),
        cache.adecr("k"),
        cache.aincr_version("k"),
        cache.adecr_version("k"),
        cache.aget_many::<i64, _>(["k"]),
        cache.aget_many::<i64, _>(vec!["k".to_owned()]),
        cache.aset_many([("k", 1)], LONG),
        cache.adelete_many(["k"]),
        cache.aclear(),
        cache.aclose(),
        cache.aget_or_set("k", LONG, || async { 1 }),
        cache.try_aget_or_set("k", LONG, || async { Ok::<_, cache_core::Error>(1) }),
    );
}

pub(super) async fn send_static(t: &TestContext) -> Outcome {
    let cache = t.cache().cache;
    every_method(&cache);
    send_and_sync::<cache_core::Error>();
    send_and_sync::<dyn BaseCache>();
    // And on another thread it runs.
    let spawned = tokio::spawn(async move {
        cache.aset("k", &1, LONG).await?;
        cache.aget::<i64>("k").await
    });
    let value = spawned.await.map_err(Stop::broken)??;
    let expected = t.capabilities().stores.then_some(1);
    ensure_eq!(value, expected, "a spawned call");
    Ok(())
}
