//! The memcached backend beside the bare client, beside another client, and beside Django.

#![allow(clippy::unwrap_used, reason = "a measuring program ends where it cannot go on")]

mod tasks;

use std::sync::Arc;

use async_memcached::{AsciiProtocol as _, Client};
use benches::{Bench, Contender};
use cache_core::Cache;
use cache_memcached::MemcachedCache;
use conformance_tests::servers::{Server, or_skip};
use memcache::exp::{AsyncMetaClient, Get, MetaClient, Set, Ttl};
use tasks::{MINUTE, Op, Shape, django, django_peer, floor, in_tasks, on_one_processor};
use tokio::sync::Mutex;

/// What a minute is on the wire: the backend adds a second, so that nothing is gone early.
const TTL: Ttl = Ttl::secs(61);

/// pymemcache's flags of a string.
const TEXT: u32 = 16;

/// Within 1.15 times of the bare client.
const BARE: f64 = 0.87;

/// The other client's entries have names of their own, and no flags.
const OTHER: &str = "other";

struct Data {
    cache: Cache<MemcachedCache>,
    names: Vec<String>,
    value: String,
}

/// The key that the backend makes of a name, in every call as it does.
fn made(name: &str) -> String {
    format!("{}:{}:{}", "", 1, name)
}

fn main() {
    let bench = Bench::from_args("memcached");
    on_one_processor(|| {
        on_server(|address, data| {
            in_threads(&bench, data, address);
            for shape in Shape::ALONE {
                in_runtime(&bench, data, address, shape);
            }
        });
    });
    for shape in Shape::BETWEEN.into_iter().chain([Shape::CROWD]) {
        on_server(|address, data| in_runtime(&bench.in_long_slices(), data, address, shape));
    }
}

fn on_server(measure: impl FnOnce(&str, &Arc<Data>)) {
    let Some(server) = or_skip(Server::memcached(&[])) else { return };
    let address = server.address().to_string();
    let cache = Cache::new(MemcachedCache::new([address.as_str()]).unwrap());
    let names: Vec<String> = (0..100).map(|n| format!("user:{n:04}")).collect();
    let value = "v".repeat(100);
    assert!(cache.set_many(names.iter().map(|name| (name, value.as_str())), MINUTE * 60).unwrap().is_empty());
    measure(&address, &Arc::new(Data { cache, names, value }));
}

fn in_threads(bench: &Bench, data: &Data, address: &str) {
    let Data { cache, names, value } = data;
    let bare = MetaClient::connect(address).unwrap();
    let python = django("memcached", address);
    for op in Op::ALL {
        let (ours, bare) = match op {
            Op::Get => (
                Contender::each("ours", |n| cache.get::<String>(&names[n as usize % 100]).unwrap().unwrap()),
                Contender::each("memcache", |n| {
                    text(bare.get(made(&names[n as usize % 100])).send().unwrap().value.unwrap())
                }),
            ),
            Op::Set => (
                Contender::each("ours", |n| cache.set(&names[n as usize % 100], value, MINUTE).unwrap()),
                Contender::each("memcache", |n| {
                    let set = bare.set(made(&names[n as usize % 100]), value).client_flags(TEXT).ttl(TTL);
                    _ = set.send().unwrap();
                }),
            ),
            Op::GetMany => (
                Contender::each("ours", |_| {
                    assert_eq!(cache.get_many::<String, _>(names).unwrap().len(), 100);
                }),
                Contender::each("memcache", |_| {
                    let found = bare.run_many(names.iter().map(|name| Get::new(made(name)))).unwrap();
                    let values = found.into_iter().map(|one| text(one.unwrap().value.unwrap()));
                    assert_eq!(values.collect::<Vec<_>>().len(), 100);
                }),
            ),
            Op::SetMany => (
                Contender::each("ours", |_| {
                    let entries = names.iter().map(|name| (name, value.as_str()));
                    assert!(cache.set_many(entries, MINUTE).unwrap().is_empty());
                }),
                Contender::each("memcache", |_| {
                    let sets =
                        names.iter().map(|name| Set::new(made(name), value).client_flags(TEXT).ttl(TTL));
                    assert!(bare.run_many(sets).unwrap().iter().all(Result::is_ok));
                }),
            ),
        };
        let faster = if matches!(op, Op::Get | Op::Set) { 2.3 } else { 7.0 };
        let mut peers = vec![bare.goal(BARE)];
        peers.extend(django_peer("Django, pymemcache", python.as_ref(), op).map(|peer| peer.goal(faster)));
        peers.extend(bare_socket(op, data, address, 1));
        bench.compare(&format!("{}, sync", op.name()), ours, peers);
    }
}

