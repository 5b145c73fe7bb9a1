//! Values of a type: what a struct costs through the default codec.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measuring program ends where it cannot go on")]

mod peers;

use std::time::Duration;

use benches::{Bench, Contender, Requests, numbered_key};
use bytes::Bytes;
use cache_core::Cache;
use cache_locmem::LocMemCache;
use serde::{Deserialize, Serialize};

use peers::Moka;

const TIMEOUT: Duration = Duration::from_secs(300);

#[derive(Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
    email: String,
    score: f64,
    tags: Vec<String>,
    active: bool,
}

fn user(n: u32) -> User {
    User {
        id: u64::from(n),
        name: format!("Grace Hopper {n}"),
        email: format!("grace{n}@example.org"),
        score: f64::from(n) * 0.37,
        tags: ["admin", "navy", "compilers"].map(str::to_owned).into(),
        active: true,
    }
}

fn main() {
    let bench = Bench::from_args("typed");
    let entries = bench.size(100_000, 1_000);
    let requests = Requests::new(entries, bench.size(1 << 20, 1 << 12), 0.0, 1);
    let number = |n: u64| requests.at(requests.place(0, n)).0;
    let users: Vec<User> = (0..1_024).map(user).collect();
    let user = |n: u64| &users[(n & 1_023) as usize];

    let backend = LocMemCache::builder().max_entries(u64::from(entries) * 2).build().unwrap();
    let ours = Cache::builder(backend).key_prefix("app").build().unwrap();
    let get = |number: u32| ours.get::<User>(&numbered_key("user:", number)).unwrap().expect("it exists");
    let set = |number, user: &User| ours.set(&numbered_key("user:", number), user, TIMEOUT).unwrap();

    let moka: Moka<Bytes> = peers::moka(u64::from(entries) * 2);
    let moka_get = |number| -> User {
        let (json, _) = moka.get(&*numbered_key("app:1:user:", number)).expect("it exists");
        serde_json::from_slice(&json).unwrap()
    };
    let moka_set = |number, user: &User| {
        let json = Bytes::from(serde_json::to_vec(user).unwrap());
        moka.insert(numbered_key("app:1:user:", number).to_string(), (json, TIMEOUT));
    };
    for number in 0..entries {
        let user = user(u64::from(number));
        set(number, user);
        moka_set(number, user);
        assert_eq!(get(number).email, moka_get(number).email);
    }

    let peer = "serde_json on moka";
    bench.compare(
        "get of a small struct",
        Contender::each("ours", |n| get(number(n))),
        vec![Contender::each(peer, |n| moka_get(number(n))).goal(1.5)],
    );
    bench.compare(
        "set of a small struct",
        Contender::each("ours", |n| set(number(n), user(n))),
        vec![Contender::each(peer, |n| moka_set(number(n), user(n))).goal(1.5)],
    );
}
