//! Hostile columns: the column `value` of Django's table.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use conformance_tests::faults::Fuzz;
use rusqlite::types::ValueRef;

use super::{Lookup, decode, seal};

const KEY: &str = ":1:k";

const WORDS: [&[u8]; 6] = [b"=", b"==", b"\n", b"gAV", b"\xff", b"!"];

#[test]
fn values() {
    let held = |run: &mut dyn FnMut()| allocation_counter::measure(run).bytes_max;
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/django");
    let fuzz = Fuzz::new("db-django", "values").seeds_in(seeds).words(&WORDS).memory(held, Fuzz::twice);
    // Good base64 of anything, and a good seal in it now and then.
    let fuzz = fuzz.finish(|column| {
        let sealed = if column.len() % 2 == 0 { seal(column, KEY.as_bytes()) } else { column.clone() };
        *column = STANDARD.encode(sealed).into_bytes();
    });
    fuzz.run(60_000, |column| {
        let text = decode(KEY, ValueRef::Text(column));
        assert_eq!(text, decode(KEY, ValueRef::Blob(column)));
        let Lookup::Live(payload) = text else { return false };
        assert!(payload.bytes().len() <= column.len());
        true
    });
}
