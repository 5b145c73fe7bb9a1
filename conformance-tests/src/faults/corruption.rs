//! [`Corruption`]: every damage that a bad disk does to a file.

/// What was done to the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// Only this number of bytes is left.
    CutAt(usize),
    /// This bit, counted from the first byte's lowest, is another.
    Flipped(usize),
    /// From this offset on, this number of bytes is zero.
    Zeroed(usize, usize),
}

/// Bytes, and what was done to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// What was done.
    pub damage: Damage,
    /// What is left.
    pub bytes: Vec<u8>,
}

/// What a disk writes or loses at once.
const PAGE: usize = 4096;

impl Corruption {
    /// Does `damage` to `whole`; `None` if that changes nothing.
    #[must_use]
    pub fn of(whole: &[u8], damage: Damage) -> Option<Self> {
        let mut bytes = whole.to_vec();
        match damage {
            Damage::CutAt(length) => bytes.truncate(length),
            Damage::Flipped(bit) => *bytes.get_mut(bit / 8)? ^= 1 << (bit % 8),
            Damage::Zeroed(at, length) => bytes.iter_mut().skip(at).take(length).for_each(|byte| *byte = 0),
        }
        (bytes != whole).then_some(Self { damage, bytes })
    }

    /// `whole` cut at every length, with every single bit flipped, and with every page (and all of a shorter
    /// file) zeroed: nine copies for each byte.
    pub fn all(whole: &[u8]) -> impl Iterator<Item = Self> {
        let cuts = (0..whole.len()).map(Damage::CutAt);
        let flips = (0..whole.len() * 8).map(Damage::Flipped);
        let pages = (0..whole.len()).step_by(PAGE).map(|at| Damage::Zeroed(at, PAGE));
        cuts.chain(flips).chain(pages).filter_map(|damage| Self::of(whole, damage))
    }
}
