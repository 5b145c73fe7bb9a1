//! Reads and writes documents of a megabyte, and has Python read and write the same bytes.
//! `cargo run --release -p cache-pickle --example pickle_speed`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program to be run by hand")]

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use cache_pickle::{Date, DateTime, Time, TimeZone, Value, from_slice, to_vec};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

const PYTHON: &str = "
import pickle, sys, time
data = open(sys.argv[1], 'rb').read()
def best(call):
    times = []
    end = time.perf_counter() + 1
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
value = pickle.loads(data)
written = pickle.dumps(value, 4)
print('  %-28s %7.0f MB/s' % ('Python reads', len(data) / best(lambda: pickle.loads(data)) / 1e6))
print('  %-28s %7.0f MB/s' % ('Python writes', len(written) / best(lambda: pickle.dumps(value, 4)) / 1e6))
";

#[derive(Clone, Serialize, Deserialize)]
struct User {
    id: u32,
    name: String,
    email: String,
    balance: f64,
    active: bool,
    tags: Vec<String>,
}

fn best<T>(bytes: usize, mut call: impl FnMut() -> T) -> f64 {
    let started = Instant::now();
    let mut shortest = f64::MAX;
    while started.elapsed().as_secs() < 1 {
        let start = Instant::now();
        drop(black_box(call()));
        shortest = shortest.min(start.elapsed().as_secs_f64());
    }
    bytes as f64 / shortest / 1e6
}

fn measure<T: Serialize + for<'de> Deserialize<'de>>(name: &str, value: &T) {
    let bytes = to_vec(value).unwrap();
    println!("{name}: {} bytes", bytes.len());
    let show = |what: &str, speed: f64| println!("  {what:28} {speed:7.0} MB/s");
    show("checks", best(bytes.len(), || from_slice::<IgnoredAny>(&bytes).unwrap()));
    show("reads as its type", best(bytes.len(), || from_slice::<T>(&bytes).unwrap()));
    show("reads as a Value", best(bytes.len(), || Value::read(&bytes).unwrap()));
    let read = Value::read(&bytes).unwrap();
    show("writes its type", best(bytes.len(), || to_vec(value).unwrap()));
    show("writes a Value", best(bytes.len(), || read.write().unwrap()));
    let path = std::env::temp_dir().join(format!("cache-pickle-speed-{}", std::process::id()));
    // By Python itself, so that both read what a Python program has in its cache.
    std::fs::write(&path, &bytes).unwrap();
    let rewrite = "import pickle, sys; p = sys.argv[1]; v = pickle.load(open(p, 'rb')); pickle.dump(v, open(p, 'wb'), 4)";
    if Command::new("python3").args(["-c", rewrite]).arg(&path).status().is_ok_and(|status| status.success())
    {
        let pythons = std::fs::read(&path).unwrap();
        println!("  the same by Python: {} bytes", pythons.len());
        show("checks", best(pythons.len(), || from_slice::<IgnoredAny>(&pythons).unwrap()));
        show("reads as its type", best(pythons.len(), || from_slice::<T>(&pythons).unwrap()));
        show("reads as a Value", best(pythons.len(), || Value::read(&pythons).unwrap()));
        Command::new("python3").args(["-c", PYTHON]).arg(&path).status().unwrap();
    }
    std::fs::remove_file(&path).unwrap();
}

fn main() {
    let user = |id: u32| User {
        id,
        name: format!("user number {id}"),
        email: format!("user{id}@example.org"),
        balance: f64::from(id) / 7.0,
        active: id.is_multiple_of(3),
        tags: vec!["new".to_owned(), format!("group-{}", id % 10)],
    };
    measure("8,000 structs", &(0..8000).map(user).collect::<Vec<_>>());
    measure("300,000 integers", &(0..300_000).map(|n: i64| n * 3 % 100_000).collect::<Vec<_>>());
    measure("100,000 floats", &(0..100_000).map(|n| f64::from(n) / 3.0).collect::<Vec<_>>());
    measure("40,000 strings", &(0..40_000).map(|n| format!("text number {n} of many")).collect::<Vec<_>>());
    let map: BTreeMap<String, u32> = (0..40_000).map(|n| (format!("key number {n}"), n)).collect();
    measure("a dict of 40,000 as a BTreeMap", &map);
    measure("a dict of 40,000 as a HashMap", &map.into_iter().collect::<HashMap<_, _>>());
    let row = |n: u8| {
        let date = Date::new(2000 + u16::from(n), n % 12 + 1, n % 28 + 1).unwrap();
        let time = Time::new(n % 24, n % 60, n % 60, 0).unwrap().with_zone(Some(TimeZone::UTC));
        Value::Dict(vec![
            ("id".into(), u32::from(n).into()),
            ("at".into(), DateTime { date, time }.into()),
            ("price".into(), Value::Decimal(format!("{n}.99"))),
            ("key".into(), Value::Uuid([n; 16])),
        ])
    };
    measure(
        "8,000 rows of Django's types",
        &Value::List((0..8000_u32).map(|n| row((n % 200) as u8)).collect()),
    );
}
