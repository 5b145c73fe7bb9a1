//! Random input for the readers: what a server says, and what a location names, may be anything. The readers' tests are
//! beside them.

use conformance_tests::faults::Fuzz;

/// Inputs for a reader, whose seeds are in a directory of this name.
pub(crate) fn fuzz(reader: &'static str, dir: &str) -> Fuzz<'static> {
    let dir = format!("{}/tests/fuzz/{dir}", env!("CARGO_MANIFEST_DIR"));
    let held = |run: &mut dyn FnMut()| allocation_counter::measure(run).bytes_max;
    Fuzz::new("memcached", reader).seeds_in(dir).memory(held, Fuzz::twice)
}
