//! Values whose owners run code of their own when the store drops them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use cache_core::{BaseCache, Cache, Clock, ManualClock, Timeout, poll_now};
use cache_locmem::{Eviction, LocMemCache};
use conformance_tests::faults::{in_time, record};

const LIMIT: u64 = 8;
const SECOND: Duration = Duration::from_secs(1);

type Store = Cache<LocMemCache>;

/// What a value's owner does when the value is dropped.
struct Owner(Box<dyn Fn() + Send + Sync>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        b"owned"
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn owned(does: impl Fn() + Send + Sync + 'static) -> Bytes {
    Bytes::from_owner(Owner(Box::new(does)))
}

/// A store of one shard, so that whatever an owner does needs the lock that its value was under.
fn open(eviction: Eviction, cull_frequency: u32) -> (Store, ManualClock) {
    let (clock, hands) = Clock::manual();
    let options = LocMemCache::builder().max_entries(LIMIT).eviction(eviction).clock(clock);
    (Cache::new(options.cull_frequency(cull_frequency).build().unwrap()), hands)
}

/// A way to make a store drop the value of `a`, or of all that it holds: it is full, and everything but `a`
/// is a number. `a` has a lifetime of a second.
struct Way {
    name: &'static str,
    eviction: Eviction,
    cull_frequency: u32,
    /// Whether every entry has such a value.
    all: bool,
    remove: fn(&Store, &ManualClock),
}

const fn way(name: &'static str, remove: fn(&Store, &ManualClock)) -> Way {
    Way { name, eviction: Eviction::Lru, cull_frequency: 3, all: false, remove }
}

fn ways() -> Vec<Way> {
    let evict: fn(&Store, &ManualClock) = |cache, _| {
        (0..2 * LIMIT).for_each(|n| cache.set(&format!("new{n}"), &1, Timeout::Never).unwrap());
    };
    let expire: fn(&Store, &ManualClock) = |cache, hands| {
        hands.advance(SECOND);
        cache.set("n1", &2, Timeout::Never).unwrap();
    };
    let make_room: fn(&Store, &ManualClock) = |cache, hands| {
        hands.advance(SECOND);
        cache.set("new", &2, Timeout::Never).unwrap();
    };
    let clear: fn(&Store, &ManualClock) = |cache, _| cache.clear().unwrap();
    vec![
        way("set over it", |cache, _| cache.set("a", &1, SECOND).unwrap()),
        way("aset over it", |cache, _| poll_now(cache.aset("a", &1, SECOND)).unwrap()),
        way("set_many over it", |cache, _| drop(cache.set_many([("a", 1)], SECOND).unwrap())),
        way("add over it, expired", |cache, hands| {
            hands.advance(SECOND);
            assert!(cache.add("a", &1, SECOND).unwrap());
        }),
        way("delete", |cache, _| assert!(cache.delete("a").unwrap())),
        way("adelete", |cache, _| assert!(poll_now(cache.adelete("a")).unwrap())),
        way("touch to nothing", |cache, _| assert!(cache.touch("a", Duration::ZERO).unwrap())),
        way("a rename onto it", |cache, _| {
            let (from, to) =
                (cache.make_and_validate_key("n1").unwrap(), cache.make_and_validate_key("a").unwrap());
            assert!(cache.backend().rename(from.as_key(), to.as_key()).unwrap());
        }),
        way("a write that meets it expired", expire),
        way("a new key that meets it expired", make_room),
        way("a cull", evict),
        Way { all: true, ..way("a cull of several", evict) },
        Way { cull_frequency: 0, all: true, ..way("a cull of all", evict) },
        Way { eviction: Eviction::S3Fifo, cull_frequency: u32::MAX, all: true, ..way("S3-FIFO", evict) },
        Way { eviction: Eviction::S3Fifo, all: true, ..way("S3-FIFO, several", evict) },
        Way { eviction: Eviction::S3Fifo, ..way("S3-FIFO, expired", expire) },
        way("clear", clear),
        Way { all: true, ..way("clear of all", clear) },
        Way { all: true, ..way("aclear", |cache, _| poll_now(cache.aclear()).unwrap()) },
    ]
}

fn fill(cache: &Store, all: bool, value: impl Fn() -> Bytes) {
    cache.set_bytes("a", value(), SECOND).unwrap();
    for n in 1..LIMIT {
        if all {
            cache.set_bytes(&format!("n{n}"), value(), SECOND).unwrap();
        } else {
            cache.set(&format!("n{n}"), &1, Timeout::Never).unwrap();
        }
    }
}

/// How many entries there are, which must be how many are counted.
fn counted(cache: &Store, name: &str) -> u64 {
    let keys = (0..2 * LIMIT).flat_map(|n| [format!("n{n}"), format!("new{n}")]);
    let keys = keys.chain(["a".into(), "new".into(), "again".into()]);
    let there = keys.filter(|key| cache.has_key(key).unwrap()).count() as u64;
    assert_eq!(cache.backend().entries().unwrap(), Some(there), "{name}: the count is right");
    there
}

#[test]
fn an_owner_may_call_the_cache() {
    for way in ways() {
        let name = way.name;
        in_time(name, move || {
            let (cache, hands) = open(way.eviction, way.cull_frequency);
            let drops = Arc::new(AtomicUsize::new(0));
            fill(&cache, way.all, || {
                let (cache, drops) = (cache.clone(), Arc::clone(&drops));
                owned(move || {
                    drops.fetch_add(1, Ordering::SeqCst);
                    cache.set("again", &1, Timeout::Never).unwrap();
                    // It may have made room by dropping another such value, whose owner removed it.
                    drop(cache.incr("again"));
                    cache.has_key("again").unwrap();
                    cache.delete("again").unwrap();
                })
            });
            (way.remove)(&cache, &hands);
            assert!(drops.load(Ordering::SeqCst) > 0, "{name}: it removes");
            assert!(counted(&cache, name) <= LIMIT);
        });
    }
    record(33, "locmem", ways().len() as u64, 0, "owners that call the cache: each call ends");
}

#[test]
fn an_owner_that_panics_leaves_the_count_right_and_room_for_more() {
    for way in ways() {
        let name = way.name;
        in_time(name, move || {
            let (cache, hands) = open(way.eviction, way.cull_frequency);
            let drops = Arc::new(AtomicUsize::new(0));
            fill(&cache, way.all, || {
                let drops = Arc::clone(&drops);
                owned(move || {
                    drops.fetch_add(1, Ordering::SeqCst);
                    std::panic::resume_unwind(Box::new("the owner's own"));
                })
            });
            let mut panics = 0;
            // Each call may meet some of them.
            while panics < drops.load(Ordering::SeqCst).max(1) && panics <= 3 * LIMIT as usize {
                panics += 1;
                let met = catch_unwind(AssertUnwindSafe(|| (way.remove)(&cache, &hands)));
                if let Err(panic) = met
                    && !panic.is::<&str>()
                {
                    std::panic::resume_unwind(panic);
                }
                counted(&cache, name);
                if drops.load(Ordering::SeqCst) > 0 {
                    break;
                }
            }
            assert!(drops.load(Ordering::SeqCst) > 0, "{name}: it removes");
            // The store is as good as new.
            while catch_unwind(AssertUnwindSafe(|| cache.clear().unwrap())).is_err() {}
            assert_eq!(counted(&cache, name), 0);
            (0..5 * LIMIT)
                .for_each(|n| cache.set(&format!("n{}", n % (2 * LIMIT)), &1, Timeout::Never).unwrap());
            assert!((1..=LIMIT).contains(&counted(&cache, name)));
        });
    }
    record(33, "locmem", ways().len() as u64, 0, "owners that panic: the count stays right");
}

#[test]
fn all_values_are_dropped_whatever_one_of_them_does() {
    for limit in [LIMIT, 10_000] {
        let cache = Cache::new(LocMemCache::builder().max_entries(limit).build().unwrap());
        let drops = Arc::new(AtomicUsize::new(0));
        let fill = || {
            for n in 0..LIMIT {
                let drops = Arc::clone(&drops);
                let panics = owned(move || {
                    drops.fetch_add(1, Ordering::SeqCst);
                    std::panic::resume_unwind(Box::new(n));
                });
                cache.set_bytes(&n.to_string(), panics, SECOND).unwrap();
            }
        };
        fill();
        assert!(catch_unwind(AssertUnwindSafe(|| cache.clear())).is_err(), "the caller learns of it");
        assert_eq!((drops.load(Ordering::SeqCst), cache.backend().entries().unwrap()), (8, Some(0)));
        fill();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(cache))).is_err());
        assert_eq!(drops.load(Ordering::SeqCst), 16);
    }
}

