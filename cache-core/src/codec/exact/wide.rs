//! Integers beyond 64 bits in MessagePack, which has none: bytes, the highest first, in two's complement. Sixteen
//! hold an `i128`; a larger `u128` has a zero before them.

/// The bytes of a number above [`i128::MAX`].
pub(super) fn above_i128(n: u128) -> [u8; 17] {
    let mut bytes = [0; 17];
    bytes[1..].copy_from_slice(&n.to_be_bytes());
    bytes
}

/// The `i128` that the bytes are.
pub(crate) fn signed(bytes: &[u8]) -> Option<i128> {
    bytes.try_into().ok().map(i128::from_be_bytes)
}

/// The `u128` that the bytes are.
pub(crate) fn unsigned(bytes: &[u8]) -> Option<u128> {
    match bytes {
        [0, rest @ ..] if rest.len() == 16 => rest.try_into().ok().map(u128::from_be_bytes),
        _ => signed(bytes).and_then(|n| n.try_into().ok()),
    }
}
