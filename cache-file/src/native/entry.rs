//! The format of an entry's file: encoding and decoding, without I/O.
//!
//! ```text
//!   0  fixed header, 32 bytes   magic "RCFE", version, kind, codec, 0, key length u64,
//!                               body length u64, CRC-32 of key and body, 0
//!  32  slot 0, 24 bytes         deadline i64 µs, number i64, sequence u32, CRC-32 of header and slot
//!  56  slot 1, 24 bytes         the same, or zeros
//!  80  key, body                to the end of the file
//! ```
//!
//! Numbers are little-endian. An integer has no body: it is the slot's number. `touch` and `incr`
//! write the slot that is not in force with the next sequence number, in one write of 24 bytes.
//! A slot is valid or all zeros: anything else is damage, so that a damaged slot never brings the
//! older deadline or number in the other one back.

use cache_core::{CodecId, Kind, Payload};

const MAGIC: [u8; 4] = *b"RCFE";
/// 1 had deadlines in milliseconds.
const VERSION: u8 = 2;
const FIXED: usize = 32;
const SLOT: usize = 24;

/// The bytes before the key.
pub(crate) const HEADER: usize = FIXED + 2 * SLOT;

/// The deadline of an entry that does not expire.
pub(crate) const NEVER: i64 = i64::MAX;

/// The part of an entry that changes in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Microseconds since the Unix epoch: expired when `deadline <= now`. [`NEVER`] for never.
    pub(crate) deadline: i64,
    /// The value, where the kind is an integer; else 0.
    pub(crate) number: i64,
    sequence: u32,
}

