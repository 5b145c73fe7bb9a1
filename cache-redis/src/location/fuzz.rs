//! Random locations.

use conformance_tests::faults::Fuzz;

use super::Servers;
use crate::fuzz::fuzz;

const WORDS: [&[u8]; 16] = [
    b"redis://",
    b"unix://",
    b"valkey://",
    b"@",
    b":",
    b"/",
    b"?",
    b"db=",
    b"password=",
    b"&",
    b"%",
    b"%ff",
    b"[::1]",
    b"#",
    b";",
    b",",
];

/// The parser of URLs makes copies, escaped, of each of their parts.
fn allowed(length: usize) -> u64 {
    4 * Fuzz::twice(length)
}

#[test]
fn locations() {
    fuzz("locations", "locations", allowed).words(&WORDS).run(40_000, |location| {
        let location = String::from_utf8_lossy(location);
        let servers = Servers::new(&*location);
        let shown = format!("{servers:?}");
        let parsed = servers.parse();
        assert!(parsed.is_err() || !shown.contains("not a Redis URL"));
        parsed.is_ok()
    });
}
