use jiff::civil;
use jiff::tz::{self, AmbiguousOffset, Offset};
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::error::Flaw;
use crate::{Date, DateTime, Error, Time, TimeDelta, TimeZone, Value};

/// jiff's own words would quote the value.
fn refused<E>(_: E) -> Error {
    out_of_range()
}

fn out_of_range() -> Error {
    Flaw::OUT_OF_RANGE.into()
}

impl TryFrom<civil::Date> for Date {
    type Error = Error;

    /// Fails before the year 1.
    fn try_from(date: civil::Date) -> Result<Self, Error> {
        let year = u16::try_from(date.year()).map_err(refused)?;
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        Self::new(year, month, day).ok_or_else(out_of_range)
    }
}

impl TryFrom<Date> for civil::Date {
    type Error = Error;

    fn try_from(date: Date) -> Result<Self, Error> {
        let year = i16::try_from(date.year()).map_err(refused)?;
        let month = i8::try_from(date.month()).map_err(refused)?;
        Self::new(year, month, i8::try_from(date.day()).map_err(refused)?).map_err(refused)
    }
}

impl TryFrom<civil::Time> for Time {
    type Error = Error;

    /// Cut to the microsecond: Python has no smaller unit.
    fn try_from(time: civil::Time) -> Result<Self, Error> {
        let [hour, minute, second] = [time.hour(), time.minute(), time.second()].map(i8::unsigned_abs);
        let microsecond = time.subsec_nanosecond().unsigned_abs() / 1000;
        Self::new(hour, minute, second, microsecond).ok_or_else(out_of_range)
    }
}

impl TryFrom<Time> for civil::Time {
    type Error = Error;

    /// Fails for a time in a zone, which this type would lose.
    fn try_from(time: Time) -> Result<Self, Error> {
        if time.zone().is_some() { Err(super::none("a time without a zone")) } else { clock(&time) }
    }
}

fn clock(time: &Time) -> Result<civil::Time, Error> {
    let part = |part| i8::try_from(part).map_err(refused);
    let nanosecond = i32::try_from(time.microsecond() * 1000).map_err(refused)?;
    civil::Time::new(part(time.hour())?, part(time.minute())?, part(time.second())?, nanosecond)
        .map_err(refused)
}

impl TryFrom<civil::DateTime> for DateTime {
    type Error = Error;

    /// Cut to the microsecond. Fails before the year 1.
    fn try_from(time: civil::DateTime) -> Result<Self, Error> {
        Ok(Self { date: time.date().try_into()?, time: time.time().try_into()? })
    }
}

impl TryFrom<DateTime> for civil::DateTime {
    type Error = Error;

    /// Fails for a time in a zone, which this type would lose.
    fn try_from(DateTime { date, time }: DateTime) -> Result<Self, Error> {
        Ok(civil::Date::try_from(date)?.to_datetime(time.try_into()?))
    }
}

impl TryFrom<Zoned> for DateTime {
    type Error = Error;

    /// Cut to the microsecond. A zone without a name in the IANA database becomes its offset; fails
    /// where that is a day or more, which Python has not.
    fn try_from(zoned: Zoned) -> Result<Self, Error> {
        let zone = match zoned.time_zone().iana_name() {
            Some(name) if *zoned.time_zone() != tz::TimeZone::UTC => TimeZone::Named(name.to_owned()),
            _ => {
                let seconds = i128::from(zoned.offset().seconds());
                let offset = TimeDelta::from_microseconds(seconds * 1_000_000).ok_or_else(out_of_range)?;
                if !offset.is_an_offset() {
                    return Err(Flaw::OFFSET.into());
                }
                TimeZone::Fixed { offset, name: None }
            }
        };
        let wall = zoned.datetime();
        let fold = match zoned.time_zone().to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Fold { after, .. } => after == zoned.offset(),
            _ => false,
        };
        let Self { date, time } = wall.try_into()?;
        Ok(Self { date, time: time.with_zone(Some(zone)).with_fold(fold) })
    }
}

