//! The extremes of durations, numbers and clocks, and one of each call: for a backend's tests of what its builder and
//! its settings take. [`stores`] tries all of them on a store on this machine.

mod stores;

use std::time::Duration;

use cache_core::{BaseCache, Cache, Clock, Error, ErrorKind, ManualClock, Result, Timeout};

use super::in_time;

pub use stores::{End, Setting, store, stores};

/// Durations that arithmetic goes wrong with.
pub const DURATIONS: [Duration; 4] =
    [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(u64::MAX), Duration::MAX];

/// Numbers that arithmetic goes wrong with.
pub const NUMBERS: [u64; 8] =
    [0, 1, 2, u32::MAX as u64, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX - 1, u64::MAX];

/// Numbers with a sign that arithmetic goes wrong with.
pub const SIGNED: [i64; 6] = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX];

const MINUTE: Duration = Duration::from_secs(60);

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

/// Makes one of each call in both halves, with every extreme of a lifetime.
///
/// # Errors
/// The first error of a call, but for that of a key which is not there: a store with a small limit keeps less than
/// is set.
///
/// # Panics
/// Where `get_or_set` returns another value than was computed.
pub fn call_each<B: BaseCache + ?Sized>(cache: &Cache<B>) -> Result<()> {
    let computed = |key: &str| cache.get_or_set(key, MINUTE, || 7);
    cache.set("a", &1, MINUTE)?;
    cache.get::<i64>("a")?;
    cache.add("b", &1, Timeout::Default)?;
    cache.touch("a", Timeout::Default)?;
    for delta in [1, i64::MAX, i64::MIN] {
        unless_gone(cache.incr("a", delta).map(drop))?;
        unless_gone(cache.decr("a", delta).map(drop))?;
    }
    for lifetime in DURATIONS {
        cache.set("c", &2, lifetime)?;
        cache.touch("a", lifetime)?;
        assert_eq!(computed(&format!("computed for {lifetime:?}").replace(' ', "-"))?, 7);
    }
    cache.get_many::<i64, _>(["a", "b", "c"])?;
    cache.set_many([("d", &3), ("e", &4)], MINUTE)?;
    cache.delete("d")?;
    cache.clear()?;
    assert_eq!(computed("after-a-clear")?, 7);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| Error::storage("there is no runtime").with_source(e))?.block_on(async {
        cache.aset("a", &1, MINUTE).await?;
        cache.aget::<i64>("a").await?;
        cache.aadd("b", &1, Timeout::Default).await?;
        for lifetime in DURATIONS {
            cache.aset("c", &2, lifetime).await?;
            cache.atouch("a", lifetime).await?;
        }
        unless_gone(cache.aincr("b", 1).await.map(drop))?;
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
/// Where a call ends in another way, or not within two minutes. The text begins with `what`.
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

fn unless_gone(done: Result<()>) -> Result<()> {
    match done {
        Err(e) if matches!(e.kind(), ErrorKind::KeyNotFound | ErrorKind::Overflow) => Ok(()),
        done => done,
    }
}