/// The last handle of a name goes while another thread asks for it with another limit, again and again: it is refused
/// while the store is open. In many rounds it holds the store for that moment, is the last to do so, and drops it.
#[test]
fn an_owner_may_open_the_store_of_its_name() {
    const ROUNDS: usize = 200;
    let by_asker = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&by_asker);
    in_time("dropping a store whose value opens one of its name", move || {
        for round in 0..ROUNDS {
            let name = format!("owners-{round}");
            let cache = Cache::new(LocMemCache::builder().name(&name).max_entries(LIMIT).build().unwrap());
            let (owner, again, told) = (thread::current().id(), name.clone(), Arc::clone(&told));
            let value = owned(move || {
                told.fetch_add(usize::from(thread::current().id() != owner), Ordering::SeqCst);
                drop(LocMemCache::named(&again));
            });
            cache.set_bytes("a", value, SECOND).unwrap();
            let (asked, asks) = std::sync::mpsc::channel();
            thread::scope(|scope| {
                scope.spawn(|| {
                    while LocMemCache::builder().name(&name).max_entries(1).build().is_err() {
                        // Nobody listens any more once the last handle is gone.
                        let _ = asked.send(());
                    }
                });
                asks.recv().unwrap();
                drop(asks);
                drop(cache);
            });
        }
    });
    let by_asker = by_asker.load(Ordering::SeqCst);
    assert!(by_asker > 0, "in {ROUNDS} rounds the thread that asks was never the last to hold the store");
}
