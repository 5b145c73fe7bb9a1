//! [`Axis`]: where a value lies, and what its ticks say.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// An axis with its label, its range and its ticks.
#[derive(Clone, Debug)]
pub struct Axis {
    pub(crate) label: String,
    ticks: Vec<(f64, String)>,
    range: Range<f64>,
    is_log: bool,
}

impl Axis {
    /// Makes a linear axis from the first tick to the last. `label` names the unit.
    ///
    /// # Panics
    /// Never: without ticks the axis is empty.
    #[must_use]
    pub fn linear(label: &str, ticks: &[f64], show: impl Fn(f64) -> String) -> Self {
        let range = ticks.first().copied().unwrap_or(0.0)..ticks.last().copied().unwrap_or(1.0);
        Self { label: label.to_owned(), ticks: shown(ticks, show), range, is_log: false }
    }

    /// Makes a logarithmic axis with these ticks, a little wider than they are. The label ends in "log scale".
    #[must_use]
    pub fn log(label: &str, ticks: &[f64], show: impl Fn(f64) -> String) -> Self {
        let first = ticks.first().copied().unwrap_or(1.0);
        let last = ticks.last().copied().unwrap_or(10.0);
        let margin = (last / first).max(10.0).powf(0.06);
        Self {
            label: format!("{label}, log scale"),
            ticks: shown(ticks, show),
            range: first / margin..last * margin,
            is_log: true,
        }
    }

    /// Makes a logarithmic axis over all `values`, with a tick at each power of ten. Values that are not
    /// positive have no place on it and are left out.
    #[must_use]
    pub fn decades(label: &str, values: impl IntoIterator<Item = f64>, show: impl Fn(f64) -> String) -> Self {
        let positive = values.into_iter().filter(|value| *value > 0.0);
        let (least, most) =
            positive.fold((f64::MAX, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
        let (least, most) = if most > 0.0 { (least, most) } else { (1.0, 10.0) };
        let first = least.log10().floor() as i32;
        let last = (most.log10().ceil() as i32).max(first + 1);
        // More than seven do not fit.
        let step = 1 + (last - first) as usize / 7;
        let ticks: Vec<f64> = (first..=last).step_by(step).map(|power| 10_f64.powi(power)).collect();
        let axis = Self::log(label, &ticks, show);
        Self { range: 10_f64.powi(first)..10_f64.powi(last), ..axis }
    }

    /// Whether a value lies on it.
    pub(crate) fn contains(&self, value: f64) -> bool {
        (self.range.start..=self.range.end).contains(&value)
    }

    fn at(&self, value: f64) -> f64 {
        if self.is_log { value.ln() } else { value }
    }
}

fn shown(ticks: &[f64], show: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    ticks.iter().map(|&tick| (tick, show(tick))).collect()
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let (start, end) = (self.at(self.range.start), self.at(self.range.end));
        from + (f64::from(to - from) * (self.at(*value) - start) / (end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // No lines between the ticks.
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.ticks.iter().map(|(tick, _)| *tick).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|(tick, _)| tick == value);
        tick.map_or_else(String::new, |(_, text)| text.clone())
    }
}

#[cfg(test)]
mod tests {
    use plotters::coord::ranged1d::BoldPoints;

    use super::*;

    #[test]
    fn a_log_axis_says_so_and_puts_equal_ratios_at_equal_distances() {
        let axis = Axis::decades("time", [169.0, 3_330.0, 0.0], |value| format!("{value} ns"));
        assert_eq!(axis.label, "time, log scale");
        assert_eq!(axis.range, 100.0..10_000.0);
        let places = [100.0, 1_000.0, 10_000.0].map(|value| axis.map(&value, (10, 210)));
        assert_eq!(places, [10, 110, 210]);
        assert_eq!(axis.key_points(BoldPoints(9)), [100.0, 1_000.0, 10_000.0]);
        assert_eq!(axis.format_ext(&1_000.0), "1000 ns");
    }

    #[test]
    fn a_linear_axis_ends_at_its_ticks() {
        let axis = Axis::linear("hit ratio, %", &[0.0, 50.0, 100.0], |value| format!("{value} %"));
        assert_eq!([0.0, 25.0, 100.0].map(|value| axis.map(&value, (200, 0))), [200, 150, 0]);
        assert!(axis.contains(100.0) && !axis.contains(100.1));
        assert_eq!(axis.label, "hit ratio, %");
    }

    #[test]
    fn many_decades_have_few_ticks() {
        let axis = Axis::decades("time", [1.0, 1e12], |_| String::new());
        assert!((2..=8).contains(&axis.ticks.len()), "{:?}", axis.ticks);
    }
}
