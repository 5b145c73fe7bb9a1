//! What a directory holds may be anything. The readers' tests are beside them.

use conformance_tests::faults::Fuzz;
use rustix::fd::OwnedFd;
use rustix::fs::MemfdFlags;

/// Inputs for a reader, whose seeds are in a directory of this name.
pub(crate) fn fuzz(reader: &'static str, backend: &'static str, dir: &str) -> Fuzz<'static> {
    let dir = format!("{}/tests/fuzz/{dir}", env!("CARGO_MANIFEST_DIR"));
    let held = |run: &mut dyn FnMut()| allocation_counter::measure(run).bytes_max;
    Fuzz::new(backend, reader).seeds_in(dir).memory(held, Fuzz::twice)
}

/// Makes a file of these bytes, and of `zeros` more.
pub(crate) fn file(content: &[u8], zeros: usize) -> OwnedFd {
    let file = rustix::fs::memfd_create("fuzz", MemfdFlags::CLOEXEC).unwrap();
    crate::fs::write_all_at(&file, content, 0).unwrap();
    rustix::fs::ftruncate(&file, (content.len() + zeros) as u64).unwrap();
    file
}
