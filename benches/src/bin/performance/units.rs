//! Numbers with units, for people.

use benches::Unit;

/// A number of a row.
pub(crate) fn human(number: f64, unit: Unit) -> String {
    match unit {
        Unit::Ns => scaled(number, 1_000.0, &["ns", "µs", "ms", "s"]),
        Unit::Bytes => scaled(number, 1_024.0, &["B", "KiB", "MiB", "GiB"]),
        Unit::MissesPerMillion => format!("{number:.0} / million"),
        Unit::Count => format!("{number:.0}"),
    }
}

/// A ratio; one without bound is what nothing at all has against something.
pub(crate) fn ratio(number: f64) -> String {
    if number >= f64::MAX { "∞".to_owned() } else { digits(number) }
}

fn scaled(mut number: f64, step: f64, units: &[&str]) -> String {
    let mut place = 0;
    while number.abs() >= step && place + 1 < units.len() {
        number /= step;
        place += 1;
    }
    format!("{} {}", digits(number), units[place])
}

/// Three digits, or all that are before the point.
fn digits(number: f64) -> String {
    let places = match number.abs() {
        n if n >= 99.95 => 0,
        n if n >= 9.995 => 1,
        _ => 2,
    };
    format!("{number:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_follow_the_size() {
        let shown = [0.5, 83.4, 999.0, 1_500.0, 125e6, 2e9, 7e13].map(|ns| human(ns, Unit::Ns));
        assert_eq!(shown, ["0.50 ns", "83.4 ns", "999 ns", "1.50 µs", "125 ms", "2.00 s", "70000 s"]);
        assert_eq!([142.0, 4_096.0].map(|bytes| human(bytes, Unit::Bytes)), ["142 B", "4.00 KiB"]);
        assert_eq!(human(123_456.0, Unit::MissesPerMillion), "123456 / million");
        assert_eq!(human(3.0, Unit::Count), "3");
    }

    #[test]
    fn ratios_have_three_digits() {
        assert_eq!([0.714, 9.99, 9.999, 99.94, 1_234.5].map(ratio), ["0.71", "9.99", "10.0", "99.9", "1234"]);
        assert_eq!(ratio(f64::MAX), "∞");
    }
}
