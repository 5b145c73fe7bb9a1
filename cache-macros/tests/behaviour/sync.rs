//! Sync functions.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use cache_core::{Cache, DEFAULT_TIMEOUT, ErrorKind, Timeout};
use cache_macros::cached;

use crate::stores::{Calls, memory, on_both};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct User {
    id: u64,
    call: usize,
}

/// Finds a user.
#[cached(key = "user:{id}", timeout = 60)]
fn user(cache: &Cache, #[cached(ignore)] calls: &Calls, id: u64) -> User {
    User { id, call: calls.next() }
}

#[test]
fn the_body_runs_once_for_each_key() {
    on_both(|cache| {
        let calls = Calls::default();
        assert_eq!(user(cache, &calls, 1), User { id: 1, call: 1 });
        assert_eq!(user(cache, &calls, 1), User { id: 1, call: 1 });
        assert_eq!(user(cache, &calls, 2), User { id: 2, call: 2 });
        assert_eq!(calls.count(), 2);
        assert_eq!(
            cache.get::<User>("user:2").unwrap(),
            Some(User { id: 2, call: 2 }),
            "under the plain key"
        );
    });
}

#[test]
fn uncached_neither_reads_nor_writes() {
    on_both(|cache| {
        let calls = Calls::default();
        user(cache, &calls, 1);
        assert_eq!(user_uncached(cache, &calls, 1).call, 2);
        assert_eq!(user(cache, &calls, 1).call, 1);
        assert_eq!(user_uncached(cache, &calls, 2).call, 3);
        assert!(!cache.has_key("user:2").unwrap());
    });
}

#[test]
fn invalidate_removes_this_entry_and_no_other() {
    on_both(|cache| {
        let calls = Calls::default();
        user(cache, &calls, 1);
        user(cache, &calls, 2);
        assert!(user_invalidate(cache, 1).unwrap());
        assert!(!user_invalidate(cache, 1).unwrap());
        assert_eq!(user(cache, &calls, 2).call, 2, "the other entry stays");
        assert_eq!(user(cache, &calls, 1).call, 3);
    });
}

#[test]
fn refresh_replaces_what_the_function_finds() {
    on_both(|cache| {
        let calls = Calls::default();
        user(cache, &calls, 1);
        assert_eq!(user_refresh(cache, &calls, 1).call, 2);
        assert_eq!(user(cache, &calls, 1).call, 2);
        assert_eq!(calls.count(), 2);
    });
}

#[test]
fn a_value_lives_as_long_as_its_timeout_also_after_a_refresh() {
    let (cache, hands) = memory();
    let calls = Calls::default();
    user(&cache, &calls, 1);
    hands.advance(Duration::from_secs(59));
    assert_eq!(user(&cache, &calls, 1).call, 1);
    hands.advance(Duration::from_secs(2));
    assert_eq!(user(&cache, &calls, 1).call, 2);
    hands.advance(Duration::from_secs(50));
    user_refresh(&cache, &calls, 1);
    hands.advance(Duration::from_secs(59));
    assert_eq!(user(&cache, &calls, 1).call, 3);
    hands.advance(Duration::from_secs(2));
    assert_eq!(user(&cache, &calls, 1).call, 4);
}

#[derive(Debug, PartialEq)]
enum Failure {
    Odd(usize),
}

type Answer<T> = std::result::Result<T, Failure>;

#[cached(key = "even:{number}", timeout = 60, ignore(calls))]
fn even(cache: &Cache, calls: &Calls, number: u64) -> Answer<u64> {
    let call = calls.next();
    if number % 2 == 1 && call < 3 {
        return Err(Failure::Odd(call));
    }
    Ok(number)
}

#[test]
fn errors_are_returned_and_not_stored() {
    on_both(|cache| {
        let calls = Calls::default();
        assert_eq!(even(cache, &calls, 1), Err(Failure::Odd(1)));
        assert_eq!(even(cache, &calls, 1), Err(Failure::Odd(2)));
        assert_eq!(even(cache, &calls, 1), Ok(1));
        assert_eq!(even(cache, &calls, 1), Ok(1));
        assert_eq!(calls.count(), 3);
        assert_eq!(cache.get::<u64>("even:1").unwrap(), Some(1), "the value, not the result around it");
    });
}

