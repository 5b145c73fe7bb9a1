//! Python's dates and times. Each displays in ISO 8601 as its `isoformat` does, with a zone's name in brackets
//! after it. Django's JSON has milliseconds and `Z` instead, and spans in days.

use std::fmt;

/// `datetime.date`: a day of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Makes a day in the years 1 to 9999. Returns `None` if it does not exist.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        ((1..=9999).contains(&year) && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }

    /// Returns the year, 1 to 9999.
    #[must_use]
    pub fn year(&self) -> u16 {
        self.year
    }

    /// Returns the month, from 1.
    #[must_use]
    pub fn month(&self) -> u8 {
        self.month
    }

    /// Returns the day of the month, from 1.
    #[must_use]
    pub fn day(&self) -> u8 {
        self.day
    }

    /// Returns the bytes that Python's constructor takes.
    pub(crate) fn to_bytes(self) -> [u8; 4] {
        let [high, low] = self.year.to_be_bytes();
        [high, low, self.month, self.day]
    }

    pub(crate) fn from_bytes([high, low, month, day]: [u8; 4]) -> Option<Self> {
        Self::new(u16::from_be_bytes([high, low]), month, day)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// `datetime.time`: a time of day, with or without a zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Time {
    hour: u8,
    minute: u8,
    second: u8,
    fold: bool,
    microsecond: u32,
    zone: Option<Box<TimeZone>>,
}

impl Time {
    /// Makes a time of day without a zone. Returns `None` if it does not exist.
    #[must_use]
    pub fn new(hour: u8, minute: u8, second: u8, microsecond: u32) -> Option<Self> {
        let fits = hour < 24 && minute < 60 && second < 60 && microsecond < 1_000_000;
        fits.then_some(Self { hour, minute, second, fold: false, microsecond, zone: None })
    }

    /// Returns the same time in a zone, or without one.
    #[must_use]
    pub fn with_zone(mut self, zone: Option<TimeZone>) -> Self {
        self.zone = zone.map(Box::new);
        self
    }

    /// Returns the same time as the second (`fold=1`) or the first of the two times that exist when a clock is set
    /// back.
    #[must_use]
    pub fn with_fold(mut self, fold: bool) -> Self {
        self.fold = fold;
        self
    }

    /// Returns the hour, 0 to 23.
    #[must_use]
    pub fn hour(&self) -> u8 {
        self.hour
    }

    /// Returns the minute.
    #[must_use]
    pub fn minute(&self) -> u8 {
        self.minute
    }

    /// Returns the second, 0 to 59.
    #[must_use]
    pub fn second(&self) -> u8 {
        self.second
    }

    /// Returns the microsecond within the second.
    #[must_use]
    pub fn microsecond(&self) -> u32 {
        self.microsecond
    }

    /// Returns whether this is the second of the two times that exist when a clock is set back.
    #[must_use]
    pub fn fold(&self) -> bool {
        self.fold
    }

    /// Returns the zone, if it has one.
    #[must_use]
    pub fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_deref()
    }

    /// Returns the bytes that Python's constructor takes, without the fold, whose bit is elsewhere.
    pub(crate) fn to_bytes(&self) -> [u8; 6] {
        let [_, high, middle, low] = self.microsecond.to_be_bytes();
        [self.hour, self.minute, self.second, high, middle, low]
    }

    pub(crate) fn from_bytes([hour, minute, second, high, middle, low]: [u8; 6]) -> Option<Self> {
        Self::new(hour, minute, second, u32::from_be_bytes([0, high, middle, low]))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.hour, self.minute, self.second)?;
        if self.microsecond > 0 {
            write!(f, ".{:06}", self.microsecond)?;
        }
        self.zone.as_ref().map_or(Ok(()), |zone| zone.fmt(f))
    }
}

/// `datetime.datetime`: a date and a time of day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// The day.
    pub date: Date,
    /// The time of day, with the zone.
    pub time: Time,
}

