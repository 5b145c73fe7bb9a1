//! The recipes of docs/recipes do what their pages say. Their code is the pages' own: see `build.rs`.

#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(missing_docs, unreachable_pub, clippy::unused_async, reason = "the code of pages")]

use std::time::Duration;

use polycache::{Cache, Clock, LocMemCache, ManualClock, Stats};

include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

fn cache() -> (Cache, ManualClock) {
    let (clock, hands) = Clock::manual();
    (Cache::new(LocMemCache::builder().clock(clock).build().unwrap()).erase(), hands)
}

fn computed(cache: &Cache) -> u64 {
    let Stats { computed, .. } = cache.stats();
    computed
}

#[tokio::test]
async fn a_rate_limiter_counts_to_its_limit_in_each_window() {
    use rate_limiter_1::{LIMIT, WINDOW, allowed};
    let (cache, hands) = cache();
    for _ in 0..LIMIT {
        assert!(allowed(&cache, "a").await.unwrap());
    }
    assert!(!allowed(&cache, "a").await.unwrap());
    assert!(allowed(&cache, "b").await.unwrap());
    hands.advance(WINDOW);
    assert!(allowed(&cache, "a").await.unwrap());
}

#[tokio::test]
async fn a_session_ends_half_an_hour_after_its_last_use() {
    use sessions_1::{IDLE, Session, create, load, log_out};
    let (cache, hands) = cache();
    let session = Session { user: 1, theme: "dark".into() };
    assert!(create(&cache, "id", &session).await.unwrap());
    assert!(!create(&cache, "id", &session).await.unwrap());
    for _ in 0..3 {
        hands.advance(IDLE - Duration::from_secs(1));
        assert_eq!(load(&cache, "id").await.unwrap().map(|session| session.user), Some(1));
    }
    hands.advance(IDLE);
    assert!(load(&cache, "id").await.unwrap().is_none());

    create(&cache, "id", &session).await.unwrap();
    log_out(&cache, "id").await.unwrap();
    assert!(load(&cache, "id").await.unwrap().is_none());
}

#[test]
fn what_does_not_exist_is_remembered_too() {
    let (cache, hands) = cache();
    for _ in 0..2 {
        assert_eq!(negative_caching_1::email(&cache, 2).unwrap(), None);
        assert!(negative_caching_1::email(&cache, 1).unwrap().is_some());
    }
    assert_eq!(computed(&cache), 2);

    cache.clear().unwrap();
    let both =
        || (1..=2).map(|user| negative_caching_2::email(&cache, user).unwrap().is_some()).collect::<Vec<_>>();
    assert_eq!(both(), [true, false]);
    assert_eq!(both(), [true, false]);
    hands.advance(Duration::from_secs(10));
    assert!(cache.has_key("email:1").unwrap() && !cache.has_key("email:2").unwrap());
}

#[test]
fn what_is_invalidated_is_computed_again() {
    let (cache, _) = cache();
    cache.set("user:1", "Ada", None).unwrap();
    invalidation_1::rename(&cache, 1, "Grace").unwrap();
    assert!(!cache.has_key("user:1").unwrap());

    let product = |shop| invalidation_2::product(&cache, shop, 1).unwrap();
    assert_eq!((product(1), product(2)), (product(1), product(2)));
    let before = computed(&cache);
    invalidation_2::prices_changed(&cache, 1).unwrap();
    assert_eq!((product(1), product(2)), (product(1), product(2)));
    assert_eq!(computed(&cache) - before, 1, "the product of that shop alone is computed again");
}

#[tokio::test]
async fn a_local_cache_asks_the_shared_one_once() {
    let ((shared, _), (local, _)) = (cache(), cache());
    shared.set("flag:dark", &true, None).unwrap();
    let stores = two_caches_1::Stores { shared, local };
    for _ in 0..3 {
        assert!(two_caches_1::flag(&stores, "dark").await.unwrap());
    }
    assert_eq!(stores.shared.stats().hits, 1);
}

#[test]
fn a_counter_ends_a_day_after_it_began() {
    use counters_1::{DAY, count_view, views};
    let (cache, hands) = cache();
    assert_eq!((count_view(&cache, "a").unwrap(), count_view(&cache, "a").unwrap()), (1, 2));
    hands.advance(DAY - Duration::from_secs(1));
    assert_eq!(count_view(&cache, "a").unwrap(), 3);
    assert_eq!(views(&cache, &["b", "a"]).unwrap(), [0, 3]);
    hands.advance(Duration::from_secs(1));
    assert_eq!(count_view(&cache, "a").unwrap(), 1);
}

#[tokio::test]
async fn a_memoised_function_computes_once_for_each_key() {
    let (cache, _) = cache();
    for (to, kilometres) in [(5, 4), (5, 4), (3, 2)] {
        assert_eq!(memoising_1::route(&cache, 1, to).await.unwrap().kilometres, kilometres);
    }
    assert_eq!(computed(&cache), 2);
}

#[tokio::test]
async fn a_lock_keeps_others_out_and_is_given_back() {
    let (cache, _) = cache();
    one_at_a_time_1::nightly(&cache, "a").await.unwrap();
    assert!(!cache.has_key("lock:nightly").unwrap());
    cache.add("lock:nightly", "b", None).unwrap();
    one_at_a_time_1::nightly(&cache, "a").await.unwrap();
    assert_eq!(cache.get::<String>("lock:nightly").unwrap().as_deref(), Some("b"));
}
