//! [`Limits`]: the limits for one document.

/// How deep a value may nest, on reading and on writing. Fixed, because serde's visitors call one another
/// once per level.
pub const MAX_DEPTH: usize = 200;

/// The limits for one document, on reading and on writing: a value written within some limits can be read
/// within them. The defaults fit any value that belongs in a cache.
///
/// ```
/// use cache_pickle::{ErrorKind, Limits, Value};
///
/// let limits = Limits::default().with_nodes(2);
/// assert!(Value::read_with(b"](NNe.", &limits).is_ok());
/// assert_eq!(Value::read_with(b"](NNNe.", &limits).unwrap_err().kind(), ErrorKind::Limit);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest document, in bytes; 64 MiB. At most 2 GiB.
    pub input: usize,
    /// The most values inside it, counted once for each place where they appear; 1,000,000. A value with a
    /// type of its own in [`Value`](crate::Value), such as a datetime in a zone, counts as one.
    pub nodes: usize,
    /// The largest integer, in bytes; 1,024. Its cost as decimal digits grows with the square.
    pub integer: usize,
    /// How large a value with shared objects may grow once each place has its own copy, in bytes for each
    /// byte of the document, besides 4 MiB; 64. 84 bytes can name 2⁴⁰ objects. On writing, only strings and
    /// classes are shared, and only within this limit.
    pub growth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { input: 64 << 20, nodes: 1_000_000, integer: 1024, growth: 64 }
    }
}

impl Limits {
    /// No limits, except the fixed ones.
    pub(crate) const NONE: Self =
        Self { input: usize::MAX, nodes: usize::MAX, integer: usize::MAX, growth: usize::MAX };

    /// Returns these limits with another [`input`](Self::input).
    #[must_use]
    pub const fn with_input(mut self, bytes: usize) -> Self {
        self.input = bytes;
        self
    }

    /// Returns these limits with other [`nodes`](Self::nodes).
    #[must_use]
    pub const fn with_nodes(mut self, values: usize) -> Self {
        self.nodes = values;
        self
    }

    /// Returns these limits with another [`integer`](Self::integer).
    #[must_use]
    pub const fn with_integer(mut self, bytes: usize) -> Self {
        self.integer = bytes;
        self
    }

    /// Returns these limits with another [`growth`](Self::growth).
    #[must_use]
    pub const fn with_growth(mut self, bytes: usize) -> Self {
        self.growth = bytes;
        self
    }

    /// The longest document. The reader counts in 32 bits, and a byte of Latin-1 may become two bytes of text.
    pub(crate) fn longest(&self) -> usize {
        self.input.min(1 << 31)
    }

    /// How many bytes a value read from `input` bytes may take once shared objects are copies.
    pub(crate) fn expanded(&self, input: usize) -> u64 {
        (4_u64 << 20).saturating_add((self.growth as u64).saturating_mul(input as u64))
    }

    /// The most objects, and the most containers, before it is known which of them form one value. A datetime of
    /// protocol 2 has the most of all values: four each.
    pub(crate) fn rows(&self) -> usize {
        self.nodes.saturating_mul(4)
    }

    /// The most items in containers: such a datetime has ten.
    pub(crate) fn items(&self) -> usize {
        self.nodes.saturating_mul(10)
    }

    /// The most items on the machine's stack: values that will go into containers, and at each level a few
    /// that are part of an object.
    pub(crate) fn stack(&self) -> usize {
        self.nodes.saturating_add(16 * MAX_DEPTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_document_is_longer_than_its_reader_counts() {
        for (input, longest) in [(0, 0), (64 << 20, 64 << 20), (1 << 31, 1 << 31), (usize::MAX, 1 << 31)] {
            assert_eq!(Limits::default().with_input(input).longest(), longest, "of {input} bytes");
        }
    }
}
