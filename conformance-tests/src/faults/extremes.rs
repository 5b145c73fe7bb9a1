//! The extremes of durations, numbers and clocks, and checks to make under each: every call, calls at once, lifetimes,
//! sums and limits. They are for a backend's tests of its builder and settings. [`stores`] tries all of them on a store
//! on this machine.

mod stores;

use std::time::Duration;

use cache_core::{BaseCache, Cache, Clock, Error, ErrorKind, ManualClock, Result, Timeout};

use super::in_time;

pub use stores::{End, Setting, store, stores};

/// Durations that arithmetic goes wrong with.
pub const DURATIONS: [Duration; 9] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    // These overflow 32 bits as milliseconds and as seconds.
    Duration::from_millis(1 << 32),
    Duration::from_secs(1 << 32),
    // As a number of 64 bits that wraps, these are a nanosecond, a microsecond and a millisecond.
    Duration::new(18_446_744_073, 709_551_617),
    Duration::new(18_446_744_073_709, 551_617_000),
    Duration::new(18_446_744_073_709_551, 617_000_000),
    Duration::from_secs(u64::MAX),
    Duration::MAX,
];

/// Numbers that arithmetic goes wrong with.
pub const NUMBERS: [u64; 8] =
    [0, 1, 2, u32::MAX as u64, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX - 1, u64::MAX];

/// Numbers with a sign that arithmetic goes wrong with.
pub const SIGNED: [i64; 6] = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX];

const MINUTE: Duration = Duration::from_secs(60);

/// More keys than the default limit.
const MANY: u64 = 400;

/// Clocks that stand still at moments that arithmetic goes wrong with, and the names of these.
#[must_use]
pub fn clocks() -> [(&'static str, Clock); 3] {
    let moves: [fn(&ManualClock); 3] = [
        |hands| (0..2).for_each(|_| hands.step_wall_ms(i64::MIN)),
        |hands| hands.step_wall_ms(i64::MAX),
        |hands| hands.advance(Duration::MAX),
    ];
    let [first, last_of_wall, last] = moves.map(|go| {
        let (clock, hands) = Clock::manual();
        go(&hands);
        clock
    });
    [
        ("the first moment", first),
        ("the last moment of the wall clock", last_of_wall),
        ("the last moment", last),
    ]
}

/// Clears the cache and makes one of each call in both halves, with every extreme of a lifetime. What a call finds is what
/// was set, or nothing: a store with a small limit keeps less than is set.
///
/// # Errors
/// The first error of a call, but for that of a key which is not there.
///
/// # Panics
/// If a call finds, counts or returns anything else.
pub fn call_each<B: BaseCache + ?Sized>(cache: &Cache<B>) -> Result<()> {
    let computed = |key: &str| cache.get_or_set(key, MINUTE, || 7);
    // A server has what was set before.
    cache.clear()?;
    cache.set("a", &1, MINUTE)?;
    count_to_the_ends(cache)?;
    cache.add("b", &1, Timeout::Default)?;
    cache.touch("a", Timeout::Default)?;
    for lifetime in DURATIONS {
        cache.set("c", &2, lifetime)?;
        is_that_or_nothing(cache.get("c")?, 2);
        cache.touch("a", lifetime)?;
        assert_eq!(computed(&format!("computed for {lifetime:?}").replace(' ', "-"))?, 7);
    }
    for (key, value) in cache.get_many::<i64, _>(["b", "c"])? {
        assert_eq!(value, if key == "b" { 1 } else { 2 }, "{key:?} holds another's value");
    }
    cache.set_many([("d", &3), ("e", &4)], MINUTE)?;
    cache.delete("d")?;
    assert_eq!(cache.get::<i64>("d")?, None, "a removed value");
    cache.clear()?;
    assert_eq!(computed("after-a-clear")?, 7);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| Error::storage("cannot build a tokio runtime").with_source(e))?.block_on(async {
        cache.aset("a", &1, MINUTE).await?;
        is_that_or_nothing(cache.aget("a").await?, 1);
        cache.aadd("b", &1, Timeout::Default).await?;
        for lifetime in DURATIONS {
            cache.aset("c", &2, lifetime).await?;
            is_that_or_nothing(cache.aget("c").await?, 2);
            cache.atouch("a", lifetime).await?;
        }
        unless_gone(cache.aincr("b").await.map(drop))?;
        cache.aset_many([("d", &3), ("e", &4)], MINUTE).await?;
        cache.adelete("d").await?;
        assert_eq!(cache.aget_or_set("computed-later", MINUTE, || async { 7 }).await?, 7);
        Ok(())
    })
}