/// The floor of calls with one entry each.
fn bare_socket<'a>(op: Op, data: &Data, address: &str, at_once: usize) -> Option<Contender<'a>> {
    let (key, value, length) = (made(&data.names[7]), &data.value, data.value.len());
    let (request, reply) = match op {
        Op::Get => (format!("mg {key} v f\r\n"), format!("VA {length} f{TEXT}\r\n{value}\r\n")),
        Op::Set => (format!("ms {key} {length} F{TEXT} T61\r\n{value}\r\n"), "HD\r\n".to_owned()),
        Op::GetMany | Op::SetMany => return None,
    };
    Some(floor(address, request.as_bytes(), reply.len(), at_once))
}

fn in_runtime(bench: &Bench, data: &Arc<Data>, address: &str, shape: Shape) {
    let runtime = shape.runtime();
    let bare = AsyncMetaClient::builder().max_idle(64).connect_async(address);
    let bare = runtime.block_on(bare).unwrap();
    let others: Vec<Mutex<Client>> = (0..shape.tasks)
        .map(|_| Mutex::new(runtime.block_on(Client::new(format!("tcp://{address}"))).unwrap()))
        .collect();
    let others = Arc::new(others);
    runtime.block_on(async {
        let mut other = others[0].lock().await;
        for name in &data.names {
            other.set(format!("{OTHER}{name}"), data.value.as_str(), Some(3600), None).await.unwrap();
        }
    });
    for &op in shape.ops() {
        let many = matches!(op, Op::GetMany | Op::SetMany);
        let calls = |name, data: &Arc<Data>| {
            let data = Arc::clone(data);
            in_tasks(name, &runtime, shape.tasks, move |_, n| {
                let data = Arc::clone(&data);
                async move { ours(op, &data, n % 100).await }
            })
        };
        let memcache = {
            let (data, bare) = (Arc::clone(data), bare.clone());
            in_tasks("memcache", &runtime, shape.tasks, move |_, n| {
                let (data, bare) = (Arc::clone(&data), bare.clone());
                async move { theirs(op, &bare, &data, n % 100).await }
            })
        };
        let mut peers = vec![memcache.goal(BARE)];
        // It sends many values one after another.
        if !many {
            let (data, others) = (Arc::clone(data), Arc::clone(&others));
            let other = in_tasks("async-memcached", &runtime, shape.tasks, move |task, n| {
                let (data, others) = (Arc::clone(&data), Arc::clone(&others));
                async move { anothers(op, &mut *others[task].lock().await, &data, n % 100).await }
            });
            peers.push(if shape.is_crowd() { other.goal(1.0) } else { other });
        }
        if shape.tasks > 1 {
            peers.extend(bare_socket(op, data, address, shape.tasks));
        }
        bench.compare(&format!("{}, {}", op.name(), shape.name), calls("ours", data), peers);
    }
}

async fn ours(op: Op, data: &Data, place: usize) {
    let Data { cache, names, value, .. } = data;
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

async fn theirs(op: Op, bare: &AsyncMetaClient, data: &Data, place: usize) {
    let Data { names, value, .. } = data;
    match op {
        Op::Get => _ = text(bare.get(made(&names[place])).send().await.unwrap().value.unwrap()),
        Op::Set => {
            let set = bare.set(made(&names[place]), value).client_flags(TEXT).ttl(TTL);
            _ = set.send().await.unwrap();
        }
        Op::GetMany => {
            let found = bare.run_many(names.iter().map(|name| Get::new(made(name)))).await.unwrap();
            let values = found.into_iter().map(|one| text(one.unwrap().value.unwrap()));
            assert_eq!(values.collect::<Vec<_>>().len(), 100);
        }
        Op::SetMany => {
            let sets = names.iter().map(|name| Set::new(made(name), value).client_flags(TEXT).ttl(TTL));
            assert!(bare.run_many(sets).await.unwrap().iter().all(Result::is_ok));
        }
    }
}

async fn anothers(op: Op, other: &mut Client, data: &Data, place: usize) {
    let made = format!("{OTHER}{}", data.names[place]);
    if op == Op::Get {
        _ = text(other.get(made).await.unwrap().unwrap().data.unwrap());
    } else {
        other.set(made, data.value.as_str(), Some(61), None).await.unwrap();
    }
}

fn text(found: Vec<u8>) -> String {
    String::from_utf8(found).unwrap()
}
