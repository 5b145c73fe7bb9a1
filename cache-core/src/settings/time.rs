//! Times in settings: a number of seconds, `"5m"`, `"never"`.

use std::time::Duration;

use super::{Problem, Setting};
use crate::error::Error;
use crate::timeout::Timeout;

const HOW_TIMEOUT: &str =
    "give a number of seconds, a string such as \"90s\", \"5m\" or \"1h30m\", or \"never\"";
const HOW_DURATION: &str = "give a number of seconds, or a string such as \"500ms\" or \"2s\"";

/// A timeout of entries: Django's `TIMEOUT`. Null is never; zero and negative expire at once.
pub(super) fn timeout(setting: &Setting) -> Result<Timeout, Problem> {
    let seconds = |seconds| Timeout::try_from_secs_f64(seconds).ok();
    let timeout = match setting {
        Setting::Null => Some(Timeout::Never),
        Setting::Integer(n) => Some(Timeout::from_secs(*n)),
        Setting::Float(n) => seconds(*n),
        // "None" is how a Python settings URL says it.
        Setting::Text(text) if ["never", "none"].contains(&&*text.to_ascii_lowercase()) => {
            Some(Timeout::Never)
        }
        Setting::Text(text) => match text.strip_prefix('-').map(number) {
            Some(negative) => negative.map(|_| Timeout::from_secs(0)),
            None => span(text).and_then(seconds),
        },
        Setting::Bool(_) | Setting::List(_) | Setting::Table(_) => None,
    };
    timeout.ok_or_else(|| format!("is {}; {HOW_TIMEOUT}", setting.shown()))
}

impl std::str::FromStr for Timeout {
    type Err = Error;

    /// Reads a timeout as settings write it: a number of seconds, `"5m"`, `"1h30m"`, `"never"`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTimeout`](crate::ErrorKind::InvalidTimeout) for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        timeout(&Setting::Text(text.to_owned()))
            .map_err(|problem| Error::invalid_timeout(format!("the timeout {problem}")))
    }
}

/// Reads a time to wait, which always has an end.
pub(super) fn duration(setting: &Setting) -> Result<Duration, Problem> {
    #[allow(clippy::cast_precision_loss, reason = "nobody waits for 2^53 seconds")]
    let seconds = match setting {
        Setting::Integer(n) => Some(*n as f64),
        Setting::Float(n) => Some(*n),
        Setting::Text(text) => span(text),
        Setting::Null => {
            return Err(format!("is null, but every wait needs an end; {HOW_DURATION}"));
        }
        Setting::Bool(_) | Setting::List(_) | Setting::Table(_) => None,
    };
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| format!("is {}; {HOW_DURATION}", setting.shown()))
}

/// The seconds of `300`, `2.5`, `5m` or `1h30m`.
fn span(text: &str) -> Option<f64> {
    if let Some(seconds) = number(text) {
        return Some(seconds);
    }
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (amount, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        seconds += number(amount)? * unit_seconds(unit)?;
        rest = after.trim_start();
    }
    Some(seconds).filter(|_| !text.is_empty())
}

/// Reads digits with at most one point, but not what Rust reads as a float otherwise, such as `inf` and `1e9`.
fn number(text: &str) -> Option<f64> {
    let good = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    good.then(|| text.parse().ok()).flatten()
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn after(millis: u64) -> Timeout {
        Timeout::After(Duration::from_millis(millis))
    }

    #[test]
    fn timeouts_as_people_write_them() {
        for (setting, expected) in [
            (Setting::Null, Timeout::Never),
            (300.into(), after(300_000)),
            (0.into(), after(0)),
            ((-1).into(), after(0)),
            (Setting::Float(2.5), after(2_500)),
            (Setting::Float(-0.5), after(0)),
            ("300".into(), after(300_000)),
            ("0.25".into(), after(250)),
            ("-1".into(), after(0)),
            ("5m".into(), after(300_000)),
            ("1h30m".into(), after(5_400_000)),
            ("1h 30m".into(), after(5_400_000)),
            ("1.5s".into(), after(1_500)),
            ("100ms".into(), after(100)),
            ("2d".into(), after(172_800_000)),
            ("1w".into(), after(604_800_000)),
            ("never".into(), Timeout::Never),
            ("None".into(), Timeout::Never),
            (Setting::Float(1e300), Timeout::Never),
        ] {
            assert_eq!(timeout(&setting).unwrap(), expected, "{}", setting.shown());
        }
    }

    #[test]
    fn a_text_is_a_timeout() {
        assert_eq!("5m".parse::<Timeout>().unwrap(), after(300_000));
        let error = "5 minutes".parse::<Timeout>().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::InvalidTimeout);
        assert!(error.to_string().starts_with("the timeout is \"5 minutes\"; give "), "{error}");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "m", "5x", "5 minutes", "1h30", "--1", "-", "-5m", "inf", "1e9", ".", "5m,", "é"] {
            assert!(timeout(&text.into()).is_err(), "{text:?}");
            assert!(duration(&text.into()).is_err(), "{text:?}");
        }
        for setting in [Setting::Bool(true), Setting::List(vec![]), Setting::Float(f64::NAN)] {
            assert!(timeout(&setting).is_err() && duration(&setting).is_err());
        }
        for setting in [Setting::Null, (-1).into(), "never".into()] {
            assert!(duration(&setting).is_err());
        }
        assert_eq!(duration(&"500ms".into()).unwrap(), Duration::from_millis(500));
    }
}
