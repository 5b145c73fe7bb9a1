//! [`KeySum`]: the checksum of a row, its column `sum`. SQLite's pages have none.
//!
//! The high half covers the expiry, the low half the value. Both cover the key that was asked for
//! too: the index that leads to the row is a page that may be damaged like any other. The expiry's half,
//! and that of an integer, is arithmetic that SQL knows, so that a statement can check it and
//! renew it by itself: the remainder of a division by a prime, which one other bit always changes.

/// The largest prime but one below 2^31. By the largest, 2^31 and 1 would be the same.
const EXPIRY_PRIME: i64 = 2_147_483_629;

/// The largest prime below 2^32.
const INTEGER_PRIME: i64 = 4_294_967_291;

/// Stands for the expiry of an entry that never expires. No clock returns it.
const NEVER: i64 = -1;

/// The bits of the low half.
const LOW: i64 = 0xffff_ffff;

/// The sum of a key, the CRC-32 of its text, from which the halves of its row are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeySum(u32);

impl KeySum {
    pub(super) fn of(key: &str) -> Self {
        Self(crc32fast::hash(key.as_bytes()))
    }

    /// The parameter of [`expiry_holds`], [`integer_holds`] and [`integer`].
    pub(super) const fn param(self) -> i64 {
        self.0 as i64
    }

    /// The high half, where it is in a sum.
    pub(super) fn of_expiry(self, expires: Option<i64>) -> i64 {
        ((expires.unwrap_or(NEVER) % EXPIRY_PRIME + self.param()) % EXPIRY_PRIME) << 32
    }

    /// The low half of an integer's row.
    pub(super) const fn of_integer(self, n: i64) -> i64 {
        (n.rem_euclid(INTEGER_PRIME) + self.param()) % INTEGER_PRIME
    }

    /// The low half of any other row.
    pub(super) fn of_data(self, kind: u8, codec: u8, data: &[u8]) -> i64 {
        let mut sum = crc32fast::Hasher::new_with_initial(self.0);
        sum.update(&[kind, codec]);
        sum.update(data);
        sum.finalize().into()
    }
}

/// SQL: true or false, whether the row has the expiry's half that the parameter `key` asks for.
/// Another type than a number's counts as zero, and so as damage.
pub(super) fn expiry_holds(key: &str) -> String {
    format!("(sum >> 32) IS (ifnull(expires, {NEVER}) % {EXPIRY_PRIME} + {key}) % {EXPIRY_PRIME}")
}

/// SQL: whether the row has the low half of its integer.
pub(super) fn integer_holds(key: &str) -> String {
    format!("(sum & {LOW}) IS {}", integer("value", key))
}

/// SQL: the low half of the integer `n`.
pub(super) fn integer(n: &str, key: &str) -> String {
    format!("({n} % {INTEGER_PRIME} + {INTEGER_PRIME} + {key}) % {INTEGER_PRIME}")
}

/// SQL: the row's sum with another half, which is in its place.
pub(super) fn with_high_half(high: &str) -> String {
    format!("((sum & {LOW}) | {high})")
}

/// As [`with_high_half`].
pub(super) fn with_low_half(low: &str) -> String {
    format!("((sum & {}) | {low})", !LOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    const EDGES: [i64; 12] = [
        0,
        1,
        -1,
        EXPIRY_PRIME,
        -EXPIRY_PRIME,
        INTEGER_PRIME,
        -INTEGER_PRIME,
        1_700_000_000_000,
        i64::MAX,
        i64::MAX - 1,
        i64::MIN,
        i64::MIN + 1,
    ];

    #[test]
    fn sql_and_rust_agree() {
        let conn = Connection::open_in_memory().unwrap();
        let sql = |expires: Option<i64>, n: i64, sum: i64, key: KeySum| -> (bool, bool, i64, i64) {
            let text = format!(
                "SELECT {}, {}, {}, {} FROM (SELECT ?1 AS expires, ?2 AS value, ?3 AS sum)",
                expiry_holds("?4"),
                integer_holds("?4"),
                with_high_half("?5"),
                with_low_half(&integer("value", "?4")),
            );
            let row = (expires, n, sum, key.param(), key.of_expiry(None));
            conn.query_row(&text, row, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                .unwrap()
        };
        for key in [0, 1, 0x7fff_ffff, u32::MAX].map(KeySum) {
            for expires in EDGES.map(Some).into_iter().chain([None]) {
                for n in EDGES {
                    let (high, low) = (key.of_expiry(expires), key.of_integer(n));
                    let renewed = key.of_expiry(None) | low;
                    assert_eq!(sql(expires, n, high | low, key), (true, true, renewed, high | low));
                    let other = KeySum(key.0 ^ 5);
                    assert!(matches!(sql(expires, n, high | low, other), (false, false, ..)));
                }
            }
        }
    }

    #[test]
    fn one_other_bit_is_another_sum() {
        let key = KeySum(0x1234_5678);
        for n in EDGES {
            for bit in 0..64 {
                let other = n ^ (1 << bit);
                assert_ne!(key.of_expiry(Some(n)), key.of_expiry(Some(other)), "{n} {bit}");
                assert_ne!(key.of_integer(n), key.of_integer(other), "{n} {bit}");
            }
        }
        let data = |kind, codec, text: &str| key.of_data(kind, codec, text.as_bytes());
        let sums = [data(1, 0, "a"), data(2, 0, "a"), data(1, 1, "a"), data(1, 0, "b"), data(1, 0, "")];
        assert!(sums.iter().enumerate().all(|(i, sum)| !sums[..i].contains(sum)));
    }
}