/// The decoded first [`HEADER`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: u8,
    pub(crate) codec: u8,
    pub(crate) key_len: usize,
    pub(crate) slot: Slot,
    checksum: u32,
    fixed: [u8; FIXED],
    place: usize,
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    Some(i64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn checksum(parts: [&[u8]; 2]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

impl Slot {
    fn encode(self, fixed: &[u8; FIXED]) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        bytes[..8].copy_from_slice(&self.deadline.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.sequence.to_le_bytes());
        let sum = checksum([fixed, &bytes[..20]]);
        bytes[20..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Returns `Err` for damage, and `Ok(None)` for a slot not in use.
    fn decode(bytes: &[u8], fixed: &[u8; FIXED]) -> Result<Option<Self>, ()> {
        if bytes.iter().all(|&b| b == 0) {
            return Ok(None);
        }
        let slot = || {
            let sum = checksum([fixed, bytes.get(..20)?]);
            let slot =
                Self { deadline: i64_at(bytes, 0)?, number: i64_at(bytes, 8)?, sequence: u32_at(bytes, 16)? };
            (u32_at(bytes, 20)? == sum).then_some(slot)
        };
        slot().map(Some).ok_or(())
    }

    const fn is_newer_than(self, other: Self) -> bool {
        // Half of the numbers lie ahead: the sequence may wrap.
        self.sequence.wrapping_sub(other.sequence) < 1 << 31
    }
}

impl Header {
    /// Decodes the header of a file of `size` bytes that begins with `bytes`. Returns `None` for a damaged one.
    pub(crate) fn decode(bytes: &[u8], size: u64) -> Option<Self> {
        let fixed: [u8; FIXED] = *bytes.first_chunk()?;
        if fixed[..4] != MAGIC || fixed[4] != VERSION {
            return None;
        }
        let slot = |place: usize| {
            let start = FIXED + place * SLOT;
            Slot::decode(bytes.get(start..start + SLOT)?, &fixed).ok()
        };
        let (slot, place) = match (slot(0)?, slot(1)?) {
            (None, None) => return None,
            (Some(slot), None) => (slot, 0),
            (None, Some(slot)) => (slot, 1),
            (Some(a), Some(b)) if a.is_newer_than(b) => (a, 0),
            (Some(_), Some(b)) => (b, 1),
        };
        let (key_len, body_len) = (u64_at(&fixed, 8)?, u64_at(&fixed, 16)?);
        if (HEADER as u64).checked_add(key_len)?.checked_add(body_len)? != size {
            return None;
        }
        let key_len = usize::try_from(key_len).ok()?;
        let checksum = u32_at(&fixed, 24)?;
        Some(Self { kind: fixed[5], codec: fixed[6], key_len, slot, checksum, fixed, place })
    }

    /// Returns whether `content`, the key and the body, is what was written.
    pub(crate) fn vouches_for(&self, content: &[u8]) -> bool {
        crc32fast::hash(content) == self.checksum
    }

    pub(crate) const fn is_integer(&self) -> bool {
        self.kind == Kind::Int as u8
    }

    pub(crate) const fn is_expired(&self, now: i64) -> bool {
        self.slot.deadline <= now && self.slot.deadline != NEVER
    }

    /// Returns what to write, and at which offset, to give the entry this deadline and number.
    pub(crate) fn amended(&self, deadline: i64, number: i64) -> ([u8; SLOT], u64) {
        let slot = Slot { deadline, number, sequence: self.slot.sequence.wrapping_add(1) };
        (slot.encode(&self.fixed), slot_offset(1 - self.place))
    }
}

const fn slot_offset(place: usize) -> u64 {
    (FIXED + place * SLOT) as u64
}

/// An entry ready to be written: the bytes before the body.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) head: Vec<u8>,
    fixed: [u8; FIXED],
    number: i64,
}

impl Encoded {
    /// Encodes an entry. The head has room for `spare` more bytes.
    pub(crate) fn new(key: &[u8], payload: &Payload, deadline: i64, spare: usize) -> Self {
        let (kind, codec) = payload.tags();
        let body = payload.bytes();
        let number = if let Payload::Int(number) = payload { *number } else { 0 };
        let mut fixed = [0; FIXED];
        fixed[..4].copy_from_slice(&MAGIC);
        fixed[4..7].copy_from_slice(&[VERSION, kind as u8, codec.0]);
        fixed[8..16].copy_from_slice(&(key.len() as u64).to_le_bytes());
        fixed[16..24].copy_from_slice(&(body.len() as u64).to_le_bytes());
        fixed[24..28].copy_from_slice(&checksum([key, body]).to_le_bytes());
        let mut head = Vec::with_capacity(HEADER + key.len() + spare);
        head.extend_from_slice(&fixed);
        head.extend_from_slice(&first_slot(&fixed, number, deadline));
        head.extend_from_slice(&[0; SLOT]);
        head.extend_from_slice(key);
        Self { head, fixed, number }
    }

    /// Returns what to write, and at which offset, for another deadline.
    pub(crate) fn restamped(&self, deadline: i64) -> ([u8; SLOT], u64) {
        (first_slot(&self.fixed, self.number, deadline), slot_offset(0))
    }
}

fn first_slot(fixed: &[u8; FIXED], number: i64, deadline: i64) -> [u8; SLOT] {
    Slot { deadline, number, sequence: 1 }.encode(fixed)
}

/// Returns the payload of a decoded entry; `None` for a kind that does not exist, or an integer with a body.
pub(crate) fn payload(header: &Header, body: bytes::Bytes) -> Option<Payload> {
    if header.is_integer() {
        return body.is_empty().then_some(Payload::Int(header.slot.number));
    }
    let payload = Payload::from_parts(header.kind, header.codec, body)?;
    let unmarked = header.codec == CodecId::UNKNOWN.0;
    (unmarked || matches!(payload, Payload::Encoded(..))).then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const KEY: &[u8] = b":1:key";
    const DEADLINE: i64 = 1_800_000_000_000_000;

    fn file(payload: &Payload) -> Vec<u8> {
        let mut file = Encoded::new(KEY, payload, DEADLINE, 0).head;
        file.extend_from_slice(payload.bytes());
        file
    }

    /// What a reader makes of a whole file: the payload and the deadline, or damage.
    fn read(file: &[u8]) -> Option<(Payload, i64)> {
        let header = Header::decode(file, file.len() as u64)?;
        let content = &file[HEADER..];
        if !header.vouches_for(content) || &content[..header.key_len] != KEY {
            return None;
        }
        let body = Bytes::copy_from_slice(&content[header.key_len..]);
        Some((payload(&header, body)?, header.slot.deadline))
    }

    fn amend(file: &mut [u8], deadline: i64, number: i64) {
        let header = Header::decode(file, file.len() as u64).unwrap();
        let (slot, at) = header.amended(deadline, number);
        file[at as usize..][..SLOT].copy_from_slice(&slot);
    }

    fn samples() -> Vec<Payload> {
        vec![
            Payload::Int(0),
            Payload::Int(-7),
            Payload::Int(i64::MIN),
            Payload::Text(Bytes::from_static("tëxt".as_bytes())),
            Payload::Bytes(Bytes::new()),
            Payload::Bytes(Bytes::from(vec![0; 300])),
            Payload::Encoded(CodecId(1), Bytes::from_static(&[0x93, 1, 2, 3])),
        ]
    }

    /// As written, after one in-place change and after two.
    fn files() -> Vec<(Vec<u8>, (Payload, i64))> {
        let mut files = Vec::new();
        for payload in samples() {
            let mut file = file(&payload);
            files.push((file.clone(), (payload.clone(), DEADLINE)));
            for (deadline, add) in [(NEVER, 5), (DEADLINE + 9, 6)] {
                let (number, after) = match &payload {
                    Payload::Int(n) => (n.wrapping_add(add), Payload::Int(n.wrapping_add(add))),
                    other => (0, other.clone()),
                };
                amend(&mut file, deadline, number);
                files.push((file.clone(), (after, deadline)));
            }
        }
        files
    }

    #[test]
    fn what_is_written_is_read() {
        for (file, expected) in files() {
            assert_eq!(read(&file), Some(expected));
        }
    }

    #[test]
    fn every_truncation_and_any_bytes_more_are_damage() {
        for (file, _) in files() {
            for len in 0..file.len() {
                assert_eq!(read(&file[..len]), None, "{len} of {}", file.len());
            }
            assert_eq!(read(&[&file[..], &[0]].concat()), None);
        }
    }

    #[test]
    fn every_flipped_bit_is_damage() {
        for (file, _) in files() {
            for bit in 0..file.len() * 8 {
                let mut flipped = file.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(read(&flipped), None, "bit {bit}");
            }
        }
    }

    #[test]
    fn zeroed_blocks_are_damage() {
        let body: Vec<u8> = (0..20_000_u32).map(|n| n as u8 | 1).collect();
        let file = file(&Payload::Bytes(body.into()));
        for block in [64, 512, 4_096] {
            for start in (0..file.len()).step_by(block) {
                let mut zeroed = file.clone();
                let end = (start + block).min(file.len());
                zeroed[start..end].fill(0);
                assert_eq!(read(&zeroed), None, "{block} at {start}");
            }
        }
        assert_eq!(read(&vec![0; file.len()]), None);
    }

    #[test]
    fn a_half_written_slot_is_damage_and_never_the_older_value() {
        let old = file(&Payload::Int(1));
        let mut new = old.clone();
        amend(&mut new, NEVER, 2);
        for cut in 0..SLOT {
            let mut half = old.clone();
            let at = slot_offset(1) as usize;
            half[at..at + cut].copy_from_slice(&new[at..at + cut]);
            let seen = read(&half);
            let whole = half == old || half == new;
            assert_eq!(seen.is_some(), whole, "{cut}");
        }
    }

    #[test]
    fn the_sequence_may_wrap() {
        let slot = |sequence| Slot { deadline: 0, number: 0, sequence };
        assert!(slot(0).is_newer_than(slot(u32::MAX)));
        assert!(!slot(u32::MAX).is_newer_than(slot(0)));
        let mut file = file(&Payload::Int(0));
        for n in 1..100 {
            amend(&mut file, DEADLINE, n);
            assert_eq!(read(&file), Some((Payload::Int(n), DEADLINE)));
        }
    }

    #[test]
    fn another_deadline_can_be_stamped_before_it_is_shown() {
        let encoded = Encoded::new(KEY, &Payload::Int(4), DEADLINE, 0);
        let (slot, at) = encoded.restamped(DEADLINE + 1);
        let mut file = encoded.head;
        file[at as usize..][..SLOT].copy_from_slice(&slot);
        assert_eq!(read(&file), Some((Payload::Int(4), DEADLINE + 1)));
    }

    #[test]
    fn arbitrary_bytes_never_panic() {
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..20_000 {
            let mut file: Vec<u8> = (0..random.usize(..200)).map(|_| random.u8(..)).collect();
            if round % 2 == 0 && file.len() > 5 {
                file[..4].copy_from_slice(&MAGIC);
                file[4] = VERSION;
            }
            assert_eq!(read(&file), None);
        }
    }
}