#[test]
fn a_refresh_that_fails_leaves_the_older_value() {
    on_both(|cache| {
        let calls = Calls::default();
        cache.set("even:1", &7, DEFAULT_TIMEOUT).unwrap();
        assert_eq!(even_refresh(cache, &calls, 1), Err(Failure::Odd(1)));
        assert_eq!(even(cache, &calls, 1), Ok(7));
    });
}

/// An error that could be stored: a `Result` under another name is one all the same.
type Storable = std::result::Result<u64, String>;

#[cached(key = "storable", ignore(calls))]
fn storable(cache: &Cache, calls: &Calls) -> Storable {
    match calls.next() {
        1 => Err("not yet".to_owned()),
        call => Ok(call as u64),
    }
}

#[test]
fn an_error_that_could_be_stored_is_not() {
    on_both(|cache| {
        let calls = Calls::default();
        assert_eq!(storable(cache, &calls), Err("not yet".to_owned()));
        assert_eq!(storable(cache, &calls), Ok(2));
        assert_eq!(storable(cache, &calls), Ok(2));
    });
}

#[cached(key = "maybe:{id}", timeout = 100, none_timeout = 5)]
fn maybe(cache: &Cache, #[cached(ignore)] calls: &Calls, id: u64) -> Option<u64> {
    calls.next();
    (id < 10).then_some(id)
}

#[cached(key = "perhaps:{id}", timeout = 100, none_timeout = Duration::from_secs(5), ignore(calls))]
fn perhaps(cache: &Cache, calls: &Calls, id: u64) -> Result<Option<u64>, String> {
    calls.next();
    Ok((id < 10).then_some(id))
}

#[cached(key = "never:{id}", none_timeout = 0, ignore(calls))]
fn never_none(cache: &Cache, calls: &Calls, id: u64) -> Option<u64> {
    calls.next();
    (id < 10).then_some(id)
}

#[test]
fn none_is_a_value() {
    on_both(|cache| {
        let calls = Calls::default();
        assert_eq!((maybe(cache, &calls, 99), maybe(cache, &calls, 99)), (None, None));
        assert_eq!(calls.count(), 1);
        assert_eq!(cache.get::<Option<u64>>("maybe:99").unwrap(), Some(None));
        assert_eq!((perhaps(cache, &calls, 99), perhaps(cache, &calls, 99)), (Ok(None), Ok(None)));
        assert_eq!(calls.count(), 2);
    });
}

#[test]
fn none_has_a_timeout_of_its_own() {
    let (cache, hands) = memory();
    let calls = Calls::default();
    for id in [1, 99] {
        maybe(&cache, &calls, id);
        perhaps(&cache, &calls, id).unwrap();
    }
    assert_eq!(calls.count(), 4);
    hands.advance(Duration::from_secs(6));
    maybe(&cache, &calls, 1);
    perhaps(&cache, &calls, 1).unwrap();
    assert_eq!(calls.count(), 4, "a value has the other timeout");
    maybe(&cache, &calls, 99);
    perhaps(&cache, &calls, 99).unwrap();
    assert_eq!(calls.count(), 6);
    maybe_refresh(&cache, &calls, 99);
    hands.advance(Duration::from_secs(6));
    maybe(&cache, &calls, 99);
    assert_eq!(calls.count(), 8, "after a refresh, too");
}

#[test]
fn none_with_a_timeout_of_zero_is_not_stored() {
    on_both(|cache| {
        let calls = Calls::default();
        never_none(cache, &calls, 99);
        never_none(cache, &calls, 99);
        assert_eq!(calls.count(), 2);
        never_none(cache, &calls, 1);
        never_none(cache, &calls, 1);
        assert_eq!(calls.count(), 3);
    });
}

