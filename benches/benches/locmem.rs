//! The memory backend beside other caches in memory, and beside a bare table.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measuring program ends where it cannot go on")]

mod peers;

use std::collections::HashMap;
use std::sync::RwLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arrayvec::ArrayString;
use benches::{Bench, Contender, Python, Requests, is_good_key, numbered_key as key};
use bytes::Bytes;
use cache_core::{BaseCache, Cache, Clock};
use cache_locmem::LocMemCache;
use django_tests::python;
use futures_lite::future::block_on;

use peers::Moka;
use smol_str::SmolStr;

const TIMEOUT: Duration = Duration::from_secs(300);
const CLOCK: Clock = Clock::system();

/// What the caller of our cache has.
const USER: &str = "user:";
/// What our cache adds inside the time: prefix and version.
const HEAD: &str = "app:1:";
/// The whole, which is what the caller of a peer has.
const MADE: &str = "app:1:user:";

type Ours<B> = Cache<B>;
type Bare = HashMap<Box<str>, Bytes, ahash::RandomState>;
/// A table behind the locks that one with writers needs, and in it what an entry of a cache has: a key of any
/// length, a value, a lifetime, and a mark of its last use.
type Locked = [RwLock<HashMap<SmolStr, Entry, ahash::RandomState>>; 64];
type Quick = quick_cache::sync::Cache<String, Bytes>;

fn value() -> Bytes {
    Bytes::copy_from_slice(&[7; 100])
}

/// What is in the table beside the key.
struct Entry {
    value: Bytes,
    deadline: u64,
    used: AtomicU64,
}

/// A store as these cases use it: every read is a hit.
trait Store: Sync {
    /// What stands before the number in the key that this store is given.
    const BEFORE: &'static str;

    fn read(&self, key: &str) -> Bytes;

    fn write(&self, key: &str, value: Bytes);
}

impl<B: BaseCache + ?Sized> Store for Ours<B> {
    const BEFORE: &'static str = USER;

    fn read(&self, key: &str) -> Bytes {
        self.get_bytes(key).unwrap().expect("it exists")
    }

    fn write(&self, key: &str, value: Bytes) {
        self.set_bytes(key, value, TIMEOUT).unwrap();
    }
}

impl Store for Quick {
    const BEFORE: &'static str = MADE;

    fn read(&self, key: &str) -> Bytes {
        self.get(key).expect("it exists")
    }

    fn write(&self, key: &str, value: Bytes) {
        self.insert(key.to_owned(), value);
    }
}

/// The least that a cache can cost which others may write to, and which does what ours promises: a key that is made
/// and looked at, locks, a lifetime, a mark of the last use.
impl Store for Locked {
    const BEFORE: &'static str = USER;

    fn read(&self, key: &str) -> Bytes {
        assert!(is_good_key(key));
        let key = made(key);
        let shard = self[shard_of(&key)].read().unwrap();
        let entry = shard.get(&*key).expect("it exists");
        assert!(CLOCK.coarse_ns() < entry.deadline, "it has expired");
        if entry.used.load(Relaxed) != 1 {
            entry.used.store(1, Relaxed);
        }
        entry.value.clone()
    }

    fn write(&self, key: &str, value: Bytes) {
        assert!(is_good_key(key));
        let key = made(key);
        let deadline = deadline();
        let mut shard = self[shard_of(&key)].write().unwrap();
        let entry = shard.get_mut(&*key).expect("it exists");
        entry.deadline = deadline;
        let old = std::mem::replace(&mut entry.value, value);
        drop(shard);
        drop(old);
    }
}

impl Store for Moka<Bytes> {
    const BEFORE: &'static str = MADE;

    fn read(&self, key: &str) -> Bytes {
        self.get(key).expect("it exists").0
    }

    fn write(&self, key: &str, value: Bytes) {
        self.insert(key.to_owned(), (value, TIMEOUT));
    }
}

/// The key that our cache makes of the caller's, without a check.
fn made(key: &str) -> ArrayString<32> {
    let mut made = ArrayString::new();
    made.push_str(HEAD);
    made.push_str(key);
    made
}

/// One case: which requests, in which way.
struct Load {
    requests: Requests,
    threads: usize,
    at_hand: bool,
}

impl Load {
    /// The prepared keys in the order of their use, where there are any.
    fn keys(&self, before: &str) -> Vec<ArrayString<24>> {
        let numbers = self.requests.numbers().filter(|_| self.at_hand);
        numbers.map(|number| key(before, number)).collect()
    }

    fn contender<'a, S: Store>(&'a self, name: &str, store: &'a S) -> Contender<'a> {
        let requests = &self.requests;
        let call = |key: &str, write: bool| match write {
            true => {
                store.write(key, value());
                None
            }
            false => Some(store.read(key)),
        };
        if self.at_hand {
            let keys = self.keys(S::BEFORE);
            Contender::on_threads(name, self.threads, move |thread, n| {
                let place = requests.place(thread, n);
                call(&keys[place], requests.at(place).1)
            })
        } else {
            Contender::on_threads(name, self.threads, move |thread, n| {
                let (number, write) = requests.at(requests.place(thread, n));
                call(&key(S::BEFORE, number), write)
            })
        }
    }

