//! The Redis backend beside the bare client, beside another client, and beside Django.

#![allow(clippy::unwrap_used, reason = "a measuring program ends where it cannot go on")]

mod tasks;

use std::sync::Arc;

use benches::{Bench, Contender};
use cache_core::Cache;
use cache_redis::RedisCache;
use conformance_tests::servers::{Server, or_skip};
use fred::prelude::{Builder, Client as Fred, ClientLike as _, Config, Expiration, KeysInterface as _};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands as _, Commands as _, Pipeline};
use tasks::{MINUTE, Op, Shape, django, django_peer, floor, in_tasks, on_one_processor};

const MINUTE_MS: u64 = 60_000;

/// Within 1.15 times of the bare client.
const BARE: f64 = 0.87;

struct Data {
    cache: Cache<RedisCache>,
    names: Vec<String>,
    value: String,
}

/// What the backend makes of a name, beside its own entries: the bare clients store plain text, and
/// the backend what its codec writes.
fn made(name: &str) -> String {
    format!("{}:{}:{}", "bare", 1, name)
}

fn main() {
    let bench = Bench::from_args("redis");
    on_one_processor(|| {
        on_server(|url, data, bare| {
            in_threads(&bench, data, bare, url);
            for shape in Shape::ALONE {
                in_runtime(&bench, data, url, shape);
            }
        });
    });
    for shape in Shape::BETWEEN.into_iter().chain([Shape::CROWD]) {
        on_server(|url, data, _| in_runtime(&bench.in_long_slices(), data, url, shape));
    }
}

fn on_server(measure: impl FnOnce(&str, &Arc<Data>, &mut redis::Connection)) {
    let Some(server) = or_skip(Server::redis(&[])) else { return };
    let url = format!("redis://{}", server.address());
    let cache = Cache::new(RedisCache::new(url.as_str()).unwrap());
    let names: Vec<String> = (0..100).map(|n| format!("user:{n:04}")).collect();
    let value = "v".repeat(100);
    assert!(cache.set_many(names.iter().map(|name| (name, value.as_str())), MINUTE * 60).unwrap().is_empty());
    let data = Arc::new(Data { cache, names, value });
    let client = redis::Client::open(url.as_str()).unwrap();
    let mut bare = client.get_connection().unwrap();
    sets(&data, MINUTE_MS * 60).exec(&mut bare).unwrap();
    measure(&url, &data, &mut bare);
}

fn in_threads(bench: &Bench, data: &Data, bare: &mut redis::Connection, url: &str) {
    let Data { cache, names, value } = data;
    let python = django("redis", url);
    for op in Op::ALL {
        let name = |n: u64| &names[n as usize % 100];
        let (ours, bare) = match op {
            Op::Get => (
                Contender::each("ours", |n| cache.get::<String>(name(n)).unwrap().unwrap()),
                Contender::each("redis", |n| bare.get::<_, Option<String>>(made(name(n))).unwrap().unwrap()),
            ),
            Op::Set => (
                Contender::each("ours", |n| cache.set(name(n), value, MINUTE).unwrap()),
                Contender::each("redis", |n| {
                    bare.pset_ex::<_, _, ()>(made(name(n)), value, MINUTE_MS).unwrap();
                }),
            ),
            Op::GetMany => (
                Contender::each("ours", |_| {
                    assert_eq!(cache.get_many::<String, _>(names).unwrap().len(), 100);
                }),
                Contender::each("redis", |_| {
                    let keys: Vec<String> = names.iter().map(|name| made(name)).collect();
                    assert_eq!(bare.mget::<_, Vec<Option<String>>>(keys).unwrap().len(), 100);
                }),
            ),
            Op::SetMany => (
                Contender::each("ours", |_| {
                    let entries = names.iter().map(|name| (name, value.as_str()));
                    assert!(cache.set_many(entries, MINUTE).unwrap().is_empty());
                }),
                Contender::each("redis", |_| sets(data, MINUTE_MS).exec(bare).unwrap()),
            ),
        };
        let mut peers = vec![bare.goal(BARE)];
        let django = django_peer("Django, RedisCache", python.as_ref(), op);
        peers.extend(django.map(|peer| if op == Op::Get { peer.goal(10.0) } else { peer }));
        peers.extend(bare_socket(op, data, url, 1));
        bench.compare(&format!("{}, sync", op.name()), ours, peers);
    }
}

/// The floor of calls with one entry each.
fn bare_socket<'a>(op: Op, data: &Data, url: &str, at_once: usize) -> Option<Contender<'a>> {
    let name = made(&data.names[7]);
    let (cmd, reply) = match op {
        Op::Get => (redis::Cmd::get(name), format!("${}\r\n{}\r\n", data.value.len(), data.value)),
        Op::Set => (redis::Cmd::pset_ex(name, &data.value, MINUTE_MS), "+OK\r\n".to_owned()),
        Op::GetMany | Op::SetMany => return None,
    };
    let address = url.trim_start_matches("redis://");
    Some(floor(address, &cmd.get_packed_command(), reply.len(), at_once))
}

