//! Checks the numbers of a JSON text: each is exact, or a problem.

use std::borrow::Cow;
use std::ops::Range;

use cache_core::json_numbers;

/// What is wrong with the first number of a valid JSON `text` that would not be stored as it is written.
///
/// An integer has at most 64 bits. A number with a point or an exponent is a 64-bit float: it is exact where it
/// is the shortest decimal that reads as its float (`0.1`), in whatever way it is written (`1.50e-1`), or the
/// float itself to the last digit.
pub(crate) fn inexact(text: &str) -> Option<String> {
    numbers(text).find_map(|(_, number)| problem(number))
}

/// The text with each `-0` as `0`. It is an integer, as all numbers without a point and an exponent are, and the
/// reader makes the float -0.0 of it. All else keeps its place.
pub(crate) fn without_negative_zeros(text: &str) -> Cow<'_, str> {
    let mut whole = Cow::Borrowed(text);
    for (place, number) in numbers(text) {
        if number == "-0" {
            whole.to_mut().replace_range(place, " 0");
        }
    }
    whole
}

fn numbers(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    json_numbers(text.as_bytes()).filter_map(|place| Some((place.clone(), text.get(place)?)))
}

fn problem(number: &str) -> Option<String> {
    if !number.contains(['.', 'e', 'E']) {
        let fits = number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
        return (!fits).then(|| {
            format!("the integer {number} has more than 64 bits; store it as a string, \"{number}\"")
        });
    }
    let float: f64 = number.parse().ok()?;
    if float.is_infinite() {
        return Some(format!(
            "the number {number} is beyond what a 64-bit float holds; store it as a string"
        ));
    }
    let written = Decimal::of(number);
    // The second has up to 1,074 digits: it is asked where the first differs.
    if written == Decimal::of(&format!("{float:e}")) || written == Decimal::of(&format!("{float:.1074}")) {
        return None;
    }
    Some(format!(
        "the number {number} has more digits than a 64-bit float holds, whose nearest is {float:?}; write that, or \
         store it as a string"
    ))
}

/// A decimal number in one form only: its digits without zeros around them, and the place of the last.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn of(number: &str) -> Self {
        let (negative, number) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0').trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Self { negative, digits, exponent: 0 };
        }
        let zeros = all.len() - all.trim_end_matches('0').len();
        let length = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        // An exponent that no i64 holds is far beyond every float.
        let exponent = exponent.trim_start_matches('+').parse::<i64>().unwrap_or(i64::MIN);
        let exponent = exponent.saturating_sub(length(fraction.len())).saturating_add(length(zeros));
        Self { negative, digits, exponent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_numbers_are_taken() {
        for number in [
            "0",
            "-7",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "0.1",
            "-0.0",
            "1.50e-1",
            "1e23",
            "100.000",
            "1E+2",
            "0e999999999999999999999",
            "5e-324",
            "1.7976931348623157e308",
            "11.648059100279703",
            "0.1000000000000000055511151231257827021181583404541015625",
            "9007199254740992.0",
        ] {
            assert_eq!(inexact(number), None);
        }
    }

    #[test]
    fn others_are_named() {
        for number in [
            "12345678901234567890123",
            "18446744073709551616",
            "-9223372036854775809",
            "1e400",
            "-1e309",
            "1e-400",
            "1e999999999999999999999",
            "1e-999999999999999999999",
            "0.1000000000000000055511151231257827",
            "0.10000000000000001",
            "9007199254740993.0",
            "123456789012345678.0",
            "3.14159265358979323846",
        ] {
            for text in
                [number.to_owned(), format!("[1, {{\"a\": {number}}}]"), format!("{{\"\\\"\": {number}}}")]
            {
                let problem = inexact(&text).unwrap_or_default();
                assert!(problem.contains(number), "{text}: {problem}");
            }
        }
    }

    #[test]
    fn a_zero_without_a_point_is_an_integer() {
        for (text, whole) in [
            ("-0", " 0"),
            (
                "[-0, -0.0, -0e0, {\"-0\": -0}, \"é-0\", 1e-0, -01]",
                "[ 0, -0.0, -0e0, {\"-0\":  0}, \"é-0\", 1e-0, -01]",
            ),
            ("[0, -1, 10]", "[0, -1, 10]"),
        ] {
            assert_eq!(without_negative_zeros(text), whole);
        }
    }

    #[test]
    fn what_a_text_says_is_no_number() {
        assert_eq!(inexact(r#"["12345678901234567890123", "\"1e400", "\\", {"1e-400": true}]"#), None);
    }
}
