//! Random input for the readers: what a server says, and what a location names, may be anything. The readers' tests are
//! beside them.

use conformance_tests::faults::Fuzz;

/// Inputs for a reader, whose seeds are in a directory of this name, and which may allocate so much.
pub(crate) fn fuzz(reader: &'static str, dir: &str, allowed: fn(usize) -> u64) -> Fuzz<'static> {
    let dir = format!("{}/tests/fuzz/{dir}", env!("CARGO_MANIFEST_DIR"));
    let held = |run: &mut dyn FnMut()| allocation_counter::measure(run).bytes_max;
    Fuzz::new("redis", reader).seeds_in(dir).words(&WORDS).memory(held, allowed)
}

const WORDS: [&[u8]; 18] = [
    b"$",
    b"*",
    b":",
    b"+OK\r\n",
    b"\r\n",
    b"-ERR ",
    b"-WRONGTYPE ",
    b"$-1\r\n",
    b"*-1\r\n",
    b"*1\r\n",
    b"*0\r\n",
    b"*1000000000\r\n",
    b"$0\r\n\r\n",
    b":1\r\n",
    b"-MOVED 1 h:1",
    b"%1\r\n",
    b"=",
    b">",
];
