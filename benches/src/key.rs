//! Keys as the measuring programs make and check them.

use arrayvec::ArrayString;

/// Whether a key has no characters that a cache refuses, in the fastest way that we know: sixteen bytes at a time, as the
/// processor takes them; a key of fewer is looked at byte by byte.
#[must_use]
pub fn is_good_key(key: &str) -> bool {
    let is_refused = |b: u8| b <= 0x20 || b == 0x7f;
    let Some(last) = key.as_bytes().last_chunk::<16>() else { return !key.bytes().any(is_refused) };
    let mut refused = [false; 16];
    for block in key.as_bytes().as_chunks::<16>().0.iter().chain([last]) {
        refused.iter_mut().zip(block).for_each(|(refused, &byte)| *refused |= is_refused(byte));
    }
    !refused.iter().fold(false, |all, one| all | one)
}

/// The key of a number, made in the caller's frame: `before`, and the number in digits.
///
/// # Panics
/// If both take more than 24 bytes.
#[must_use]
pub fn numbered_key(before: &str, number: u32) -> ArrayString<24> {
    let mut key = ArrayString::new();
    key.push_str(before);
    key.push_str(itoa::Buffer::new().format(number));
    key
}
