//! The integers of a JSON text that are beyond 64 bits. Its reader makes floats of them.

use std::ops::Range;

use super::Meant;

/// The fewest digits of an integer beyond 64 bits: -9223372036854775809 has them.
const DIGITS: usize = 19;

/// The numbers in a string that a reader may mistake. Almost every string has none.
#[derive(Debug, Default)]
pub(in crate::codec) struct Numbers(Vec<(f64, Meant)>);

impl Numbers {
    /// Those of `json`. Looks at one byte in nineteen, unless it finds a digit.
    pub(in crate::codec) fn of_text(json: &[u8]) -> Self {
        if !has_long_run(json) {
            return Self::default();
        }
        let large = json_numbers(json).filter_map(|place| {
            let literal = std::str::from_utf8(json.get(place)?).ok()?;
            let float: f64 = literal.parse().ok()?;
            (float.abs() >= 2_f64.powi(63)).then(|| Some((float, meant(literal)?)))?
        });
        let mut numbers: Vec<_> = large.collect();
        if numbers.iter().all(|(_, meant)| *meant == Meant::Float) {
            numbers.clear();
        }
        Self(numbers)
    }

    pub(in crate::codec) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the reader's float stands for.
    #[inline]
    pub(super) fn of(&self, float: f64) -> Meant {
        if self.0.is_empty() { Meant::Float } else { self.find(float) }
    }

    fn find(&self, float: f64) -> Meant {
        // An `f32` is read with less precision.
        let is_it = |other: f64| other == float || f64::from(other as f32) == float;
        let mut same = self.0.iter().filter(|(other, _)| is_it(*other)).map(|(_, meant)| *meant);
        let Some(first) = same.next() else { return Meant::Float };
        // Two that are rounded to the same float cannot be told apart.
        if same.all(|other| other == first) { first } else { Meant::Large }
    }
}

/// What a literal stands for; nothing if it is an integer of 64 bits.
fn meant(literal: &str) -> Option<Meant> {
    if literal.contains(['.', 'e', 'E']) {
        return Some(Meant::Float);
    }
    if literal.parse::<i64>().is_ok() || literal.parse::<u64>().is_ok() {
        return None;
    }
    let signed = literal.parse().map(Meant::Signed);
    Some(signed.or_else(|_| literal.parse().map(Meant::Unsigned)).unwrap_or(Meant::Large))
}

/// Whether `json` contains a run of digits that is long enough for an integer beyond 64 bits.
fn has_long_run(json: &[u8]) -> bool {
    let mut at = DIGITS - 1;
    while let Some((before, after)) = json.split_at_checked(at).filter(|(_, after)| !after.is_empty()) {
        let ahead = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let behind = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        if ahead > 0 && ahead + behind >= DIGITS {
            return true;
        }
        at += ahead + DIGITS;
    }
    false
}

/// Finds the numbers in a valid JSON text: what stands outside of strings and begins with a digit or a minus. Gives the
/// place of each, in their order. What it finds in another text is of no use, but it is within that text.
///
/// ```
/// let json = r#"[-0, {"1": 2.50e3}]"#;
/// let numbers: Vec<&str> = cache_core::json_numbers(json.as_bytes()).map(|place| &json[place]).collect();
/// assert_eq!(numbers, ["-0", "2.50e3"]);
/// ```
pub fn json_numbers(json: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = json.get(from..)?;
            let start = rest.iter().position(|byte| matches!(byte, b'"' | b'-' | b'0'..=b'9'))?;
            let here = rest.get(start..)?;
            if let Some(string) = here.strip_prefix(b"\"") {
                from = json.len() - after_string(string).len();
                continue;
            }
            let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
            let start = from + start;
            from = start + here.iter().take_while(|byte| is_part(byte)).count();
            return Some(start..from);
        }
    })
}

/// What follows a string of which the opening quotation mark is taken off.
fn after_string(json: &[u8]) -> &[u8] {
    let mut escaped = false;
    for (at, byte) in json.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return json.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_of_digits_is_found_wherever_it_begins() {
        for before in 0..60 {
            for length in 0..60 {
                for after in [0, 1, 40] {
                    let json = [vec![b' '; before], vec![b'7'; length], vec![b' '; after]].concat();
                    assert_eq!(has_long_run(&json), length >= DIGITS, "{before} {length} {after}");
                }
            }
        }
        let separated = "123456789012345678,".repeat(40);
        assert!(!has_long_run(separated.as_bytes()));
    }

    #[test]
    fn a_number_is_what_stands_outside_of_strings() {
        let json = r#"{"1": ["12", "\"3", "\\", -4.5e+6, {"a\\\"7": true}, 8]}"#;
        let numbers: Vec<&str> = json_numbers(json.as_bytes()).map(|place| &json[place]).collect();
        assert_eq!(numbers, ["-4.5e+6", "8"]);
        for no_json in ["\"1", "\"1\\", "--", "\"", "é1", ""] {
            json_numbers(no_json.as_bytes())
                .for_each(|place| assert!(no_json.get(place).is_some(), "{no_json}"));
        }
    }

    #[test]
    fn large_integers_are_told_from_floats_strings_and_each_other() {
        let of = |json: &str, float: f64| Numbers::of_text(json.as_bytes()).of(float);
        let n = 12_345_678_901_234_567_890_123_i128;
        assert_eq!(of("[1, {\"a\": 12345678901234567890123}]", n as f64), Meant::Signed(n));
        assert_eq!(of("-12345678901234567890123", -n as f64), Meant::Signed(-n));
        assert_eq!(of("-9223372036854775809", -2_f64.powi(63)), Meant::Signed(i128::from(i64::MIN) - 1));
        assert_eq!(of("18446744073709551616", 2_f64.powi(64)), Meant::Signed(1 << 64));
        assert_eq!(of(&u128::MAX.to_string(), 2_f64.powi(128)), Meant::Unsigned(u128::MAX));
        assert_eq!(of(&format!("1{}", "0".repeat(50)), 1e50), Meant::Large);
        for float in [
            "\"12345678901234567890123\"",
            "12345678901234567890123.0",
            "18446744073709551615",
            "-9223372036854775808",
            "[\"\\\"\", \"12345678901234567890123\", 1e22]",
        ] {
            assert_eq!(of(float, n as f64), Meant::Float, "{float}");
        }
        assert_eq!(of("[12345678901234567890123, 1.5]", 1.5), Meant::Float);
        assert_eq!(of("[12345678901234567890123, 12345678901234567890124]", n as f64), Meant::Large);
        assert_eq!(of("[10000000000000000000000, 1e22]", 1e22), Meant::Large);
    }
}
