//! Async functions.

use std::future::Future;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cache_core::{Cache, DEFAULT_TIMEOUT};
use cache_macros::cached;
use futures_lite::future::{block_on, poll_fn, yield_now};

use crate::stores::{Calls, memory, on_both};

#[cached(key = "page:{slug}", timeout = 60)]
async fn page(
    cache: &Cache,
    #[cached(ignore)] calls: &Calls,
    slug: &str,
) -> Result<String, std::num::ParseIntError> {
    yield_now().await;
    let call = calls.next();
    if slug == "broken" {
        "x".parse::<u8>()?;
    }
    Ok(format!("{slug} {call}"))
}

#[test]
fn the_body_runs_once_for_each_key() {
    on_both(|cache| {
        let calls = Calls::default();
        block_on(async {
            assert_eq!(page(cache, &calls, "a").await.unwrap(), "a 1");
            assert_eq!(page(cache, &calls, "a").await.unwrap(), "a 1");
            assert_eq!(page(cache, &calls, "b").await.unwrap(), "b 2");
        });
        assert_eq!(cache.get::<String>("page:1:b").unwrap().as_deref(), Some("b 2"));
    });
}

#[test]
fn errors_are_returned_and_not_stored() {
    on_both(|cache| {
        let calls = Calls::default();
        block_on(async {
            assert!(page(cache, &calls, "broken").await.is_err());
            assert!(page(cache, &calls, "broken").await.is_err());
        });
        assert_eq!(calls.count(), 2);
        assert!(!cache.has_key(&page_key("broken")).unwrap());
    });
}

#[test]
fn the_other_functions_are_async_too() {
    on_both(|cache| {
        let calls = Calls::default();
        block_on(async {
            page(cache, &calls, "a").await.unwrap();
            assert_eq!(page_uncached(cache, &calls, "a").await.unwrap(), "a 2");
            assert_eq!(page(cache, &calls, "a").await.unwrap(), "a 1");
            assert_eq!(page_refresh(cache, &calls, "a").await.unwrap(), "a 3");
            assert_eq!(page(cache, &calls, "a").await.unwrap(), "a 3");
            page(cache, &calls, "b").await.unwrap();
            assert!(page_invalidate(cache, "a").await.unwrap());
            assert!(!page_invalidate(cache, "a").await.unwrap());
            assert_eq!(page(cache, &calls, "b").await.unwrap(), "b 4");
            assert_eq!(page(cache, &calls, "a").await.unwrap(), "a 5");
        });
    });
}

#[cached(key = "maybe:{id}", timeout = 100, none_timeout = 5, ignore(calls))]
async fn maybe(cache: &Cache, calls: &Calls, id: u64) -> Option<u64> {
    calls.next();
    (id < 10).then_some(id)
}

#[test]
fn none_is_stored_for_a_timeout_of_its_own() {
    let (cache, hands) = memory();
    let calls = Calls::default();
    block_on(async {
        for _ in 0..2 {
            assert_eq!(maybe(&cache, &calls, 1).await, Some(1));
            assert_eq!(maybe(&cache, &calls, 99).await, None);
        }
        assert_eq!(calls.count(), 2);
        hands.advance(Duration::from_secs(6));
        maybe(&cache, &calls, 1).await;
        assert_eq!(calls.count(), 2);
        maybe(&cache, &calls, 99).await;
        assert_eq!(calls.count(), 3);
    });
}

#[test]
fn of_eight_tasks_one_runs_the_body() {
    on_both(|cache| {
        let calls = Calls::default();
        let mut tasks: Vec<_> = (0..8).map(|_| Box::pin(page(cache, &calls, "a"))).collect();
        let mut values = Vec::new();
        // All are under way before the first one ends: a body yields once, and each is polled in turn.
        block_on(poll_fn(|context| {
            tasks.retain_mut(|task| match task.as_mut().poll(context) {
                Poll::Ready(value) => {
                    values.push(value.unwrap());
                    false
                }
                Poll::Pending => true,
            });
            if tasks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        }));
        assert_eq!(values, vec!["a 1"; 8]);
        assert_eq!(calls.count(), 1);
    });
}

/// What the caller gives away, the body may keep.
#[cached(key = "owned:{name}", ignore(calls))]
async fn owned(cache: Cache, calls: Arc<Calls>, name: String) -> String {
    let (cache, calls, name) = (cache, calls, name);
    drop(cache);
    format!("{name} {}", calls.next())
}

#[test]
fn arguments_may_be_owned() {
    let (cache, _) = memory();
    let calls = Arc::new(Calls::default());
    block_on(async {
        for _ in 0..2 {
            assert_eq!(owned(cache.clone(), Arc::clone(&calls), "a".into()).await, "a 1");
        }
        assert!(owned_invalidate(cache.clone(), "a".into()).await.unwrap());
        assert_eq!(owned_refresh(cache.clone(), Arc::clone(&calls), "a".into()).await, "a 2");
        assert_eq!(owned_uncached(cache.clone(), Arc::clone(&calls), "a".into()).await, "a 3");
        assert_eq!(owned(cache, calls, "a".into()).await, "a 2");
    });
}

#[test]
fn the_futures_can_go_to_other_threads() {
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    let (cache, _) = memory();
    let calls = Calls::default();
    block_on(async {
        is_send(page(&cache, &calls, "a")).await.unwrap();
        is_send(page_refresh(&cache, &calls, "a")).await.unwrap();
        is_send(page_uncached(&cache, &calls, "a")).await.unwrap();
        is_send(page_invalidate(&cache, "a")).await.unwrap();
        is_send(maybe(&cache, &calls, 1)).await.unwrap();
        is_send(maybe_refresh(&cache, &calls, 1)).await.unwrap();
    });
}

#[test]
fn a_future_that_is_dropped_stores_nothing_and_blocks_nobody() {
    on_both(|cache| {
        let calls = Calls::default();
        block_on(async {
            let mut dropped = Box::pin(page(cache, &calls, "a"));
            // Until its body has begun: an async store may need several polls.
            while calls.count() == 0 {
                let polled = poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context))).await;
                if polled.is_ready() {
                    break;
                }
                if cache.stats().misses > 0 {
                    break;
                }
                yield_now().await;
            }
            drop(dropped);
            assert!(page(cache, &calls, "a").await.unwrap().starts_with("a "));
        });
    });
}

#[test]
fn the_future_holds_the_body_once() {
    #[cached(key = "large", ignore(bytes))]
    async fn large(cache: &Cache, bytes: &[u8; 4096]) -> usize {
        let copy = *bytes;
        yield_now().await;
        copy.len()
    }
    let (cache, _) = memory();
    let bytes = [1; 4096];
    let (cached, plain) = (size_of_val(&large(&cache, &bytes)), size_of_val(&large_uncached(&cache, &bytes)));
    assert!(plain >= 4096 && cached < 2 * plain, "{cached} beside {plain} bytes");
}

#[test]
fn what_a_stranger_stored_is_found() {
    let (cache, _) = memory();
    let calls = Calls::default();
    cache.set(&page_key("a"), "from elsewhere", DEFAULT_TIMEOUT).unwrap();
    assert_eq!(block_on(page(&cache, &calls, "a")).unwrap(), "from elsewhere");
    assert_eq!(calls.count(), 0);
}