/// `2024-07-01T01:02:03+00:00`, and `2024-07-01T01:02:03[Europe/Berlin]` in a zone whose offset only a
/// database knows: RFC 9557 without its offset. Does not show [`fold`](Time::fold).
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", self.date, self.time)
    }
}

/// `datetime.timedelta`: a span of time to the microsecond, of either sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeDelta {
    days: i32,
    seconds: u32,
    microseconds: u32,
}

const MICROSECONDS: i128 = 1_000_000;
const DAY: i128 = 86_400 * MICROSECONDS;

impl TimeDelta {
    /// Makes a span from days (at most 999,999,999 of either sign), seconds of a day and microseconds of a
    /// second, as Python keeps them: only the days have a sign. Returns `None` if one is out of its range.
    #[must_use]
    pub fn new(days: i32, seconds: u32, microseconds: u32) -> Option<Self> {
        let fits = days.unsigned_abs() <= 999_999_999 && seconds < 86_400 && microseconds < 1_000_000;
        fits.then_some(Self { days, seconds, microseconds })
    }

    /// Makes a span of this many microseconds. Returns `None` if Python has no such span.
    #[must_use]
    pub fn from_microseconds(total: i128) -> Option<Self> {
        let days = i32::try_from(total.div_euclid(DAY)).ok()?;
        let rest = total.rem_euclid(DAY);
        Self::new(days, (rest / MICROSECONDS) as u32, (rest % MICROSECONDS) as u32)
    }

    /// Returns the whole span in microseconds.
    #[must_use]
    pub fn total_microseconds(&self) -> i128 {
        i128::from(self.days) * DAY + i128::from(self.seconds) * MICROSECONDS + i128::from(self.microseconds)
    }

    /// Whether a zone may be this far from UTC: less than a day.
    pub(crate) fn is_an_offset(&self) -> bool {
        self.total_microseconds().abs() < DAY
    }

    /// Returns the days, negative for a negative span.
    #[must_use]
    pub fn days(&self) -> i32 {
        self.days
    }

    /// Returns the seconds of the last day.
    #[must_use]
    pub fn seconds(&self) -> u32 {
        self.seconds
    }

    /// Returns the microseconds of the last second.
    #[must_use]
    pub fn microseconds(&self) -> u32 {
        self.microseconds
    }
}

/// `PT90.500000S`, `-PT1S`.
impl fmt::Display for TimeDelta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total_microseconds();
        let sign = if total < 0 { "-" } else { "" };
        let (seconds, micros) = (total.unsigned_abs() / 1_000_000, total.unsigned_abs() % 1_000_000);
        if micros == 0 {
            write!(f, "{sign}PT{seconds}S")
        } else {
            write!(f, "{sign}PT{seconds}.{micros:06}S")
        }
    }
}

/// `datetime.timezone` or `zoneinfo.ZoneInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TimeZone {
    /// `datetime.timezone`: a fixed offset, less than a day from UTC. A larger one cannot be written.
    Fixed {
        /// What is added to UTC.
        offset: TimeDelta,
        /// The name it was given, if any.
        name: Option<String>,
    },
    /// `zoneinfo.ZoneInfo`: a zone of the IANA database, by its name.
    Named(String),
}

impl TimeZone {
    /// `datetime.timezone.utc`.
    pub const UTC: Self =
        Self::Fixed { offset: TimeDelta { days: 0, seconds: 0, microseconds: 0 }, name: None };
}

/// `+00:00`, `+05:30`, `-00:00:01`, `[Europe/Berlin]`.
impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = match self {
            Self::Named(name) => return write!(f, "[{name}]"),
            Self::Fixed { offset, .. } => offset.total_microseconds(),
        };
        let sign = if offset < 0 { '-' } else { '+' };
        let (seconds, micros) = (offset.unsigned_abs() / 1_000_000, offset.unsigned_abs() % 1_000_000);
        write!(f, "{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)?;
        if seconds % 60 > 0 || micros > 0 {
            write!(f, ":{:02}", seconds % 60)?;
        }
        if micros > 0 { write!(f, ".{micros:06}") } else { Ok(()) }
    }
}
