//! The queue for a connection under shuttle, which runs its threads one at a time and chooses at every lock and
//! every atomic who goes on. No wait of the model ends by itself, so a waiter that nobody wakes is a deadlock,
//! which shuttle reports; and time goes on by a turn whenever somebody asks for it.
//!
//! The queue's source is compiled once more here, with shuttle's locks in place of the standard library's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../src/queue.rs"]
mod queue;

/// In place of the library's module of this name.
mod sync {
    use std::sync::atomic::{AtomicU64 as Number, Ordering as Order};

    pub(crate) use shuttle::hint::spin_loop;
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;

    static NOW: Number = Number::new(0);

    /// Every look is a turn later, and now and then a long time.
    pub(crate) fn now_ns() -> u64 {
        let step = if shuttle::rand::Rng::gen_bool(&mut shuttle::rand::thread_rng(), 0.1) {
            super::queue::LONG.as_nanos() as u64
        } else {
            1_000_000
        };
        NOW.fetch_add(step, Order::SeqCst) + step
    }
}

use std::time::Duration;

use conformance_tests::faults::effort;
use queue::Queue;
use shuttle::sync::atomic::{AtomicUsize, Ordering, fence};
use shuttle::sync::{Arc, Mutex};

/// Slots that are locked while they are in use, as in the pool.
#[derive(Default)]
struct Places {
    places: Vec<Mutex<()>>,
    queue: Queue,
    used: AtomicUsize,
}

impl Places {
    fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { places: (0..places).map(|_| Mutex::new(())).collect(), ..Self::default() })
    }

    fn attempt(&self) -> Option<shuttle::sync::MutexGuard<'_, ()>> {
        self.places.iter().find_map(|place| place.try_lock().ok())
    }

    /// One call: false if no time was left.
    fn call(&self, left: impl Fn() -> Duration) -> bool {
        let at_once = if self.queue.is_closed() { None } else { self.attempt() };
        let held = at_once.or_else(|| self.queue.wait(left, self.places.len(), || self.attempt()));
        let Some(held) = held else { return false };
        self.used.fetch_add(1, Ordering::SeqCst);
        shuttle::thread::yield_now();
        drop(held);
        fence(Ordering::SeqCst);
        self.queue.wake_one();
        true
    }
}

fn check(each_commit: u64, model: impl Fn() + Send + Sync + 'static) {
    shuttle::check_random(model, usize::try_from(effort(each_commit, each_commit * 100)).unwrap());
}

#[test]
fn every_caller_that_waits_is_woken() {
    for places in [1, 2] {
        check(500, move || {
            let all = Places::new(places);
            let callers: Vec<_> = (0..4)
                .map(|_| {
                    let all = Arc::clone(&all);
                    shuttle::thread::spawn(move || {
                        for _ in 0..3 {
                            assert!(all.call(|| Duration::MAX));
                        }
                    })
                })
                .collect();
            callers.into_iter().for_each(|caller| caller.join().unwrap());
            assert_eq!(all.used.load(Ordering::SeqCst), 12);
        });
    }
}

#[test]
fn one_that_gives_up_leaves_nobody_behind() {
    check(500, || {
        let all = Places::new(1);
        let callers: Vec<_> = (0..4)
            .map(|number| {
                let all = Arc::clone(&all);
                shuttle::thread::spawn(move || {
                    let looks = AtomicUsize::new(0);
                    for _ in 0..3 {
                        // Some have patience for two looks.
                        let left = || match looks.fetch_add(1, Ordering::SeqCst) {
                            2.. if number % 2 == 0 => Duration::ZERO,
                            _ => Duration::MAX,
                        };
                        assert!(all.call(left) || number % 2 == 0);
                    }
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        assert!(all.places[0].try_lock().is_ok() && !all.queue.is_closed());
    });
}

/// Others call again and again for as long as one waits, which never runs in a moment in which the place is
/// free: on a machine with too much to do that is how it goes. Once it has waited for long the place is kept for it.
#[test]
fn one_that_has_waited_for_long_is_next() {
    check(200, || {
        let all = Places::new(1);
        let served = Arc::new(AtomicUsize::new(0));
        let busy: Vec<_> = (0..2)
            .map(|_| {
                let (all, served) = (Arc::clone(&all), Arc::clone(&served));
                shuttle::thread::spawn(move || {
                    for calls in 0.. {
                        if served.load(Ordering::SeqCst) == 2 {
                            break;
                        }
                        assert!(calls < 300, "{calls} calls of others, and the one still waits");
                        assert!(all.call(|| Duration::MAX));
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            let attempt = || if all.queue.is_closed() { all.attempt() } else { None };
            let held = all.queue.wait(|| Duration::MAX, 1, attempt).unwrap();
            served.fetch_add(1, Ordering::SeqCst);
            drop(held);
            fence(Ordering::SeqCst);
            all.queue.wake_one();
        }
        busy.into_iter().for_each(|caller| caller.join().unwrap());
    });
}
