//! Drops calls on their way: one call, many at once, and random calls on a cache.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use cache_core::{BaseCache, Cache};
use fastrand::Rng;

use super::runtime;
use crate::effort::effort;
use crate::fault_report::record;
use crate::proxy::{Fault, Proxy};

/// How many keys the calls on a cache have between them.
const KEYS: usize = 64;

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3_600);

/// Polls `future` as often as said, with other tasks in between, and drops it then: `None` if it was
/// not done. Without a number it is awaited. Inside of a tokio runtime.
pub async fn cancelled<F: Future>(polls: Option<u32>, future: F) -> Option<F::Output> {
    let Some(polls) = polls else { return Some(future.await) };
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// What came of calls that were dropped at random.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// How many did not end.
    pub dropped: u64,
    /// How many of the others got what was another's.
    pub foreign: u64,
}

impl Dropped {
    fn and(self, other: Self) -> Self {
        Self { dropped: self.dropped + other.dropped, foreign: self.foreign + other.foreign }
    }
}

/// Makes `calls` calls from `tasks` tasks at once, inside a tokio runtime. `call` gets a random source and, in
/// three calls of four, the number of polls after which it is to be [`cancelled`]. It returns whether the answer
/// was its own, or `None` if it was dropped. The random numbers are the same in each run.
///
/// # Panics
/// When a call does.
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
pub async fn drop_calls<C, F>(tasks: u64, calls: u64, call: C) -> Dropped
where
    C: Fn(Rng, Option<u32>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Option<bool>> + Send + 'static,
{
    let each = calls / tasks;
    let one = |task| {
        let call = call.clone();
        async move {
            let mut random = Rng::with_seed(task);
            let mut sum = Dropped::default();
            for _ in 0..each {
                // Some end, however busy the machine is.
                let polls = (random.u8(..4) > 0).then(|| random.u32(..8));
                match call(random.fork(), polls).await {
                    None => sum.dropped += 1,
                    Some(own) => sum.foreign += u64::from(!own),
                }
            }
            sum
        }
    };
    let tasks: Vec<_> = (0..tasks).map(one).map(tokio::spawn).collect();
    let mut sum = Dropped::default();
    for task in tasks {
        sum = sum.and(task.await.expect("a task that drops calls"));
    }
    sum
}

/// Tests async calls that are cancelled at any point: tasks call `cache`, which reaches its server through `proxy`, and are dropped on their
/// way, with few requests under way and with many. Every value says which key it belongs to.
///
/// # Panics
/// If a call fails or gets another's value, or none was dropped.
pub fn cancel_calls<B: BaseCache + 'static>(backend: &str, cache: &Cache<B>, proxy: &Proxy) {
    let calls = effort(16_000, 180_000) / 2;
    let mut sum = Dropped::default();
    for (fault, tasks) in [(Fault::None, 16), (Fault::Delay(Duration::from_millis(1)), 128)] {
        proxy.set(fault);
        let some = runtime().block_on(drop_calls_of(cache, tasks, calls));
        assert!(some.dropped > calls / 10, "{some:?} of {calls} calls");
        sum = sum.and(some);
    }
    let Dropped { dropped, foreign } = sum;
    record(13, backend, dropped, foreign, &format!("{foreign} foreign values, {dropped} calls cancelled"));
    assert_eq!(foreign, 0, "values of other keys");
}

#[allow(clippy::expect_used, reason = "a test fails by panicking")]
async fn drop_calls_of<B: BaseCache + 'static>(cache: &Cache<B>, tasks: u64, calls: u64) -> Dropped {
    const FAILED: &str = "a call that was not dropped";
    let value_of = |key: &str| format!("the value of {key}");
    for key in (0..KEYS).map(|key| format!("k{key}")) {
        cache.aset(&key, &value_of(&key), LONG).await.expect(FAILED);
    }
    let cache = cache.clone();
    drop_calls(tasks, calls, move |mut random, polls| {
        let cache = cache.clone();
        async move {
            let [key, other] = [(); 2].map(|()| format!("k{}", random.usize(..KEYS)));
            let own = match random.u8(..8) {
                0 => {
                    let found = cancelled(polls, cache.aget_many::<String, _>([&*key, &*other])).await?;
                    let found = found.expect(FAILED);
                    !found.is_empty() && found.iter().all(|(key, value)| *value == value_of(key))
                }
                1 => {
                    cancelled(polls, cache.aset(&key, &value_of(&key), LONG)).await?.expect(FAILED);
                    true
                }
                _ => {
                    let found = cancelled(polls, cache.aget::<String>(&key)).await?;
                    found.expect(FAILED) == Some(value_of(&key))
                }
            };
            Some(own)
        }
    })
    .await
}