impl TryFrom<DateTime> for Zoned {
    type Error = Error;

    /// Fails for a time without a zone, and for a zone that the system's database lacks.
    fn try_from(DateTime { date, time }: DateTime) -> Result<Self, Error> {
        let wall = civil::Date::try_from(date)?.to_datetime(clock(&time)?);
        let zone = match time.zone() {
            None => return Err(super::none("a time with a zone")),
            Some(zone) if *zone == TimeZone::UTC => tz::TimeZone::UTC,
            Some(TimeZone::Named(name)) => {
                tz::TimeZone::get(name).map_err(|_| super::none("a time in a zone that this system knows"))?
            }
            Some(TimeZone::Fixed { offset, .. }) => {
                let micros = offset.total_microseconds();
                if micros % 1_000_000 != 0 {
                    return Err(super::none("an offset from UTC in whole seconds"));
                }
                let seconds = i32::try_from(micros / 1_000_000).map_err(refused)?;
                Offset::from_seconds(seconds).map_err(refused)?.to_time_zone()
            }
        };
        // Python takes the offset before a change for fold=0 and the one after it for fold=1, when
        // the clock is put back and when it is put forward.
        let offset = match zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => {
                if time.fold() { after } else { before }
            }
        };
        Ok(offset.to_timestamp(wall).map_err(refused)?.to_zoned(zone))
    }
}

impl TryFrom<Timestamp> for DateTime {
    type Error = Error;

    /// In UTC, cut to the microsecond.
    fn try_from(time: Timestamp) -> Result<Self, Error> {
        time.to_zoned(tz::TimeZone::UTC).try_into()
    }
}

impl TryFrom<DateTime> for Timestamp {
    type Error = Error;

    /// Fails for a time without a zone, and for a zone that the system's database lacks.
    fn try_from(time: DateTime) -> Result<Self, Error> {
        Zoned::try_from(time).map(|zoned| zoned.timestamp())
    }
}

impl TryFrom<SignedDuration> for TimeDelta {
    type Error = Error;

    /// Cut to the microsecond.
    fn try_from(span: SignedDuration) -> Result<Self, Error> {
        Self::from_microseconds(span.as_micros()).ok_or_else(out_of_range)
    }
}

impl TryFrom<TimeDelta> for SignedDuration {
    type Error = Error;

    fn try_from(span: TimeDelta) -> Result<Self, Error> {
        let micros = span.total_microseconds();
        let seconds = i64::try_from(micros / 1_000_000).map_err(refused)?;
        let nanos = i32::try_from(micros % 1_000_000 * 1000).map_err(refused)?;
        Ok(Self::new(seconds, nanos))
    }
}

macro_rules! values {
    ($($type:ty: $own:ident, $class:literal;)*) => {$(
        impl TryFrom<$type> for Value {
            type Error = Error;

            fn try_from(value: $type) -> Result<Self, Error> {
                $own::try_from(value).map(Self::$own)
            }
        }

        impl TryFrom<Value> for $type {
            type Error = Error;

            fn try_from(value: Value) -> Result<Self, Error> {
                match value {
                    Value::$own(value) => value.try_into(),
                    _ => Err(super::none($class)),
                }
            }
        }

        impl TryFrom<Option<$type>> for Value {
            type Error = Error;

            fn try_from(value: Option<$type>) -> Result<Self, Error> {
                value.map_or(Ok(Self::None), Self::try_from)
            }
        }

        super::optional!($type);
    )*};
}

values! {
    civil::Date: Date, "a datetime.date";
    civil::Time: Time, "a datetime.time";
    civil::DateTime: DateTime, "a datetime.datetime";
    Zoned: DateTime, "a datetime.datetime";
    Timestamp: DateTime, "a datetime.datetime";
    SignedDuration: TimeDelta, "a datetime.timedelta";
}