fn in_runtime(bench: &Bench, data: &Arc<Data>, url: &str, shape: Shape) {
    let runtime = shape.runtime();
    let config = ConnectionManagerConfig::new().set_response_timeout(Some(std::time::Duration::from_secs(1)));
    let client = redis::Client::open(url).unwrap();
    let bare = runtime.block_on(ConnectionManager::new_with_config(client, config)).unwrap();
    let fred = Builder::from_config(Config::from_url(url).unwrap()).build().unwrap();
    runtime.block_on(fred.init()).unwrap();
    for &op in shape.ops() {
        let ours = {
            let data = Arc::clone(data);
            in_tasks("ours", &runtime, shape.tasks, move |_, n| {
                let data = Arc::clone(&data);
                async move { ours(op, &data, n % 100).await }
            })
        };
        let redis = {
            let (data, bare) = (Arc::clone(data), bare.clone());
            in_tasks("redis", &runtime, shape.tasks, move |_, n| {
                let (data, bare) = (Arc::clone(&data), bare.clone());
                async move { theirs(op, bare, &data, n % 100).await }
            })
        };
        let other = {
            let (data, fred) = (Arc::clone(data), fred.clone());
            in_tasks("fred", &runtime, shape.tasks, move |_, n| {
                let (data, fred) = (Arc::clone(&data), fred.clone());
                async move { anothers(op, &fred, &data, n % 100).await }
            })
        };
        let single = matches!(op, Op::Get | Op::Set);
        let other = if single && shape.is_crowd() { other.goal(1.2) } else { other };
        let mut peers = vec![redis.goal(BARE), other];
        if shape.tasks > 1 {
            peers.extend(bare_socket(op, data, url, shape.tasks));
        }
        bench.compare(&format!("{}, {}", op.name(), shape.name), ours, peers);
    }
    runtime.block_on(fred.quit()).unwrap();
}

async fn ours(op: Op, data: &Data, place: usize) {
    let Data { cache, names, value } = data;
    match op {
        Op::Get => assert!(cache.aget::<String>(&names[place]).await.unwrap().is_some()),
        Op::Set => cache.aset(&names[place], value, MINUTE).await.unwrap(),
        Op::GetMany => assert_eq!(cache.aget_many::<String, _>(names).await.unwrap().len(), 100),
        Op::SetMany => {
            let entries = names.iter().map(|name| (name, value.as_str()));
            assert!(cache.aset_many(entries, MINUTE).await.unwrap().is_empty());
        }
    }
}

async fn theirs(op: Op, mut bare: ConnectionManager, data: &Data, place: usize) {
    let Data { names, value, .. } = data;
    match op {
        Op::Get => assert!(bare.get::<_, Option<String>>(made(&names[place])).await.unwrap().is_some()),
        Op::Set => bare.pset_ex::<_, _, ()>(made(&names[place]), value, MINUTE_MS).await.unwrap(),
        Op::GetMany => {
            let keys: Vec<String> = names.iter().map(|name| made(name)).collect();
            assert_eq!(bare.mget::<_, Vec<Option<String>>>(keys).await.unwrap().len(), 100);
        }
        Op::SetMany => sets(data, MINUTE_MS).exec_async(&mut bare).await.unwrap(),
    }
}

async fn anothers(op: Op, fred: &Fred, data: &Data, place: usize) {
    let Data { names, value, .. } = data;
    let minute = || Some(Expiration::PX(MINUTE_MS as i64));
    match op {
        Op::Get => assert!(fred.get::<Option<String>, _>(made(&names[place])).await.unwrap().is_some()),
        Op::Set => {
            fred.set::<(), _, _>(made(&names[place]), value.as_str(), minute(), None, false).await.unwrap();
        }
        Op::GetMany => {
            let keys: Vec<String> = names.iter().map(|name| made(name)).collect();
            assert_eq!(fred.mget::<Vec<Option<String>>, _>(keys).await.unwrap().len(), 100);
        }
        Op::SetMany => {
            let pipeline = fred.pipeline();
            for name in names {
                pipeline.set::<(), _, _>(made(name), value.as_str(), minute(), None, false).await.unwrap();
            }
            _ = pipeline.all::<Vec<String>>().await.unwrap();
        }
    }
}

fn sets(data: &Data, ms: u64) -> Pipeline {
    let mut pipeline = redis::pipe();
    for name in &data.names {
        pipeline.pset_ex(made(name), &data.value, ms).ignore();
    }
    pipeline
}
