//! Mutated pickles: no panic, and memory bounded by the input. `CACHE_PICKLE_FUZZ` is the number
//! of inputs, and `CACHE_PICKLE_SEED` where the sequence begins.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod python;

use std::time::{Duration, Instant};

use allocation_counter::measure;
use cache_pickle::{ErrorKind, Value, from_slice};
use fastrand::Rng;
use serde::de::IgnoredAny;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = python::vectors();
    seeds.retain(|seed| seed.len() < 600);
    seeds.push([b")".as_slice(), &b"2\x86".repeat(12), b"."].concat());
    seeds.push(b"cm\nC\n)\x81(NNe(NNu}b.".to_vec());
    // Long names, as they are and with an escape; a UUID of a time; classes within classes; a text
    // that is no Latin-1; keys that Python cannot hash; a datetime in a zone that is shared.
    let name = "m".repeat(300);
    seeds.push(format!("](c{name}\nC\nq\0h\0)Rh\0e.").into_bytes());
    seeds.push([format!("](V\\u0041{name}\nq\0").as_bytes(), b"h\0h\0\x93h\0h\0\x930e."].concat());
    seeds.push(
        b"cuuid\nUUID\nq\0)\x81q\x01}q\x02(X\x03\0\0\0intq\x03K\x05X\x07\0\0\0is_safeJ\xff\xff\xff\xffub."
            .to_vec(),
    );
    seeds.push(
        b"\x80\x02c__builtin__\ngetattr\nq\0cm\nOuter\nX\x05\0\0\0Inner\x86q\x03Rq\x04)\x81q\x05N\x86."
            .to_vec(),
    );
    seeds.push(b"](c_codecs\nencode\nq\0X\x03\0\0\0x\xc4\x80X\x06\0\0\0latin1\x86q\x01Rh\0h\x01Re.".to_vec());
    seeds.push(b"](}](K\x01e]s\x8f(}K\x01\x85\x90e.".to_vec());
    seeds.push(
        b"](cdatetime\ndatetime\nq\0C\x0a\x07\xe8\x01\x01\0\0\0\0\0\0cdatetime\ntimezone\ncdatetime\ntimedelta\nK\0K\0K\0\x87R\x85Rq\x01\x86Rh\0C\x0a\x07\xe8\x01\x02\0\0\0\0\0\0h\x01\x86Re."
            .to_vec(),
    );
    seeds
}

const OPCODES: &[u8] = b"(.012FIJKLMNPQRSTUVXabcd}eghijl]opqrstu)G\
    \x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8bBC\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98";

fn mutate(random: &mut Rng, seeds: &[Vec<u8>], pickle: &mut Vec<u8>) {
    let at = random.usize(0..=pickle.len());
    let end = (at + random.usize(0..16)).min(pickle.len());
    match random.u8(0..10) {
        0 | 1 if at < pickle.len() => pickle[at] ^= 1 << random.u8(0..8),
        2 if at < pickle.len() => pickle[at] = random.u8(..),
        3 if at < pickle.len() => pickle[at] = random.choice(OPCODES.iter().copied()).unwrap(),
        4 => drop(pickle.drain(at..end)),
        5 => {
            let again = pickle[at..end].repeat(random.usize(1..8));
            pickle.splice(at..at, again);
        }
        6 | 7 => {
            let opcodes: Vec<u8> =
                (0..random.usize(1..6)).map(|_| OPCODES[random.usize(0..OPCODES.len())]).collect();
            pickle.splice(at..at, opcodes);
        }
        8 => {
            let other = &seeds[random.usize(0..seeds.len())];
            let from = random.usize(0..other.len());
            let to = random.usize(from..=other.len());
            pickle.splice(at..end, other[from..to].iter().copied());
        }
        _ => {
            let huge = [0xff, 0x7f, 0x80, 0][random.usize(0..4)];
            pickle[at..end].fill(huge);
        }
    }
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
    let (count, first) = (number("CACHE_PICKLE_FUZZ", 100_000), number("CACHE_PICKLE_SEED", 1));
    let seeds = seeds();
    let (mut values, mut unshared, mut ratio, mut bytes) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut reading = Duration::ZERO;
    let started = Instant::now();
    for number in first..first + count {
        let mut random = Rng::with_seed(number);
        let mut pickle = seeds[random.usize(0..seeds.len())].clone();
        for _ in 0..random.usize(1..5) {
            mutate(&mut random, &seeds, &mut pickle);
        }
        let before = Instant::now();
        let mut read = Err(ErrorKind::Malformed);
        let info = measure(|| read = Value::read(&pickle).map_err(|e| e.kind()));
        reading += before.elapsed();
        bytes += pickle.len() as u64;
        // Work shows in what is allocated, too.
        assert!(info.bytes_total <= 4 * most(pickle.len()), "{number}: {} bytes", info.bytes_total);
        assert!(
            info.bytes_max <= most(pickle.len()),
            "{number}: {} bytes for {}",
            info.bytes_max,
            pickle.len()
        );
        if !pickle.iter().any(|byte| b"hgj2".contains(byte)) {
            unshared += 1;
            ratio = ratio.max(info.bytes_max / (pickle.len() as u64).max(1));
            let most = most_without_sharing(pickle.len());
            assert!(info.bytes_max <= most, "{number}: {} bytes for {}", info.bytes_max, pickle.len());
        }
        assert_eq!(from_slice::<IgnoredAny>(&pickle).is_ok(), read.is_ok(), "{number}");
        let _ = from_slice::<serde_json::Value>(&pickle);
        let Ok(value) = read else { continue };
        values += 1;
        match value.write() {
            Ok(written) => same(&Value::read(&written).unwrap(), &value, number),
            // A few types are more levels in protocol 4 than in others, and Python could not have read
            // a list that is a key.
            Err(e) => {
                let expected = e.kind() == ErrorKind::Limit || e.to_string().contains("cannot hash");
                assert!(expected, "{number}: {e}");
            }
        }
        same(&from_slice::<Value>(&pickle).unwrap(), &value, number);
    }
    let all = started.elapsed();
    println!(
        "{count} inputs in {all:.1?}, {values} of them values; read at {:.0} per second, {:.0} MB/s; \
         {unshared} without sharing took at most {ratio} bytes a byte",
        count as f64 / reading.as_secs_f64(),
        bytes as f64 / reading.as_secs_f64() / 1e6,
    );
    assert!(values * 20 > count, "the mutations leave too little: {values} of {count}");
    assert!(unshared * 20 > count, "too few without sharing: {unshared} of {count}");
}

#[track_caller]
fn same(a: &Value, b: &Value, number: u64) {
    // NaN is not even itself.
    assert!(a == b || format!("{a:?}") == format!("{b:?}"), "{number}: {a:?} is not {b:?}");
}