/// Calls `cache` from four threads at once, which has one connection or lock for all of them: some wait for others.
/// A call works, or it is [`ErrorKind::Unavailable`].
///
/// # Panics
/// If a call ends in another way, or not within two minutes. The text begins with `what`.
#[allow(clippy::panic, reason = "a test fails by panicking")]
pub fn call_at_once<B: BaseCache + ?Sized + 'static>(what: &str, cache: &Cache<B>) {
    let (told, cache) = (what.to_owned(), cache.clone());
    in_time(what, move || {
        let long = "x".repeat(100_000);
        let call = || {
            for _ in 0..50 {
                match cache.set("k", &long, MINUTE).and_then(|()| cache.get::<String>("k")) {
                    Err(e) if e.kind() != ErrorKind::Unavailable => panic!("{told}: {e}"),
                    _ => {}
                }
            }
        };
        std::thread::scope(|scope| {
            for thread in (0..4).map(|_| scope.spawn(call)).collect::<Vec<_>>() {
                // With the text of the panic, which in_time shows.
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            }
        });
    });
}

/// Counts `a` up and down by the extremes: each sum is right, or an error of a sum that no `i64` holds.
fn count_to_the_ends<B: BaseCache + ?Sized>(cache: &Cache<B>) -> Result<()> {
    let mut number = 1_i128;
    for delta in [1, i64::MAX, i64::MIN] {
        for up in [true, false] {
            let sum = if up { number + i128::from(delta) } else { number - i128::from(delta) };
            match if up { cache.incr_by("a", delta) } else { cache.decr_by("a", delta) } {
                Ok(counted) => {
                    assert_eq!(i128::from(counted), sum, "{number} by {delta}, up: {up}");
                    number = sum;
                }
                // No `i64` is the opposite of the least one.
                Err(e) if e.kind() == ErrorKind::Overflow => assert!(
                    i64::try_from(sum).is_err() || delta == i64::MIN,
                    "{number} by {delta}, up: {up}: {sum} fits, and yet: {e}"
                ),
                Err(e) if e.kind() == ErrorKind::KeyNotFound => return Ok(()),
                Err(e) => return Err(e),
            }
        }
    }
    is_that_or_nothing(cache.get::<i64>("a")?.map(i128::from), number);
    Ok(())
}

/// Sets, adds and touches an entry with every extreme of a lifetime, and looks whether it lives. The store may not
/// be at the end of its clock.
///
/// # Errors
/// The first error of a call.
///
/// # Panics
/// If a lifetime has wrapped around: an entry with centuries to live is gone, or an expired entry still exists.
pub fn check_lifetimes<B: BaseCache + ?Sized>(cache: &Cache<B>) -> Result<()> {
    let long = |lifetime: Duration| (lifetime > MINUTE).then_some(true);
    let of_durations = DURATIONS.map(|lifetime| {
        (Timeout::from(lifetime), if lifetime.is_zero() { Some(false) } else { long(lifetime) })
    });
    let of_seconds = SIGNED.map(|seconds| (Timeout::from_secs(seconds), Some(seconds > 0)));
    for (lifetime, lives) in of_durations.into_iter().chain(of_seconds) {
        let is_right = |how: &str| {
            let there = cache.has_key("lives")?;
            assert!(
                lives.is_none_or(|lives| lives == there),
                "{how} with a lifetime of {lifetime:?}: is it there? {there}"
            );
            Ok::<(), Error>(())
        };
        cache.set("lives", &1, lifetime)?;
        is_right("set")?;
        cache.delete("lives")?;
        cache.add("lives", &1, lifetime)?;
        is_right("added")?;
        cache.set("lives", &1, MINUTE)?;
        cache.touch("lives", lifetime)?;
        is_right("touched")?;
    }
    Ok(())
}

/// Sets 400 keys, more than the default limit, in a store that has this limit or none.
///
/// # Errors
/// The first error of a call.
///
/// # Panics
/// If the store holds more than the limit, or has evicted what the limit allows, or says that it has another
/// limit. One that no store can reach may be none.
pub fn check_limit<B: BaseCache + ?Sized>(cache: &Cache<B>, limit: Option<u64>) -> Result<()> {
    let key = |n: u64| format!("one-of-many-{n}");
    cache.clear()?;
    for n in 0..MANY {
        cache.set(&key(n), &n, Timeout::Never)?;
        assert_eq!(cache.get(&key(n))?, Some(n), "the key that was set just now, with the limit {limit:?}");
    }
    let mut there = 0;
    for n in 0..MANY {
        there += u64::from(cache.has_key(&key(n))?);
    }
    let most = limit.unwrap_or(u64::MAX).min(MANY);
    let least = if most < MANY { 1 } else { MANY };
    assert!((least..=most).contains(&there), "found {there} of {MANY} keys with the limit {limit:?}");
    let said = cache.info()?.max_entries;
    let is_beyond_reach = limit.is_none_or(|limit| limit > u32::MAX.into());
    assert!(
        said == limit || (said.is_none() && is_beyond_reach),
        "it says {said:?}, with the limit {limit:?}"
    );
    Ok(())
}

fn is_that_or_nothing<N: PartialEq + std::fmt::Debug>(found: Option<N>, set: N) {
    assert!(found.as_ref().is_none_or(|found| *found == set), "{found:?} was found where {set:?} was set");
}

fn unless_gone(done: Result<()>) -> Result<()> {
    match done {
        Err(e) if matches!(e.kind(), ErrorKind::KeyNotFound | ErrorKind::Overflow) => Ok(()),
        done => done,
    }
}
