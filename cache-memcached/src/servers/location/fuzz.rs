//! Random locations.

use super::Servers;
use crate::fuzz_helper::fuzz;

const WORDS: [&[u8]; 14] = [
    b"[",
    b"]",
    b":",
    b"::",
    b"%",
    b"/",
    b"unix:",
    b",",
    b";",
    b"@",
    b"0",
    b"65535",
    b"\0",
    "\u{a0}".as_bytes(),
];

#[test]
fn locations() {
    fuzz("locations", "locations").words(&WORDS).run(60_000, |location| {
        let location = String::from_utf8_lossy(location);
        let Ok(servers) = Servers::new(&*location).parse() else { return false };
        assert!(servers.iter().all(|server| !server.name.is_empty() && !server.name.contains('\0')));
        true
    });
}
