//! Mutated pickles are values or errors, without a panic, and in memory bounded by the input.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod python;

use std::cell::Cell;

use allocation_counter::measure;
use cache_pickle::{ErrorKind, Value, from_slice};
use conformance_tests::faults::Fuzz;
use fastrand::Rng;
use serde::de::IgnoredAny;

const OPCODES: &[u8] = b"(.012FIJKLMNPQRSTUVXabcd}eghijl]opqrstu)G\
    \x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8bBC\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98";

/// Other opcodes, one in the place of another or a few put in.
fn mutate(random: &mut Rng, _: &[Vec<u8>], pickle: &mut Vec<u8>) {
    let at = random.usize(0..=pickle.len());
    let count = random.usize(0..6);
    let opcodes = (0..count.max(1)).map(|_| OPCODES[random.usize(0..OPCODES.len())]).collect::<Vec<u8>>();
    let over = if count == 0 { (at + 1).min(pickle.len()) } else { at };
    pickle.splice(at..over, opcodes);
}

fn fuzz(reader: &str) -> Fuzz<'_> {
    let vectors = python::vectors().into_iter().filter(|seed| seed.len() < 600);
    vectors
        .fold(Fuzz::new("pickle", reader), |fuzz, seed| fuzz.seed(seed))
        .seed([b")".as_slice(), &b"2\x86".repeat(12), b"."].concat())
        // Long names, as they are and with an escape.
        .seed(format!("](c{name}\nC\nq\0h\0)Rh\0e.", name = "m".repeat(300)))
        .seed([format!("](V\\u0041{}\nq\0", "m".repeat(300)).as_bytes(), b"h\0h\0\x93h\0h\0\x930e."].concat())
        .seeds_in(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz"))
        .mutation(mutate)
}

/// What one input may take at once: what its copies of shared objects may, twice over, while a
/// vector grows, besides the tables.
fn most(len: usize) -> u64 {
    (16 << 20) + 700 * len as u64
}

/// The same for an input that names nothing twice.
fn most_without_sharing(len: usize) -> u64 {
    4096 + 600 * len as u64
}

#[test]
fn mutated_pickles_are_values_or_errors() {
    let (unshared, tried) = (Cell::new(0_u64), Cell::new(0_u64));
    fuzz("pickles").run(60_000, |pickle| {
        tried.set(tried.get() + 1);
        let mut read = Err(ErrorKind::Malformed);
        let info = measure(|| read = Value::read(pickle).map_err(|e| e.kind()));
        // Work shows in what is allocated, too.
        assert!(info.bytes_total <= 4 * most(pickle.len()), "{} bytes in all", info.bytes_total);
        assert!(info.bytes_max <= most(pickle.len()), "{} bytes for {}", info.bytes_max, pickle.len());
        if !pickle.iter().any(|byte| b"hgj2".contains(byte)) {
            unshared.set(unshared.get() + 1);
            let most = most_without_sharing(pickle.len());
            assert!(info.bytes_max <= most, "{} bytes for {}", info.bytes_max, pickle.len());
        }
        assert_eq!(from_slice::<IgnoredAny>(pickle).is_ok(), read.is_ok());
        let _ = from_slice::<serde_json::Value>(pickle);
        let Ok(value) = read else { return false };
        match value.write() {
            Ok(written) => same(&Value::read(&written).unwrap(), &value),
            // A few types are more levels in protocol 4 than in others, and Python could not have read
            // a list that is a key.
            Err(e) => {
                let expected = e.kind() == ErrorKind::Limit || e.to_string().contains("cannot hash");
                assert!(expected, "{e}");
            }
        }
        same(&from_slice::<Value>(pickle).unwrap(), &value);
        true
    });
    assert!(unshared.get() * 20 > tried.get(), "too few without sharing: {unshared:?} of {tried:?}");
}

#[track_caller]
fn same(a: &Value, b: &Value) {
    // NaN is not even itself.
    assert!(a == b || format!("{a:?}") == format!("{b:?}"), "{a:?} is not {b:?}");
}
