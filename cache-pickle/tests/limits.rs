//! What is written can be read: both sides have the same limits.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use cache_core::Codec;
use cache_pickle::{
    BigInt, Class, Date, ErrorKind, Limits, Made, Object, Pickle, Value, from_slice, to_vec, to_vec_with,
};
use serde::Serialize;

#[track_caller]
fn refused(written: Result<Vec<u8>, cache_pickle::Error>) {
    match written {
        Ok(bytes) => panic!("{} bytes were written of what no reader takes", bytes.len()),
        Err(e) => assert_eq!(e.kind(), ErrorKind::Limit, "{e}"),
    }
}

#[test]
fn no_more_values_are_written_than_are_read() {
    let most = vec![0_u8; 1_000_000];
    assert_eq!(from_slice::<Vec<u8>>(&to_vec(&most).unwrap()).unwrap(), most);
    let more = vec![0_u8; 1_000_001];
    refused(to_vec(&more));
    assert!(Pickle::default().encode(&more).is_err());
    let values = |count| Value::List(vec![Value::Tuple(vec![Value::None, 1.into()]); count]);
    let most = values(333_333);
    assert_eq!(Value::read(&most.write().unwrap()).unwrap(), most);
    assert_eq!(Value::read(&to_vec(&most).unwrap()).unwrap(), most);
    refused(values(333_334).write());
    refused(to_vec(&values(333_334)));
}

#[test]
fn integers_are_as_large_in_text_as_in_bytes() {
    let larger = BigInt::from(2).pow(8191);
    let largest: BigInt = &larger - BigInt::from(1);
    let smaller: BigInt = -&larger - BigInt::from(1);
    for (n, fits) in [(largest.clone(), true), (larger.clone(), false), (-larger, true), (smaller, false)] {
        let bytes = n.to_signed_bytes_le();
        let long4 = [&[0x8b][..], (bytes.len() as u32).to_le_bytes().as_slice(), &bytes, b"."].concat();
        let value = Value::from(n.clone());
        let digits = n.to_string();
        for pickle in [long4, format!("L{digits}L\n.").into_bytes(), format!("I{digits}\n.").into_bytes()] {
            let read = Value::read(&pickle);
            if fits {
                assert_eq!(read.unwrap(), value);
            } else {
                assert_eq!(read.unwrap_err().kind(), ErrorKind::Limit);
            }
        }
        for written in [value.write(), to_vec(&value), to_vec(&[&value])] {
            if fits {
                assert!(Value::read(&written.unwrap()).is_ok());
            } else {
                refused(written);
            }
        }
    }
    // Python reads leading zeros, which do not make a number larger.
    let padded = format!("L{}{largest}L\n.", "0".repeat(9));
    assert_eq!(Value::read(padded.as_bytes()).unwrap(), largest.into());
}

#[test]
fn other_limits_hold_for_both_sides() {
    let limits = Limits::default().with_nodes(10).with_integer(8).with_input(100);
    let codec = Pickle { limits };
    let values = [
        (Value::List(vec![Value::None; 10]), true),
        (Value::List(vec![Value::None; 11]), false),
        (Value::Dict((0..5).map(|n| (n.into(), n.into())).collect()), true),
        (Value::Dict((0..6).map(|n| (n.into(), n.into())).collect()), false),
        (i64::MIN.into(), true),
        (u64::MAX.into(), false),
        ("x".repeat(80).into(), true),
        ("x".repeat(90).into(), false),
        (Value::Set((0..10).map(Value::from).collect()), true),
        (Value::List(vec![Value::Set((0..10).map(Value::from).collect())]), false),
        // Six parts of an object, and a list of dates.
        (object(vec![1.into()], Some(Value::None)).into(), true),
        (Value::List(vec![object(vec![1.into()], Some(Value::None)).into(), Value::None]), true),
        (object(vec![1.into(); 8], None).into(), true),
        (object(vec![1.into(); 9], None).into(), false),
        (Value::List(vec![Date::new(2024, 2, 29).unwrap().into(); 2]), true),
    ];
    for (value, fits) in values {
        let unlimited = value.write().unwrap();
        assert_eq!(Value::read_with(&unlimited, &limits).is_ok(), fits, "{value}");
        for written in [value.write_with(&limits), to_vec_with(&value, &limits)] {
            match written {
                Ok(written) => {
                    assert_eq!((Value::read_with(&written, &limits).unwrap(), fits), (value.clone(), true))
                }
                Err(e) => assert_eq!((e.kind(), fits), (ErrorKind::Limit, false), "{value}"),
            }
        }
        assert_eq!(codec.encode(&value).is_ok(), fits, "{value}");
    }
    // A struct's names count, as any other key.
    #[derive(Clone, Serialize)]
    struct Row {
        a: u8,
        b: Option<u8>,
    }
    for (count, fits) in [(2, true), (3, false)] {
        let rows = vec![Row { a: 1, b: None }; count];
        let read = Value::read_with(&to_vec(&rows).unwrap(), &limits);
        assert_eq!((read.is_ok(), to_vec_with(&rows, &limits).is_ok()), (fits, fits));
    }
}

/// A key or a class is written once and then named, which the reader counts as growth.
#[test]
fn what_is_named_again_and_again_is_read() {
    // 6.4 MB of names are saved by that, where 4 MiB may be.
    let limits = Limits::default().with_growth(0);
    let rows = vec![Value::Dict(vec![("k".repeat(64).into(), 1.into())]); 100_000];
    // As much by the names of a class.
    let dates = vec![Value::from(Date::new(2024, 2, 29).unwrap()); 400_000];
    for (what, value) in [("keys", Value::List(rows)), ("classes", Value::List(dates))] {
        for (way, written) in
            [("by itself", value.write_with(&limits)), ("by serde", to_vec_with(&value, &limits))]
        {
            let read = Value::read_with(&written.unwrap(), &limits);
            assert!(
                read.as_ref().is_ok_and(|read| *read == value),
                "{what}, written {way}: {:?}",
                read.err()
            );
        }
    }
}

fn object(args: Vec<Value>, state: Option<Value>) -> Object {
    let callable = Class::new("m", "C").into();
    Object { made: Made::Call, callable, args, kwargs: None, items: vec![], entries: vec![], state }
}
