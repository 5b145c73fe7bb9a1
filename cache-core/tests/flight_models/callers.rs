//! Callers of one key, as `get_or_set_on` is one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use cache_core::{Mode, Payload};
use shuttle::sync::Mutex;
use shuttle::{future, thread};

use crate::singleflight::{Flights, Role, WaitOutcome};

const KEY: &str = "k";
/// Far away: nobody is released by it.
const MINUTE: Duration = Duration::from_secs(60);

/// How a caller's function ends, if it is called. A panic drops the leader as an error does; it is left to the
/// tests with threads, since all threads of a model would count as panicking meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Well,
    Error,
    /// Its task is dropped as soon as it has to wait: for its function, or for another's.
    Cancelled,
}

#[derive(Clone)]
pub(crate) struct Callers(Arc<Shared>);

struct Shared {
    flights: Arc<Flights>,
    stored: Mutex<Option<i64>>,
    computed: AtomicI64,
}

impl Default for Callers {
    fn default() -> Self {
        let (stored, computed) = (Mutex::new(None), AtomicI64::new(0));
        Self(Arc::new(Shared { flights: Arc::new(Flights::new(MINUTE)), stored, computed }))
    }
}

impl Callers {
    /// How many functions ended well.
    pub(crate) fn computed(&self) -> i64 {
        self.0.computed.load(Ordering::SeqCst)
    }

    /// All of them at once; what each got in the end.
    pub(crate) fn race(&self, callers: &[(Mode, End)]) -> Vec<Option<i64>> {
        let threads: Vec<_> = callers
            .iter()
            .map(|&(mode, end)| {
                let callers = self.clone();
                thread::spawn(move || callers.one(mode, end))
            })
            .collect();
        let got = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(matches!(self.0.flights.join(KEY), Role::Leader(_)), "a flight was left behind");
        got
    }

    fn one(&self, mode: Mode, end: End) -> Option<i64> {
        let call = self.get_or_set(mode, end);
        if end == End::Cancelled {
            let mut call = Box::pin(call);
            let first = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(first.is_pending() || self.computed() > 0, "it ended");
            // Others come here.
            thread::yield_now();
            return None;
        }
        future::block_on(call)
    }

    /// The steps of `get_or_set_on`.
    async fn get_or_set(&self, mode: Mode, end: End) -> Option<i64> {
        let Shared { flights, .. } = &*self.0;
        let mark = flights.mark(KEY);
        if let Some(value) = self.load() {
            return Some(value);
        }
        let deadline = Instant::now() + flights.wait();
        loop {
            match flights.join(KEY) {
                Role::Leader(mut leader) => {
                    if leader.others_ended_since(mark)
                        && let Some(value) = self.load()
                    {
                        leader.complete(Payload::Int(value));
                        return Some(value);
                    }
                    let value = leader.run(self.function(end)).await?;
                    let place = leader.begin_storing();
                    assert!(place.is_some(), "nobody removes the key");
                    *self.0.stored.lock().unwrap() = Some(value);
                    drop(place);
                    leader.complete(Payload::Int(value));
                    return Some(value);
                }
                Role::Waiter(flight) => match flight.wait(mode, deadline).await {
                    WaitOutcome::Ready(Payload::Int(value)) => return Some(value),
                    WaitOutcome::Ready(_) => unreachable!("a payload that nobody made"),
                    WaitOutcome::Failed => {}
                    WaitOutcome::TimedOut => unreachable!("a minute has passed"),
                },
                Role::Inside => unreachable!("nobody calls from inside"),
            }
        }
    }

    fn load(&self) -> Option<i64> {
        *self.0.stored.lock().unwrap()
    }

    async fn function(&self, end: End) -> Option<i64> {
        thread::yield_now();
        match end {
            End::Well => Some(self.0.computed.fetch_add(1, Ordering::SeqCst) + 1),
            End::Error => None,
            End::Cancelled => std::future::pending().await,
        }
    }
}
