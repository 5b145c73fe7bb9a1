//! What this crate costs beside the bare client, `redis`: both in one run, in turns, on a server of
//! its own.
//!
//! `cargo run --release -p cache-redis --example redis_overhead`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement prints, and ends where it cannot go on"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_core::Cache;
use cache_redis::RedisCache;
use conformance_tests::servers::Server;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands as _, Commands as _, Pipeline};

/// In turns, so that what disturbs the machine disturbs both.
const ROUNDS: usize = 60;

const MINUTE: Duration = Duration::from_secs(60);

fn main() {
    let server = Server::redis(&[]).unwrap();
    let url = format!("redis://{}", server.address());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cache = Cache::new(RedisCache::new(url.as_str()).unwrap());
    let client = redis::Client::open(url).unwrap();
    let mut bare = client.get_connection().unwrap();
    let config = ConnectionManagerConfig::new().set_response_timeout(Some(Duration::from_secs(1)));
    let bare_async = runtime.block_on(ConnectionManager::new_with_config(client, config)).unwrap();

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
        // Read as bytes: they are MessagePack.
        || _ = bare.get::<_, Option<Vec<u8>>>(&keys[7]).unwrap().unwrap(),
    );
    compare(
        "set",
        200,
        || cache.set(&names[7], &value, MINUTE).unwrap(),
        || bare.pset_ex::<_, _, ()>("bare", &value, 60_000).unwrap(),
    );
    compare(
        "get_many(100)",
        20,
        || assert_eq!(cache.get_many::<String, _>(&names).unwrap().len(), 100),
        || assert_eq!(bare.mget::<_, Vec<Option<Vec<u8>>>>(&keys).unwrap().len(), 100),
    );
    compare(
        "set_many(100)",
        20,
        || assert!(cache.set_many(entries(), MINUTE).unwrap().is_empty()),
        || sets(&keys, &value).exec(&mut bare).unwrap(),
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

async fn ours(op: Op, cache: &Cache<RedisCache>, names: &[String], place: usize, value: &str) {
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

async fn theirs(op: Op, bare: &ConnectionManager, keys: &[String], place: usize, value: &str) {
    let mut bare = bare.clone();
    match op {
        Op::Get => assert!(bare.get::<_, Option<Vec<u8>>>(&keys[place]).await.unwrap().is_some()),
        // Beside the cache's own keys, since it does not write its values.
        Op::Set => bare.pset_ex::<_, _, ()>(place, value, 60_000).await.unwrap(),
        Op::GetMany => assert_eq!(bare.mget::<_, Vec<Option<Vec<u8>>>>(keys).await.unwrap().len(), 100),
        Op::SetMany => sets(keys, value).exec_async(&mut bare).await.unwrap(),
    }
}

fn sets(keys: &[String], value: &str) -> Pipeline {
    let mut pipeline = redis::pipe();
    for key in keys {
        pipeline.pset_ex(format!("bare{key}"), value, 60_000).ignore();
    }
    pipeline
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
