//! Hostile columns: an input is the kind, the codec, how the value is stored, and the value.

use cache_core::Payload;
use conformance_tests::faults::Fuzz;
use rusqlite::types::ValueRef;

use super::{KeySum, Row};

#[test]
fn rows() {
    let held = |run: &mut dyn FnMut()| allocation_counter::measure(run).bytes_max;
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/own");
    let (key, other) = (KeySum::of("k"), KeySum::of("l"));
    Fuzz::new("db", "rows").seeds_in(seeds).memory(held, Fuzz::twice).run(100_000, |row| {
        let &[kind, codec, form, ref value @ ..] = row else { return false };
        let number = i64::from_le_bytes(*value.first_chunk().unwrap_or(&[0; 8]));
        let value = match form {
            0 => ValueRef::Null,
            1 => ValueRef::Integer(number),
            2 => ValueRef::Real(f64::from_bits(number.cast_unsigned())),
            3 => ValueRef::Text(value),
            _ => ValueRef::Blob(value),
        };
        // A column may hold any number, and any other thing.
        let column = |byte: u8| if byte < 0xf0 { ValueRef::Integer(byte.into()) } else { value };
        // The expiry is whatever the codec is, or nothing.
        let expires = if codec == 0 { ValueRef::Null } else { column(codec) };
        let row = Row::of_columns(column(kind), column(codec), expires, value);
        let read = row.and_then(|row| {
            // What is right as it is under this key is read, and under another it is damage.
            let columns = [column(kind), column(codec), expires, ValueRef::Integer(row.sum(key)), value];
            assert_eq!(Row::read(columns, key), Some(row));
            assert_eq!(Row::read(columns, other), None);
            row.payload()
        });
        match &read {
            Some(Payload::Text(text)) => assert!(std::str::from_utf8(text).is_ok()),
            Some(Payload::Int(n)) => assert_eq!(value, ValueRef::Integer(*n)),
            Some(other) => assert_eq!(value, ValueRef::Blob(other.bytes())),
            None => {}
        }
        read.is_some()
    });
}
