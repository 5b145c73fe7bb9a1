//! What it costs to make the store's key from the caller's, and to look whether it is a good one.

#![allow(clippy::unwrap_used, reason = "a measuring program ends where it cannot go on")]

use std::hint::black_box;

use arrayvec::ArrayString;
use benches::{Bench, Contender, Unit};
use cache_core::Cache;
use cache_locmem::LocMemCache;

/// Sixteen bytes at a time, as the processor takes them; a key of fewer is looked at byte by byte.
fn is_good(key: &str) -> bool {
    let is_refused = |b: u8| b <= 0x20 || b == 0x7f;
    let Some(last) = key.as_bytes().last_chunk::<16>() else { return !key.bytes().any(is_refused) };
    let mut refused = [false; 16];
    for block in key.as_bytes().as_chunks::<16>().0.iter().chain([last]) {
        refused.iter_mut().zip(block).for_each(|(refused, &byte)| *refused |= is_refused(byte));
    }
    !refused.iter().fold(false, |all, one| all | one)
}

fn main() {
    let bench = Bench::from_args("keys");
    let cache = Cache::builder(LocMemCache::default()).key_prefix("app").build().unwrap();
    for length in [12, 60, 250 - "app:1:".len()] {
        let keys: Vec<String> = (0..1024).map(|n| format!("{n:0>length$}")).collect();
        let key = |n: u64| keys[(n & 1023) as usize].as_str();
        // Looked at where it is, within its result: a made key is large, and no caller of ours moves one.
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
            assert!(made.len() <= 250 && is_good(key(n)));
            _ = black_box(made.as_str());
        });
        let case = format!("make and validate, {length} bytes");
        let medians = bench.compare(&case, made, vec![copied, formatted, bare.floor()]);
        if let (Some(medians), 60) = (medians, length) {
            bench.compare_numbers(&case, Unit::Ns, medians[0], ("limit", 15.0), Some(1.0));
        }
    }
}
