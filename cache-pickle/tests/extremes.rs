//! Whatever the limits are, what is written and read ends in a value or in a typed error.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cache_core::Codec as _;
use cache_pickle::{BigInt, ErrorKind, Limits, Pickle, Value};
use conformance_tests::faults::extremes::NUMBERS;
use conformance_tests::faults::{in_time, record};

/// Sets one of the limits.
type Set = fn(Limits, usize) -> Limits;

/// A list of 5,000 numbers, sixty times by the memo: it grows to more than a hundred times its length.
fn large() -> Vec<u8> {
    let mut pickle = b"](".to_vec();
    pickle.extend(b"]q\x00(");
    pickle.extend(b"K\x07".repeat(5_000));
    pickle.push(b'e');
    pickle.extend(b"h\x00".repeat(59));
    pickle.extend(b"e.");
    pickle
}

#[test]
fn no_limit_breaks_writing_or_reading() {
    let sets: [(&str, Set); 4] = [
        ("input", Limits::with_input),
        ("nodes", Limits::with_nodes),
        ("integer", Limits::with_integer),
        ("growth", Limits::with_growth),
    ];
    let integer = BigInt::from(2).pow(100);
    let values = [
        Value::None,
        Value::from(integer.clone()),
        Value::List(vec![Value::from(integer), Value::from(1), Value::Tuple(vec![Value::None])]),
    ];
    // The same list twice, by the memo; an integer in digits; one that is too long for any of the small limits.
    let pickles: [&[u8]; 4] =
        [b"](]q\x00h\x00e.", b"I12345678901234567890123\n.", b"\x80\x04N.", b"(lp0\n(h0\nl."];
    let large = large();
    for (name, set) in sets {
        for number in NUMBERS.map(|number| usize::try_from(number).unwrap_or(usize::MAX)) {
            let what = format!("{name} {number}");
            let (told, values, large) = (what.clone(), values.clone(), large.clone());
            in_time(&what, move || {
                let limits = set(Limits::default(), number);
                for value in &values {
                    let written = cache_pickle::to_vec_with(value, &limits);
                    match &written {
                        // What is written within limits is read within them.
                        Ok(bytes) => assert_eq!(&Value::read_with(bytes, &limits).unwrap(), value, "{told}"),
                        Err(e) => assert_eq!(e.kind(), ErrorKind::Limit, "{told}: {e}"),
                    }
                    assert!(number < 100 || written.is_ok(), "{told}");
                    let codec = Pickle { limits };
                    assert_eq!(
                        codec.encode(&1).is_ok(),
                        cache_pickle::to_vec_with(&1, &limits).is_ok(),
                        "{told}"
                    );
                }
                for pickle in pickles {
                    drop(Value::read_with(pickle, &limits));
                }
                // Beyond the defaults in what it grows to, and within all that is far beyond them.
                let read = Value::read_with(&large, &limits.with_growth(limits.growth.max(1_000)));
                let fits = match name {
                    "input" => number >= large.len(),
                    "nodes" => number >= 300_000,
                    _ => true,
                };
                assert_eq!(
                    read.is_ok(),
                    fits,
                    "{told}: is a value with 300,000 others read? {:?}",
                    read.err()
                );
                if name == "growth" {
                    let read = Value::read_with(&large, &limits);
                    let fits = number > 1_000;
                    assert_eq!(read.is_ok(), fits, "{told}: is a value that grows read? {:?}", read.err());
                }
            });
            record(34, "pickle", 1, 0, "extremes of its limits: each call ends");
        }
    }
}
