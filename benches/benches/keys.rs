//! What it costs to make the store's key from the caller's, and to look whether it is a good one.

#![allow(clippy::unwrap_used, reason = "a measuring program ends where it cannot go on")]

use std::hint::black_box;

use arrayvec::ArrayString;
use benches::{Bench, Contender, Unit, is_good_key};
use cache_core::Cache;
use cache_locmem::LocMemCache;

fn main() {
    let bench = Bench::from_args("keys");
    let cache = Cache::builder(LocMemCache::default()).key_prefix("app").build().unwrap();
    for length in [12, 60, 250 - "app:1:".len()] {
        let keys: Vec<String> = (0..1024).map(|n| format!("{n:0>length$}")).collect();
        let key = |n: u64| keys[(n & 1023) as usize].as_str();
        // Inspected in place, within its result: a made key is large, and the crates' callers never move one.
        let made =
            Contender::each("ours", |n| _ = black_box(cache.make_and_validate_key(key(n)).as_ref().unwrap()));
        let copied = Contender::each("a copy into a String", |n| key(n).to_owned());
        let formatted = Contender::each("format! and a check", |n| {
            let made = format!("{}:{}:{}", "app", 1, key(n));
            assert!(made.len() <= 250 && !made.bytes().any(|b| b <= 0x20 || b == 0x7f));
            made
        });
        let bare = Contender::each("bare copies and a check", |n| {
            let mut made = ArrayString::<256>::new();
            made.push_str(black_box("app:1:"));
            made.push_str(key(n));
            assert!(made.len() <= 250 && is_good_key(key(n)));
            _ = black_box(made.as_str());
        });
        let case = format!("make and validate, {length} bytes");
        let medians = bench.compare(&case, made, vec![copied, formatted, bare.floor()]);
        if let (Some(medians), 60) = (medians, length) {
            bench.compare_numbers(&case, Unit::Ns, medians[0], ("limit", 15.0), Some(1.0));
        }
    }
}
