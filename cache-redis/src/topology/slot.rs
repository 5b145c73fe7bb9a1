//! The slot of a key in a cluster.

use cache_core::Key;

/// Returns the slot of a key: CRC-16 of the text in its first braces, or of the whole key.
pub(super) fn slot(key: Key<'_>) -> u16 {
    let key = key.as_bytes();
    let tag = key.iter().position(|&b| b == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|&b| b == b'}').filter(|&close| close > 0)?;
        Some(&rest[..close])
    });
    crc16(tag.unwrap_or(key)) % 16384
}

/// CRC-16/XMODEM.
fn crc16(data: &[u8]) -> u16 {
    data.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc: u16, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

pub(super) fn is_one_slot(one: Key<'_>, other: Key<'_>) -> bool {
    slot(one) == slot(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_as_redis_counts_them() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(b"") % 16384, 0);
    }
}
