//! The types of other crates, from and into Python's.

#![cfg(all(feature = "jiff", feature = "rust_decimal", feature = "uuid"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::{Debug, Display};

use cache_pickle::{ErrorKind, Value, from_slice, to_vec};
use jiff::{SignedDuration, Timestamp, Zoned, civil, tz};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[track_caller]
fn round<T>(value: T, shown: &str)
where
    T: Clone + Debug + PartialEq + TryFrom<Value, Error: Debug>,
    Value: TryFrom<T, Error: Debug + Display>,
{
    let python = Value::try_from(value.clone()).unwrap();
    assert_eq!(python.to_string(), shown);
    let read = Value::read(&python.write().unwrap()).unwrap();
    assert_eq!(T::try_from(read).unwrap(), value);
}

#[test]
fn values_come_back_as_pythons_types() {
    round(Uuid::from_u128(7), "UUID(00000000000000000000000000000007)");
    round("12.3400".parse::<Decimal>().unwrap(), "Decimal(12.3400)");
    round(Decimal::MIN, "Decimal(-79228162514264337593543950335)");
    round(civil::date(2024, 2, 29), "date(2024-02-29)");
    round(civil::time(1, 2, 3, 4000), "time(01:02:03.000004)");
    round(civil::date(9999, 12, 31).at(23, 59, 59, 0), "datetime(9999-12-31T23:59:59)");
    round(
        "2024-02-29T12:34:56.789012Z".parse::<Timestamp>().unwrap(),
        "datetime(2024-02-29T12:34:56.789012+00:00)",
    );
    round(
        "2024-07-01T01:02:03+05:30[+05:30]".parse::<Zoned>().unwrap(),
        "datetime(2024-07-01T01:02:03+05:30)",
    );
    round(SignedDuration::from_micros(-1), "timedelta(-PT0.000001S)");
    round(SignedDuration::from_secs(86_399_999_999_999), "timedelta(PT86399999999999S)");
}

/// The hour that exists twice and the one that does not exist, as Python counts them.
#[test]
fn a_clock_that_is_put_back_has_its_fold() {
    if jiff::tz::TimeZone::get("Europe/Berlin").is_err() {
        assert!(std::env::var_os("CI").is_none(), "the time zone database is missing");
        eprintln!("skipped: the time zone database is missing");
        return;
    }
    for (time, fold) in [
        ("2024-10-27T02:30:00+02:00[Europe/Berlin]", false),
        ("2024-10-27T02:30:00+01:00[Europe/Berlin]", true),
    ] {
        let zoned: Zoned = time.parse().unwrap();
        round(zoned.clone(), "datetime(2024-10-27T02:30:00[Europe/Berlin])");
        let Value::DateTime(python) = Value::try_from(zoned).unwrap() else { panic!() };
        assert_eq!(python.time.fold(), fold);
    }
    // datetime(2024, 3, 31, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")).timestamp() == 1711848600.0,
    // and with fold=1 an hour less.
    for (fold, timestamp) in [(false, 1_711_848_600), (true, 1_711_845_000)] {
        let zone = cache_pickle::TimeZone::Named("Europe/Berlin".to_owned());
        let date = cache_pickle::Date::new(2024, 3, 31).unwrap();
        let time = cache_pickle::Time::new(2, 30, 0, 0).unwrap().with_fold(fold).with_zone(Some(zone));
        let read: Timestamp = cache_pickle::DateTime { date, time }.try_into().unwrap();
        assert_eq!(read.as_second(), timestamp);
    }
}

#[test]
fn what_does_not_fit_is_refused_without_its_value() {
    let decimal = |digits: &str| Decimal::try_from(Value::Decimal(digits.to_owned()));
    assert_eq!(decimal("1.5E+3").unwrap(), Decimal::from(1500));
    let naive = civil::date(2024, 1, 1).at(0, 0, 0, 0);
    let errors = [
        decimal("NaN").unwrap_err(),
        decimal("0.12345678901234567890123456789012345").unwrap_err(),
        Uuid::try_from(Value::from("00000000-0000-0000-0000-000000000007")).unwrap_err(),
        Timestamp::try_from(Value::try_from(naive).unwrap()).unwrap_err(),
        civil::DateTime::try_from(Value::try_from(Timestamp::UNIX_EPOCH).unwrap()).unwrap_err(),
        Value::try_from(civil::date(-1, 1, 1)).unwrap_err(),
        Value::try_from(SignedDuration::MAX).unwrap_err(),
        Value::try_from(
            Timestamp::UNIX_EPOCH.to_zoned(tz::Offset::from_seconds(-86_400).unwrap().to_time_zone()),
        )
        .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Type);
        assert!(!error.to_string().contains(['1', '7', '5']), "{error}");
    }
    // Python has no smaller unit than the microsecond.
    let time = Value::try_from(civil::time(0, 0, 0, 1999)).unwrap();
    assert_eq!(civil::Time::try_from(time).unwrap(), civil::time(0, 0, 0, 1000));
}

#[test]
fn a_field_is_text_or_pythons_own_type() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Order {
        text: Uuid,
        #[serde(with = "cache_pickle::python")]
        id: Uuid,
        #[serde(with = "cache_pickle::python")]
        price: Decimal,
        #[serde(with = "cache_pickle::python")]
        at: Timestamp,
        #[serde(with = "cache_pickle::python")]
        until: Option<civil::Date>,
        created: Timestamp,
    }
    let id = Uuid::from_u128(7);
    let order = Order {
        text: id,
        id,
        price: Decimal::ONE,
        at: Timestamp::UNIX_EPOCH,
        until: None,
        created: Timestamp::UNIX_EPOCH,
    };
    let bytes = to_vec(&order).unwrap();
    let expected = "{'text': '00000000-0000-0000-0000-000000000007', 'id': UUID(00000000000000000000000000000007), \
                    'price': Decimal(1), 'at': datetime(1970-01-01T00:00:00+00:00), 'until': None, \
                    'created': '1970-01-01T00:00:00Z'}";
    assert_eq!(Value::read(&bytes).unwrap().to_string(), expected);
    assert_eq!(from_slice::<Order>(&bytes).unwrap(), order);
    // Django's own, into fields that expect text.
    #[derive(Debug, PartialEq, Deserialize)]
    struct Plain {
        id: Uuid,
        at: Timestamp,
    }
    let plain = Plain { id, at: Timestamp::UNIX_EPOCH };
    assert_eq!(from_slice::<Plain>(&bytes).unwrap(), plain);
}
