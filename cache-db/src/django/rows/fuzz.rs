//! Row 5: the column `value` of Django's table.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use conformance_tests::faults::Fuzz;
use rusqlite::types::ValueRef;

use super::decode;

const WORDS: [&[u8]; 6] = [b"=", b"==", b"\n", b"gAV", b"\xff", b"!"];

#[test]
fn values() {
    let held = |run: &mut dyn FnMut()| allocation_counter::measure(run).bytes_max;
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/django");
    let fuzz = Fuzz::new("db-django", "values").seeds_in(seeds).words(&WORDS).memory(held, Fuzz::twice);
    // Good base64 of anything.
    let fuzz = fuzz.finish(|column| *column = STANDARD.encode(&column).into_bytes());
    fuzz.run(60_000, |column| {
        let text = decode(ValueRef::Text(column));
        assert_eq!(text, decode(ValueRef::Blob(column)));
        assert!(text.as_ref().is_none_or(|payload| payload.bytes().len() <= column.len()));
        text.is_some()
    });
}