#[cached(key = "slow", ignore(calls, gate))]
fn slow(cache: &Cache, calls: &Calls, gate: &Barrier) -> usize {
    // The first caller is here: the others may come.
    gate.wait();
    thread::sleep(Duration::from_millis(50));
    calls.next()
}

#[test]
fn of_eight_threads_one_runs_the_body() {
    on_both(|cache| {
        let (calls, gate) = (Calls::default(), Barrier::new(8));
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(slow(cache, &calls, &gate), 1));
            for _ in 1..8 {
                scope.spawn(|| {
                    gate.wait();
                    assert_eq!(slow(cache, &calls, &gate), 1);
                });
            }
        });
        assert_eq!(calls.count(), 1);
    });
}

#[test]
fn an_invalidation_during_the_computation_keeps_its_value_out() {
    #[cached(key = "during", ignore(after))]
    fn during(cache: &Cache, after: impl FnOnce()) -> u64 {
        after();
        1
    }
    on_both(|cache| {
        let value = during(cache, || assert!(!during_invalidate(cache).unwrap()));
        assert_eq!(value, 1);
        assert!(!cache.has_key("during").unwrap());
    });
}

#[cached(key = "versioned", version = 2)]
fn versioned(cache: &Cache) -> u64 {
    7
}

#[test]
fn a_version_is_the_caches() {
    on_both(|cache| {
        cache.set("versioned", &1, DEFAULT_TIMEOUT).unwrap();
        assert_eq!(versioned(cache), 7);
        assert_eq!(cache.with_version(2).get::<u64>("versioned").unwrap(), Some(7));
        assert_eq!(cache.get::<u64>("versioned").unwrap(), Some(1));
        assert!(versioned_invalidate(cache).unwrap());
        assert_eq!(cache.with_version(2).get::<u64>("versioned").unwrap(), None);
        versioned_refresh(cache);
        assert_eq!(cache.with_version(2).get::<u64>("versioned").unwrap(), Some(7));
        assert_eq!(cache.get::<u64>("versioned").unwrap(), Some(1));
    });
}

/// The lifetime of what [`by_expression`] stores.
const HALF_A_MINUTE: Timeout = Timeout::After(Duration::from_secs(30));

#[cached(key = "expression", timeout = HALF_A_MINUTE, ignore(calls))]
fn by_expression(cache: &Cache, calls: &Calls) -> usize {
    calls.next()
}

#[cached(key = "fraction", timeout = 0.25, ignore(calls))]
fn by_fraction(cache: &Cache, calls: &Calls) -> usize {
    calls.next()
}

#[cached(key = "default", ignore(calls))]
fn by_default(cache: &Cache, calls: &Calls) -> usize {
    calls.next()
}

#[test]
fn timeouts_are_seconds_fractions_expressions_or_the_caches() {
    for (function, seconds) in
        [(by_expression as fn(&Cache, &Calls) -> usize, 30.0), (by_fraction, 0.25), (by_default, 300.0)]
    {
        let (cache, hands) = memory();
        let calls = Calls::default();
        function(&cache, &calls);
        hands.advance(Duration::from_secs_f64(seconds * 0.9));
        assert_eq!(function(&cache, &calls), 1, "{seconds}");
        hands.advance(Duration::from_secs_f64(seconds * 0.2));
        assert_eq!(function(&cache, &calls), 2, "{seconds}");
    }
}

#[test]
fn a_value_of_another_type_is_not_returned() {
    let (cache, _) = memory();
    let calls = Calls::default();
    cache.set("user:1", "not a user", DEFAULT_TIMEOUT).unwrap();
    assert_eq!(user(&cache, &calls, 1).call, 1);
    assert_eq!(cache.get::<User>("user:1").unwrap_err().kind(), ErrorKind::Decode, "the entry stays");
    assert_eq!(user(&cache, &calls, 1).call, 2);
    assert_eq!(cache.degraded(), 4, "the lookup and the winner of `add`, of each call");
    user_refresh(&cache, &calls, 1);
    assert_eq!(user(&cache, &calls, 1).call, 3);
}
