//! A checksum within a pickle, for stores of Django's that have none.
//!
//! The pickle pushes it as an integer and pops it before it goes on: Python, and [`crate::Value`], read the
//! same value with it as without.

use crate::opcode as op;

/// The bytes that a seal takes: BININT, the checksum, POP.
const SEAL: usize = 6;

/// What the seal of a pickle says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// There is none: Python wrote the pickle.
    Absent,
    /// The pickle is another than the one sealed, or belongs to another name.
    Broken,
    /// The pickle is as it was sealed.
    Whole,
}

impl Seal {
    /// Looks at the seal of a pickle that was sealed for `name`.
    #[must_use]
    pub fn of(pickle: &[u8], name: &[u8]) -> Self {
        let (_, rest) = pickle.split_at(header(pickle));
        let Some((&[op::BININT, a, b, c, d, op::POP], rest)) = rest.split_first_chunk::<SEAL>() else {
            return Self::Absent;
        };
        if sum(rest, name) == u32::from_le_bytes([a, b, c, d]) { Self::Whole } else { Self::Broken }
    }
}

/// A pickle without a seal, sealed for `name`: under another, [`Seal::of`] says that it is broken.
///
/// ```
/// use cache_pickle::{Seal, from_slice, seal, to_vec};
///
/// let sealed = seal(&to_vec("text")?, b"key");
/// assert_eq!(from_slice::<String>(&sealed)?, "text");
/// assert_eq!(Seal::of(&sealed, b"key"), Seal::Whole);
/// assert_eq!(Seal::of(&sealed, b"another"), Seal::Broken);
/// # Ok::<(), cache_pickle::Error>(())
/// ```
#[must_use]
pub fn seal(pickle: &[u8], name: &[u8]) -> Vec<u8> {
    let (header, rest) = pickle.split_at(header(pickle));
    let [a, b, c, d] = sum(rest, name).to_le_bytes();
    [header, &[op::BININT, a, b, c, d, op::POP], rest].concat()
}

/// The pickle as it was before [`seal`], where it has a seal.
#[must_use]
pub fn unseal(pickle: &[u8]) -> Option<Vec<u8>> {
    let (header, rest) = pickle.split_at(header(pickle));
    match rest.split_first_chunk::<SEAL>()? {
        (&[op::BININT, .., op::POP], rest) => Some([header, rest].concat()),
        _ => None,
    }
}

/// How long the protocol's number is, with which all pickles but the oldest begin.
fn header(pickle: &[u8]) -> usize {
    if pickle.first() == Some(&op::PROTO) { pickle.len().min(2) } else { 0 }
}

fn sum(rest: &[u8], name: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(name);
    sum.update(rest);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn every_protocol_is_sealed_and_read_as_before() {
        // pickle.dumps("a", protocol) for 0, 1, 2 and 4.
        for pickle in [
            &b"Va\n."[..],
            b"X\x01\0\0\0a.",
            b"\x80\x02X\x01\0\0\0a.",
            b"\x80\x04\x95\x05\0\0\0\0\0\0\0\x8c\x01a\x94.",
        ] {
            let sealed = seal(pickle, b"k");
            assert_eq!(Value::read(&sealed).unwrap(), Value::from("a"));
            assert_eq!((Seal::of(pickle, b"k"), Seal::of(&sealed, b"k")), (Seal::Absent, Seal::Whole));
            assert_eq!(Seal::of(&sealed, b"l"), Seal::Broken);
            assert_eq!((unseal(&sealed).as_deref(), unseal(pickle)), (Some(pickle), None));
        }
    }

    #[test]
    fn what_is_no_pickle_has_no_seal() {
        for bytes in [&b""[..], b"\x80", b"\x80\x04", b"\x80\x04J", b"J\0\0\0\0.", b"not a pickle"] {
            assert_eq!((Seal::of(bytes, b""), unseal(bytes)), (Seal::Absent, None));
        }
        assert_eq!(Seal::of(&seal(b"", b"k"), b"k"), Seal::Whole);
    }

    #[test]
    fn one_other_bit_is_seen_or_changes_nothing() {
        let value = Value::from("a string that is long enough");
        let sealed = seal(&value.write().unwrap(), b"k");
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // The protocol's number, or one of the seal's two operations, without which there is none.
            if Seal::of(&flipped, b"k") != Seal::Broken {
                assert!(Value::read(&flipped).is_ok_and(|read| read == value) || bit / 8 < 8, "bit {bit}");
                assert!(Value::read(&flipped).map_or(true, |read| read == value), "bit {bit}");
            }
        }
    }
}
