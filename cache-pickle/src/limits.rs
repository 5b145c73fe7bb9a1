//! [`Limits`]: what one document may cost.

/// How deep a value nests at most, on reading and on writing. Fixed, because serde's visitors call
/// one another once a level.
pub const MAX_DEPTH: usize = 200;

/// What one document may cost, on reading and on writing: what is written within some limits can
/// be read within them. The defaults hold any value that belongs into a cache.
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
    /// The most values inside it, counted once for each place where they appear; 1,000,000. What
    /// has a type of its own in [`Value`](crate::Value), a datetime in a zone, say, is one.
    pub nodes: usize,
    /// The largest integer, in bytes; 1,024. Its cost as decimal digits grows with the square.
    pub integer: usize,
    /// What a value in which objects are shared may grow to once each place has a copy of its own,
    /// in bytes for each byte of the document, besides 4 MiB; 64. 84 bytes can name 2⁴⁰ objects.
    /// On writing, only strings and classes are shared, and only as far as that.
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

    /// The same with another [`input`](Self::input).
    #[must_use]
    pub const fn with_input(mut self, bytes: usize) -> Self {
        self.input = bytes;
        self
    }

    /// The same with other [`nodes`](Self::nodes).
    #[must_use]
    pub const fn with_nodes(mut self, values: usize) -> Self {
        self.nodes = values;
        self
    }

    /// The same with another [`integer`](Self::integer).
    #[must_use]
    pub const fn with_integer(mut self, bytes: usize) -> Self {
        self.integer = bytes;
        self
    }

    /// The same with another [`growth`](Self::growth).
    #[must_use]
    pub const fn with_growth(mut self, bytes: usize) -> Self {
        self.growth = bytes;
        self
    }

    /// The longest document. The reader counts in 32 bits, and a byte of Latin-1 may be two of its text.
    pub(crate) fn longest(&self) -> usize {
        self.input.min(1 << 31)
    }

    /// What a value read from `input` bytes may take once shared objects are copies, in bytes.
    pub(crate) fn expanded(&self, input: usize) -> u64 {
        (4_u64 << 20).saturating_add((self.growth as u64).saturating_mul(input as u64))
    }

    /// The most objects, and the most containers, before it is known which of them are one value: of
    /// all, a datetime of protocol 2 has the most, four each.
    pub(crate) fn rows(&self) -> usize {
        self.nodes.saturating_mul(4)
    }

    /// The most items in containers: such a datetime has ten.
    pub(crate) fn items(&self) -> usize {
        self.nodes.saturating_mul(10)
    }

    /// The most items on the machine's stack: values that are to go into containers, and a few at
    /// each level that are part of an object.
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
