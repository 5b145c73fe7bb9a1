//! What this crate costs beside the bare client, `memcache::exp`: both in one run, in turns, on a
//! server of its own.
//!
//! `cargo run --release -p cache-memcached --example overhead`

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
        let calls = 400 / tasks;
        let ours = |write: bool| {
            let (cache, names, value) = (cache.clone(), Arc::clone(&names), Arc::clone(&value));
            runtime.block_on(in_tasks(tasks, move |task| {
                let (cache, names, value) = (cache.clone(), Arc::clone(&names), Arc::clone(&value));
                async move {
                    for call in 0..calls {
                        let name = &names[(task + call) % names.len()];
                        if write {
                            cache.aset(name, value.as_str(), MINUTE).await.unwrap();
                        } else {
                            cache.aget::<String>(name).await.unwrap().unwrap();
                        }
                    }
                }
            }));
        };
        let theirs = |write: bool| {
            let (bare, keys, value) = (bare_async.clone(), Arc::clone(&keys), Arc::clone(&value));
            runtime.block_on(in_tasks(tasks, move |task| {
                let (bare, keys, value) = (bare.clone(), Arc::clone(&keys), Arc::clone(&value));
                async move {
                    for call in 0..calls {
                        let key = &keys[(task + call) % keys.len()];
                        if write {
                            bare.set(key, value.as_str()).client_flags(16).ttl(TTL).send().await.unwrap();
                        } else {
                            let found = bare.get(key).send().await.unwrap().value.unwrap();
                            String::from_utf8(found).unwrap();
                        }
                    }
                }
            }));
        };
        for (name, write) in [("aget", false), ("aset", true)] {
            let name = format!("{name}, {tasks} tasks");
            compare_batches(&name, tasks * calls, || ours(write), || theirs(write));
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
