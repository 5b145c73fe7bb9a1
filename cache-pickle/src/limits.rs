//! [`Limits`]: what one document may cost.

/// How deep a value nests at most, on reading and on writing. Fixed, because serde's visitors call
/// one another once a level.
pub const MAX_DEPTH: usize = 200;

/// What one document may cost. The defaults hold any value that belongs into a cache.
///
/// Besides these, what shared objects grow to when each place gets a copy of its own is limited by
/// the document's length, to 64 bytes a byte and 4 MiB: 84 bytes can name 2⁴⁰ objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest document, in bytes; 64 MiB. At most 4 GiB.
    pub input: usize,
    /// The most values in it, counted once for each place where they appear; 1,000,000.
    pub nodes: usize,
    /// The largest integer, in bytes; 1,024. Its cost as decimal digits grows with the square.
    pub integer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { input: 64 << 20, nodes: 1_000_000, integer: 1024 }
    }
}

impl Limits {
    /// What a value read from `input` bytes may take once shared objects are copies, in bytes.
    pub(crate) fn expanded(input: usize) -> u64 {
        (4 << 20) + 64 * input as u64
    }
}
