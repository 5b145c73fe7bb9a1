//! Row 5: what is made of a reply, whichever command it is to.

use cache_core::Info;
use redis::{Parser, Value};

use super::{add_info, count, counted, elements, okay, payload, pong, stored, text};
use crate::failure;
use crate::fuzz::fuzz;
use crate::location::Servers;

/// As many values as bytes, each a few times as long as what it was made of.
fn allowed(length: usize) -> u64 {
    (4 * length * size_of::<Value>()) as u64 + (1 << 20)
}

/// The parser of the sync half, and all that may be asked for.
#[test]
fn replies_to_commands() {
    let server = Servers::from("redis://h").parse().unwrap().remove(0);
    fuzz("redis", "replies", "replies", allowed).run(30_000, |bytes| {
        let Ok(value) = Parser::new().parse_value(bytes) else { return false };
        let again = || value.clone();
        let told = [
            payload(again()).map(drop),
            elements(again(), 2).map(drop),
            stored(again()).map(drop),
            count(again()).map(drop),
            okay(again()),
            pong(again()),
            counted(again()).map(drop),
            #[cfg(feature = "cluster")]
            super::read(again()).map(drop),
        ];
        if let Ok(said) = text(again()) {
            add_info(&mut Info::default(), "h", &said);
        }
        let understood = told.iter().any(Result::is_ok);
        for wrong in told.into_iter().filter_map(Result::err) {
            assert!(!failure::wrong(wrong, &server).to_string().is_empty());
        }
        understood
    });
}
