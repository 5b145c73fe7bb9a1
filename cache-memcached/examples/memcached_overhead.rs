//! What this crate costs beside the bare client, `memcache::exp`: both in one run, in turns, on a
//! server of its own.
//!
//! `cargo run --release -p cache-memcached --example memcached_overhead`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement prints, and ends where it cannot go on"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_core::Cache;
use cache_memcached::MemcachedCache;
use conformance_tests::servers::Server;
use memcache::exp::{AsyncMetaClient, Get, MetaClient, Set, Ttl};

/// In turns, so that what disturbs the machine disturbs both.
const ROUNDS: usize = 60;

const MINUTE: Duration = Duration::from_secs(60);
const TTL: Ttl = Ttl::secs(61);

fn main() {
    let server = Server::memcached(&[]).unwrap();
    let address = server.address().to_string();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cache = Cache::new(MemcachedCache::new([address.as_str()]).unwrap());
    let bare = MetaClient::connect(address.as_str()).unwrap();
    let bare_async =
        runtime.block_on(AsyncMetaClient::builder().max_idle(64).connect_async(address.as_str())).unwrap();

    let value = "v".repeat(100);
    let names: Vec<String> = (0..100).map(|n| format!("user:{n:04}")).collect();
    let keys: Vec<String> = names.iter().map(|name| cache.make_key(name).unwrap()).collect();
    let entries = || names.iter().map(|name| (name, value.as_str()));
    cache.set_many(entries(), MINUTE).unwrap();

    println!("µs a call, medians of {ROUNDS} rounds: {:>10} {:>8} {:>6}", "cache", "bare", "ratio");
    compare(
        "get",
        200,
        || _ = cache.get::<String>(&names[7]).unwrap().unwrap(),
        || {
            let found = bare.get(&keys[7]).send().unwrap().value.unwrap();
            _ = String::from_utf8(found).unwrap();
        },
    );
    compare(
        "set",
        200,
        || cache.set(&names[7], &value, MINUTE).unwrap(),
        || {
            _ = bare.set(&keys[7], &value).client_flags(16).ttl(TTL).send().unwrap();
        },
    );
    compare(
        "get_many(100)",
        20,
        || assert_eq!(cache.get_many::<String, _>(&names).unwrap().len(), 100),
        || {
            let found = bare.run_many(keys.iter().map(Get::new)).unwrap();
            let texts = found.into_iter().map(|one| String::from_utf8(one.unwrap().value.unwrap()).unwrap());
            assert_eq!(texts.count(), 100);
        },
    );
    compare(
        "set_many(100)",
        20,
        || assert!(cache.set_many(entries(), MINUTE).unwrap().is_empty()),
        || {
            let sets = keys.iter().map(|key| Set::new(key, &value).client_flags(16).ttl(TTL));
            assert!(bare.run_many(sets).unwrap().iter().all(Result::is_ok));
        },
    );

    let (names, keys, value) = (Arc::new(names), Arc::new(keys), Arc::new(value));
    for tasks in [1, 50] {
        for op in [Op::Get, Op::Set, Op::GetMany, Op::SetMany] {
            let calls = op.calls() / tasks;
            let ours = || {
                runtime.block_on(in_tasks(tasks, |task| {
                    let (cache, names, value) = (cache.clone(), Arc::clone(&names), Arc::clone(&value));
                    async move {
                        for call in 0..calls {
                            ours(op, &cache, &names, (task + call) % 100, &value).await;
                        }
                    }
                }));
            };
            let theirs = || {
                runtime.block_on(in_tasks(tasks, |task| {
                    let (bare, keys, value) = (bare_async.clone(), Arc::clone(&keys), Arc::clone(&value));
                    async move {
                        for call in 0..calls {
                            theirs(op, &bare, &keys, (task + call) % 100, &value).await;
                        }
                    }
                }));
            };
            compare_batches(&format!("a{}, {tasks} tasks", op.name()), tasks * calls, ours, theirs);
        }
    }
}

#[derive(Clone, Copy)]
enum Op {
    Get,
    Set,
    GetMany,
    SetMany,
}

impl Op {
    const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::GetMany => "get_many(100)",
            Self::SetMany => "set_many(100)",
        }
    }

    /// In all tasks together.
    const fn calls(self) -> usize {
        match self {
            Self::Get | Self::Set => 400,
            Self::GetMany | Self::SetMany => 50,
        }
    }
}

async fn ours(op: Op, cache: &Cache<MemcachedCache>, names: &[String], place: usize, value: &str) {
    match op {
        Op::Get => assert!(cache.aget::<String>(&names[place]).await.unwrap().is_some()),
        Op::Set => cache.aset(&names[place], value, MINUTE).await.unwrap(),
        Op::GetMany => assert_eq!(cache.aget_many::<String, _>(names).await.unwrap().len(), 100),
        Op::SetMany => {
            let entries = names.iter().map(|name| (name, value));
            assert!(cache.aset_many(entries, MINUTE).await.unwrap().is_empty());
        }
    }
}

async fn theirs(op: Op, bare: &AsyncMetaClient, keys: &[String], place: usize, value: &str) {
    let text = |found: Vec<u8>| String::from_utf8(found).unwrap();
    match op {
        Op::Get => _ = text(bare.get(&keys[place]).send().await.unwrap().value.unwrap()),
        Op::Set => _ = bare.set(&keys[place], value).client_flags(16).ttl(TTL).send().await.unwrap(),
        Op::GetMany => {
            let found = bare.run_many(keys.iter().map(Get::new)).await.unwrap();
            let texts = found.into_iter().map(|one| text(one.unwrap().value.unwrap()));
            assert_eq!(texts.count(), 100);
        }
        Op::SetMany => {
            let sets = keys.iter().map(|key| Set::new(key, value).client_flags(16).ttl(TTL));
            assert!(bare.run_many(sets).await.unwrap().iter().all(Result::is_ok));
        }
    }
}

/// Runs `task` so many times side by side.
async fn in_tasks<F: Future<Output = ()> + Send + 'static>(tasks: usize, task: impl Fn(usize) -> F) {
    let running: Vec<_> = (0..tasks).map(|number| tokio::spawn(task(number))).collect();
    for one in running {
        one.await.unwrap();
    }
}

fn compare(name: &str, calls: usize, mut ours: impl FnMut(), mut theirs: impl FnMut()) {
    compare_batches(name, calls, || (0..calls).for_each(|_| ours()), || (0..calls).for_each(|_| theirs()));
}

fn compare_batches(name: &str, calls: usize, mut ours: impl FnMut(), mut theirs: impl FnMut()) {
    let (mut one, mut other, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS + 3 {
        let (a, b) = (time(&mut ours), time(&mut theirs));
        // The first rounds connect and warm up.
        if round >= 3 {
            one.push(a / calls as f64);
            other.push(b / calls as f64);
            ratios.push(a / b);
        }
    }
    println!("{name:>35} {:>10.1} {:>8.1} {:>6.2}", median(one), median(other), median(ratios));
}

/// Microseconds.
fn time(run: &mut impl FnMut()) -> f64 {
    let begun = Instant::now();
    run();
    begun.elapsed().as_secs_f64() * 1e6
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