    /// The least that a read can cost: no lock, no clock, no bound.
    fn bare<'a>(&'a self, bare: &'a Bare) -> Contender<'a> {
        let requests = &self.requests;
        let read = |key: &str| bare.get(&*made(key)).expect("it exists").clone();
        if self.at_hand {
            let keys = self.keys(USER);
            Contender::on_threads("bare table", self.threads, move |thread, n| {
                read(&keys[requests.place(thread, n)])
            })
        } else {
            Contender::on_threads("bare table", self.threads, move |thread, n| {
                read(&key(USER, requests.at(requests.place(thread, n)).0))
            })
        }
    }
}

fn filled<S: Store>(store: S, entries: u32) -> S {
    (0..entries).for_each(|number| store.write(&key(S::BEFORE, number), value()));
    store
}

fn ours(entries: u32) -> Ours<LocMemCache> {
    let backend = LocMemCache::builder().max_entries(u64::from(entries) * 2).build().unwrap();
    filled(Cache::builder(backend).key_prefix("app").build().unwrap(), entries)
}

fn bare(entries: u32) -> Bare {
    let bare: Bare = (0..entries).map(|number| ((*key(MADE, number)).into(), value())).collect();
    // The first clone of `Bytes` allocates, and is not what is measured.
    bare.values().for_each(|value| drop(value.clone()));
    bare
}

fn deadline() -> u64 {
    CLOCK.monotonic_ns() + TIMEOUT.as_nanos() as u64
}

/// By the last digits, which costs next to nothing.
fn shard_of(key: &str) -> usize {
    key.bytes().rev().take(2).fold(0, |sum, byte| sum * 10 + usize::from(byte)) % 64
}

fn locked(entries: u32) -> Locked {
    let table: Locked = std::array::from_fn(|_| RwLock::default());
    for (key, value) in bare(entries) {
        let entry = Entry { value, deadline: deadline(), used: AtomicU64::new(0) };
        table[shard_of(&key)].write().unwrap().insert(SmolStr::from(key), entry);
    }
    table
}

/// Django's, in a process of its own, where there is one.
fn django(entries: u32, length: usize, writes: f64, at_hand: bool) -> Option<Python> {
    let args = [entries.to_string(), length.to_string(), writes.to_string(), u8::from(at_hand).to_string()];
    Some(Python::start(&python::or_skip()?, "locmem.py", &args.each_ref().map(String::as_str)))
}

fn main() {
    let bench = Bench::from_args("locmem");
    let entries = bench.size(100_000, 1_000);
    let length = bench.size(1 << 20, 1 << 12);
    for at_hand in [false, true] {
        for writes in [0.0, 0.05, 0.5] {
            for threads in [1, 2, 8] {
                beside_peers(&bench, entries, length, at_hand, writes, threads);
            }
        }
    }
    through_dyn_and_async(&bench, entries, length);
}

fn beside_peers(bench: &Bench, entries: u32, length: usize, at_hand: bool, writes: f64, threads: usize) {
    let case = format!(
        "get hit{}{}, {threads} thread{}",
        if at_hand { ", key at hand" } else { "" },
        if writes > 0.0 { format!(", {} % writes", writes * 100.0) } else { String::new() },
        if threads > 1 { "s" } else { "" },
    );
    if !bench.wants(&case) {
        return;
    }
    let load = Load { requests: Requests::new(entries, length, writes, threads), threads, at_hand };
    let ours = ours(entries);
    let quick = filled(Quick::new(entries as usize * 2), entries);
    let moka = filled(peers::moka(u64::from(entries) * 2), entries);
    moka.run_pending_tasks();
    let bare = if writes > 0.0 { Bare::default() } else { bare(entries) };
    let locked = locked(entries);
    let mut peers = vec![
        load.contender("quick_cache", &quick).goal(1.5),
        load.contender("moka", &moka).goal(3.5),
        load.contender("bare table, locked", &locked).floor(),
    ];
    if writes == 0.0 {
        let goal = match threads {
            1 => Some(1.0 / 1.6),
            2 => Some(1.0 / 2.0),
            _ => None,
        };
        let bare = load.bare(&bare);
        peers.push(match goal {
            Some(goal) => bare.goal(goal),
            None => bare,
        });
    }
    // Python's threads take turns: more of them make it no faster.
    if threads == 1
        && let Some(mut django) = django(entries, length, writes, at_hand)
    {
        peers.push(Contender::timed("Django locmem", move |calls| django.run("request", calls)).goal(15.0));
    }
    bench.compare(&case, load.contender("ours", &ours), peers);
}

/// The other two ways into the same store cost next to nothing.
fn through_dyn_and_async(bench: &Bench, entries: u32, length: usize) {
    let (through_dyn, through_async) =
        ("get hit through dyn, 1 thread", "get hit through aget_bytes, 1 thread");
    if !bench.wants(through_dyn) && !bench.wants(through_async) {
        return;
    }
    let load = Load { requests: Requests::new(entries, length, 0.0, 1), threads: 1, at_hand: false };
    let cache = ours(entries);
    let erased = cache.clone().erase();
    let known = || vec![load.contender("static, get_bytes", &cache).goal(0.95)];
    bench.compare(through_dyn, load.contender("ours", &erased), known());
    let mut done = 0;
    // One executor around all calls of a slice: the call is measured, not the executor.
    let awaited = Contender::timed("ours", |calls| {
        let start = std::time::Instant::now();
        block_on(async {
            for n in done..done + calls {
                let key = key(USER, load.requests.at(load.requests.place(0, n)).0);
                std::hint::black_box(cache.aget_bytes(&key).await.unwrap().expect("it exists"));
            }
        });
        done += calls;
        start.elapsed()
    });
    bench.compare(through_async, awaited, known());
}
