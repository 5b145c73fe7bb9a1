//! Numbers that keep their value: what stands between a type and a format that would change some.
//!
//! A format has one [`Rules`]. [`ser`] refuses or rewrites a number that the format would change, [`de`] one that
//! the type would.

pub(super) mod de;
pub(super) mod ser;
#[cfg(all(test, feature = "json"))]
mod tests;
#[cfg(feature = "json")]
mod text;
mod wide;

#[cfg(feature = "json")]
pub(super) use text::Numbers;
#[cfg(feature = "json")]
pub use text::json_numbers;
pub(crate) use wide::{signed, unsigned};

/// NaN or an infinity, to be written in JSON.
pub(super) const NOT_FINITE: &str = "it holds NaN or an infinity, which JSON does not have; store an `Option`, or \
                                     use another codec, such as MessagePack";
/// An integer, to be read by a type that takes none so large.
pub(super) const LARGE: &str = "it holds an integer of more than 64 bits, which the type does not take; an `i128` or a \
                                `u128` outside of untagged and flattened types does";
/// An integer, to be read as a float.
pub(super) const ROUNDED: &str = "it holds an integer that a float does not hold exactly";
/// A float, to be read as an `f32`.
pub(super) const BEYOND_F32: &str = "it holds a number that is out of the range of `f32`";
/// All that [`de`] says of a number.
pub(super) const WHEN_READ: [&str; 3] = [LARGE, ROUNDED, BEYOND_F32];

/// What a float that was read stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    /// A float.
    Float,
    /// An integer beyond 64 bits, which the format's reader rounded.
    #[cfg(feature = "json")]
    Signed(i128),
    /// One beyond [`i128::MAX`].
    #[cfg(feature = "json")]
    Unsigned(u128),
    /// An integer that cannot be told.
    #[cfg(feature = "json")]
    Large,
}

/// How a format keeps its numbers.
pub(crate) trait Rules: Copy {
    /// Whether NaN and the infinities can be written, and an `f32` is not a decimal number.
    const BINARY_FLOATS: bool;
    /// Whether an integer beyond 64 bits is bytes: see [`wide`].
    const WIDE_IS_BYTES: bool;
    /// What a float stands for that was read.
    fn meant(self, float: f64) -> Meant;
}

/// The rules of MessagePack.
#[derive(Clone, Copy)]
pub(super) struct Packed;

impl Rules for Packed {
    const BINARY_FLOATS: bool = true;
    const WIDE_IS_BYTES: bool = true;

    #[inline]
    fn meant(self, _: f64) -> Meant {
        Meant::Float
    }
}

/// The rules of what knows its integers from its floats, and has integers of any size.
#[derive(Clone, Copy)]
pub(crate) struct Distinct;

impl Rules for Distinct {
    const BINARY_FLOATS: bool = true;
    const WIDE_IS_BYTES: bool = false;

    #[inline]
    fn meant(self, _: f64) -> Meant {
        Meant::Float
    }
}

#[cfg(feature = "json")]
impl Rules for &Numbers {
    const BINARY_FLOATS: bool = false;
    const WIDE_IS_BYTES: bool = false;

    #[inline]
    fn meant(self, float: f64) -> Meant {
        self.of(float)
    }
}

/// Anything of serde's, with the rules for the numbers in it.
#[derive(Clone, Copy)]
pub(crate) struct Exact<R, T> {
    pub(crate) inner: T,
    pub(crate) rules: R,
}
