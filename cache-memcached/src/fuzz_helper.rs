//! A helper of the fuzz tests: random input for a reader. Each test is beside its reader.

use conformance_tests::faults::Fuzz;

/// Inputs for a reader, whose seeds are in a directory of this name.
pub(crate) fn fuzz(reader: &'static str, dir: &str) -> Fuzz<'static> {
    let dir = format!("{}/tests/fuzz/{dir}", env!("CARGO_MANIFEST_DIR"));
    let held = |run: &mut dyn FnMut()| allocation_counter::measure(run).bytes_max;
    Fuzz::new("memcached", reader).seeds_in(dir).memory(held, Fuzz::twice)
}
