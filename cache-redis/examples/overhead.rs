//! What the cache costs beside the bare client: both in one run, in turns, medians.
//!
//! `cargo run --release -p cache-redis --example overhead`

use std::error::Error;
use std::future::Future;
use std::time::{Duration, Instant};

use cache_core::Cache;
use cache_redis::RedisCache;
use conformance_tests::servers::Server;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands as _, Commands as _};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const MINUTE: Duration = Duration::from_secs(60);
const ROUNDS: usize = 31;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn show(what: &str, calls: u32, ours: Vec<Duration>, bare: Vec<Duration>) {
    let micros = |times| median(times).as_secs_f64() * 1e6 / f64::from(calls);
    let (ours, bare) = (micros(ours), micros(bare));
    println!("{what:<24} cache {ours:>8.1} µs   client {bare:>8.1} µs   ratio {:.2}", ours / bare);
}

/// Times `calls` calls of each in turns.
fn compare(
    what: &str,
    calls: u32,
    mut ours: impl FnMut() -> Result,
    mut bare: impl FnMut() -> Result,
) -> Result {
    let (mut of_ours, mut of_bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..calls {
            ours()?;
        }
        of_ours.push(begun.elapsed());
        let begun = Instant::now();
        for _ in 0..calls {
            bare()?;
        }
        of_bare.push(begun.elapsed());
    }
    show(what, calls, of_ours, of_bare);
    Ok(())
}

/// Times `tasks` tasks with `calls` calls each, in turns.
async fn compare_tasks<A, B>(
    what: &str,
    (tasks, calls): (u32, u32),
    ours: impl Fn() -> A,
    bare: impl Fn() -> B,
) -> Result
where
    A: Future<Output = ()> + Send + 'static,
    B: Future<Output = ()> + Send + 'static,
{
    async fn time<F: Future<Output = ()> + Send + 'static>(
        tasks: u32,
        make: impl Fn() -> F,
    ) -> Result<Duration> {
        let begun = Instant::now();
        let running: Vec<_> = (0..tasks).map(|_| tokio::spawn(make())).collect();
        for task in running {
            task.await?;
        }
        Ok(begun.elapsed())
    }
    let (mut of_ours, mut of_bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_ours.push(time(tasks, &ours).await?);
        of_bare.push(time(tasks, &bare).await?);
    }
    show(what, tasks * calls, of_ours, of_bare);
    Ok(())
}

fn main() -> Result {
    let server = Server::redis(&[])?;
    let url = format!("redis://{}", server.address());
    let cache = Cache::new(RedisCache::new(url.as_str())?);
    let client = redis::Client::open(url)?;
    let mut connection = client.get_connection()?;
    let text = "x".repeat(100);
    let keys: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
    let made: Vec<String> = keys.iter().map(|key| format!(":1:{key}")).collect();

    compare("set", 300, || Ok(cache.set("k", &text, MINUTE)?), || Ok(connection.set_ex(":1:c", &text, 60)?))?;
    compare(
        "get",
        300,
        || cache.get::<String>("k")?.map(drop).ok_or("lost".into()),
        || connection.get::<_, Option<String>>(":1:c")?.map(drop).ok_or("lost".into()),
    )?;
    compare(
        "set_many(100)",
        20,
        || Ok(cache.set_many(keys.iter().map(|key| (key, &text)), MINUTE).map(drop)?),
        || {
            let mut pipe = redis::pipe();
            for key in &made {
                pipe.set_ex(key, &text, 60).ignore();
            }
            Ok(pipe.exec(&mut connection)?)
        },
    )?;
    compare(
        "get_many(100)",
        20,
        || Ok(cache.get_many::<String, _>(&keys).map(drop)?),
        // Read as bytes: they are MessagePack.
        || Ok(connection.mget::<_, Vec<Option<Vec<u8>>>>(&made).map(drop)?),
    )?;

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let config = ConnectionManagerConfig::new().set_response_timeout(Some(Duration::from_secs(1)));
        let manager = ConnectionManager::new_with_config(client, config).await?;
        for (tasks, calls) in [(1, 300), (50, 20)] {
            let plural = if tasks == 1 { "task" } else { "tasks" };
            let (ours, bare, value) = (&cache, &manager, &text);
            compare_tasks(
                &format!("async set, {tasks} {plural}"),
                (tasks, calls),
                || {
                    let (cache, text) = (ours.clone(), value.clone());
                    async move {
                        for _ in 0..calls {
                            assert!(cache.aset("k", &text, MINUTE).await.is_ok());
                        }
                    }
                },
                || {
                    let (mut manager, text) = (bare.clone(), value.clone());
                    async move {
                        for _ in 0..calls {
                            assert!(manager.set_ex::<_, _, ()>(":1:c", &text, 60).await.is_ok());
                        }
                    }
                },
            )
            .await?;
            compare_tasks(
                &format!("async get, {tasks} {plural}"),
                (tasks, calls),
                || {
                    let cache = ours.clone();
                    async move {
                        for _ in 0..calls {
                            assert!(matches!(cache.aget::<String>("k").await, Ok(Some(_))));
                        }
                    }
                },
                || {
                    let mut manager = bare.clone();
                    async move {
                        for _ in 0..calls {
                            assert!(matches!(manager.get::<_, Option<String>>(":1:c").await, Ok(Some(_))));
                        }
                    }
                },
            )
            .await?;
        }
        Ok(())
    })
}
