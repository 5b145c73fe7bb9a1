//! Any `Value` comes back as it was written, and Python finds it equal.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod python;

use cache_pickle::{
    BigInt, Class, Date, DateTime, ErrorKind, Made, Object, Time, TimeDelta, TimeZone, Value, from_slice,
    to_vec,
};
use proptest::prelude::*;
use python::Case;

fn date() -> impl Strategy<Value = Date> {
    (1..=9999_u16, 1..=12_u8, 1..=28_u8).prop_map(|(year, month, day)| Date::new(year, month, day).unwrap())
}

fn delta() -> impl Strategy<Value = TimeDelta> {
    (-999_999_999..=999_999_999, 0..86_400_u32, 0..1_000_000_u32)
        .prop_map(|(days, seconds, micros)| TimeDelta::new(days, seconds, micros).unwrap())
}

fn zone() -> impl Strategy<Value = TimeZone> {
    let fixed = (-86_399_999_999..86_400_000_000_i128, any::<Option<String>>()).prop_map(|(micros, name)| {
        TimeZone::Fixed { offset: TimeDelta::from_microseconds(micros).unwrap(), name }
    });
    prop_oneof![fixed, any::<String>().prop_map(TimeZone::Named), Just(TimeZone::UTC)]
}

fn time() -> impl Strategy<Value = Time> {
    let clock = (0..24_u8, 0..60_u8, 0..60_u8, 0..1_000_000_u32);
    (clock, any::<bool>(), prop::option::of(zone())).prop_map(
        |((hour, minute, second, micro), fold, zone)| {
            Time::new(hour, minute, second, micro).unwrap().with_fold(fold).with_zone(zone)
        },
    )
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-300..300_i64).prop_map(Value::from),
        any::<i128>().prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..300)
            .prop_map(|bytes| BigInt::from_signed_bytes_le(&bytes).into()),
        (proptest::num::f64::NORMAL | proptest::num::f64::ZERO).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::ByteArray),
        date().prop_map(Value::from),
        time().prop_map(Value::from),
        (date(), time()).prop_map(|(date, time)| DateTime { date, time }.into()),
        delta().prop_map(Value::from),
        zone().prop_map(Value::from),
        "-?[0-9]{1,30}(\\.[0-9]{1,9})?".prop_map(Value::Decimal),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        any::<(String, String)>().prop_map(|(module, name)| Class::new(module, name).into()),
    ]
}

/// The same, or what Python can hash in its place.
fn hashable(value: Value) -> Value {
    match value {
        Value::List(values) | Value::Set(values) | Value::Tuple(values) => {
            Value::Tuple(values.into_iter().map(hashable).collect())
        }
        Value::Dict(entries) => Value::Tuple(entries.into_iter().map(|(key, _)| key).collect()),
        Value::ByteArray(bytes) => Value::Bytes(bytes),
        other => other,
    }
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 60, 6, |inner| {
        let values = || prop::collection::vec(inner.clone(), 0..6);
        let entries = || prop::collection::vec((inner.clone().prop_map(hashable), inner.clone()), 0..4);
        let members = || prop::collection::vec(inner.clone().prop_map(hashable), 0..6);
        let parts =
            (values(), prop::option::of(entries()), values(), entries(), prop::option::of(inner.clone()));
        let object = (any::<bool>(), parts).prop_map(|(call, (args, kwargs, items, entries, state))| {
            let made = if call { Made::Call } else { Made::New };
            let kwargs = kwargs.filter(|_| !call);
            let callable = Class::new("app.models", "Thing").into();
            Object { made, callable, args, kwargs, items, entries, state }.into()
        });
        prop_oneof![
            values().prop_map(Value::List),
            values().prop_map(Value::Tuple),
            members().prop_map(Value::Set),
            members().prop_map(Value::FrozenSet),
            entries().prop_map(Value::Dict),
            object,
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_come_back(value in value()) {
        let written = value.write().unwrap();
        prop_assert_eq!(&Value::read(&written).unwrap(), &value);
        prop_assert_eq!(&from_slice::<Value>(&written).unwrap(), &value);
        let serialized = to_vec(&value).unwrap();
        prop_assert_eq!(&Value::read(&serialized).unwrap(), &value);
        let [inner]: [Value; 1] = from_slice(&to_vec(&[&value]).unwrap()).unwrap();
        prop_assert_eq!(&inner, &value);
        // Showing it works too.
        prop_assert!(!value.to_string().is_empty());
    }
}

fn class(module: &str, name: &str) -> Value {
    Class::new(module, name).into()
}

fn call(callable: Value, args: Vec<Value>) -> Object {
    Object { made: Made::Call, callable, args, kwargs: None, items: vec![], entries: vec![], state: None }
}

#[test]
fn python_finds_what_rust_made_equal() {
    let date = Date::new(2024, 10, 27).unwrap();
    let clock = |hour| Time::new(hour, 30, 15, 123_456).unwrap();
    let berlin = || Some(TimeZone::Named("Europe/Berlin".to_owned()));
    let half_past = TimeDelta::from_microseconds(19_800_000_000).unwrap();
    let named = TimeZone::Fixed { offset: half_past, name: Some("IST".to_owned()) };
    let row = |n: u32| Value::Dict(vec![("id".into(), n.into()), ("a longer name".into(), "x".into())]);
    let deque = Object {
        items: vec![1.into(), 2.into()],
        ..call(class("collections", "deque"), vec![Value::Tuple(vec![]), 5.into()])
    };
    let counter = call(class("collections", "Counter"), vec![Value::Dict(vec![("a".into(), 2.into())])]);
    let ordered = Object {
        entries: vec![("b".into(), 1.into()), ("a".into(), 2.into())],
        ..call(class("collections", "OrderedDict"), vec![])
    };
    let values: Vec<(&str, Value)> = vec![
        ("datetime.datetime(2024, 10, 27, 2, 30, 15, 123456)", DateTime { date, time: clock(2) }.into()),
        (
            "datetime.datetime(2024, 10, 27, 2, 30, 15, 123456, zoneinfo.ZoneInfo('Europe/Berlin'), fold=1)",
            DateTime { date, time: clock(2).with_zone(berlin()).with_fold(true) }.into(),
        ),
        (
            "datetime.datetime(2024, 10, 27, 2, 30, 15, 123456, datetime.timezone.utc)",
            DateTime { date, time: clock(2).with_zone(Some(TimeZone::UTC)) }.into(),
        ),
        (
            "datetime.time(23, 30, 15, 123456, datetime.timezone(datetime.timedelta(hours=5.5), 'IST'), fold=1)",
            clock(23).with_zone(Some(named)).with_fold(true).into(),
        ),
        ("zoneinfo.ZoneInfo('Europe/Berlin')", berlin().into()),
        ("datetime.timedelta(microseconds=-1)", TimeDelta::from_microseconds(-1).unwrap().into()),
        ("datetime.timedelta.max", TimeDelta::new(999_999_999, 86_399, 999_999).unwrap().into()),
        ("datetime.date.max", Date::new(9999, 12, 31).unwrap().into()),
        ("uuid.UUID(int=2**128 - 1)", Value::Uuid([255; 16])),
        ("uuid.UUID(int=0)", Value::Uuid([0; 16])),
        ("decimal.Decimal('-1.50E+40')", Value::Decimal("-1.50E+40".to_owned())),
        ("bytearray(b'')", Value::ByteArray(vec![])),
        ("frozenset()", Value::FrozenSet(vec![])),
        (
            "{frozenset({1, (2, 'x')})}",
            Value::Set(vec![Value::FrozenSet(vec![1.into(), Value::Tuple(vec![2.into(), "x".into()])])]),
        ),
        ("(1, 2, 3, 4)", Value::Tuple((1..5).map(Value::from).collect())),
        ("2**8000 - 1", Value::from(BigInt::from(2).pow(8000) - BigInt::from(1))),
        ("-2**63 - 1", (i128::from(i64::MIN) - 1).into()),
        ("2**64 - 1", u64::MAX.into()),
        (
            "[2**31, -2**31, -2**31 - 1, 65535, 65536, -1]",
            Value::List(
                [1 << 31, -(1 << 31), -(1 << 31) - 1, 65535, 65536, -1].map(|n: i64| n.into()).into(),
            ),
        ),
        ("float('nan')", f64::NAN.into()),
        ("'😀\\x00\\n'", "😀\0\n".into()),
        (
            "{(1, None): {}, b'': [], 2.5: ()}",
            Value::Dict(vec![
                (Value::Tuple(vec![1.into(), Value::None]), Value::Dict(vec![])),
                (Value::Bytes(vec![]), Value::List(vec![])),
                (2.5.into(), Value::Tuple(vec![])),
            ]),
        ),
        // Frames, and strings and bytes that lie outside of them.
        (
            "['x' * 70000, b'y' * 70000, 'z' * 65535, 1]",
            Value::List(vec![
                "x".repeat(70_000).into(),
                Value::Bytes(vec![b'y'; 70_000]),
                "z".repeat(65_535).into(),
                1.into(),
            ]),
        ),
        ("'x' * 70000", "x".repeat(70_000).into()),
        (
            "[{'id': n, 'a longer name': 'x'} for n in range(20000)]",
            Value::List((0..20_000).map(row).collect()),
        ),
        (
            "[{'key %d' % n: n} for n in range(3000)] * 2",
            Value::List(
                (0..2)
                    .flat_map(|_| 0..3000)
                    .map(|n: u32| Value::Dict(vec![(format!("key {n}").into(), n.into())]))
                    .collect(),
            ),
        ),
        ("collections.deque([1, 2], 5)", deque.into()),
        ("collections.Counter('aa')", counter.into()),
        ("collections.OrderedDict([('b', 1), ('a', 2)])", ordered.into()),
        ("complex(1, 2)", call(class("builtins", "complex"), vec![1.0.into(), 2.0.into()]).into()),
        ("collections.OrderedDict", class("collections", "OrderedDict")),
        ("datetime.datetime.fromisoformat", class("datetime", "datetime.fromisoformat")),
    ];
    let mut cases = Vec::new();
    for (expression, value) in values {
        for bytes in [value.write().unwrap(), to_vec(&value).unwrap(), to_vec(&(&value,)).unwrap()] {
            let inside =
                if from_slice::<Value>(&bytes).unwrap().to_string() == value.to_string() { "" } else { "," };
            cases.push(Case::of_expression(&format!("({expression}{inside})"), &bytes));
        }
    }
    python::compare(&cases);
}

/// Python refuses a pickle with such a zone anywhere in it.
#[test]
fn a_zone_is_less_than_a_day_away_from_utc() {
    let zone = |hours: i128, micros: i128| TimeZone::Fixed {
        offset: TimeDelta::from_microseconds(hours * 3_600_000_000 + micros).unwrap(),
        name: None,
    };
    let date = Date::new(2024, 2, 29).unwrap();
    for (zone, fits) in [
        (zone(24, -1), true),
        (zone(24, 0), false),
        (zone(-24, 0), false),
        (zone(-24, 1), true),
        (zone(25, 0), false),
    ] {
        let time = Time::new(1, 2, 3, 4).unwrap().with_zone(Some(zone.clone()));
        for value in [zone.into(), time.clone().into(), DateTime { date, time }.into()] {
            let value: Value = value;
            for written in [value.write(), to_vec(&value), to_vec(&[&value])] {
                assert_eq!(written.is_ok(), fits, "{value}");
                if let Err(e) = written {
                    assert_eq!(e.kind(), ErrorKind::Type);
                    assert!(e.to_string().contains("a day or more"), "{e}");
                }
            }
        }
    }
}

#[test]
fn an_object_that_no_python_makes_is_refused() {
    for callable in [Value::None, 1.into(), "os.system".into(), Value::List(vec![])] {
        assert_eq!(Value::from(call(callable, vec![])).write().unwrap_err().kind(), ErrorKind::Type);
    }
    let named = Object { kwargs: Some(vec![]), ..call(class("m", "C"), vec![]) };
    assert_eq!(Value::from(named.clone()).write().unwrap_err().kind(), ErrorKind::Type);
    assert!(Value::from(Object { made: Made::New, ..named }).write().is_ok());
}

#[test]
fn a_value_is_shown_much_as_python_shows_it() {
    let point = Object {
        items: vec![1.into()],
        entries: vec![("a".into(), Value::None)],
        state: Some(true.into()),
        ..call(class("app", "Point"), vec![1.into(), "it's".into()])
    };
    let value = Value::Dict(vec![
        ("a".into(), Value::Tuple(vec![1.into()])),
        (1.into(), Value::Set(vec![])),
        ("d".into(), Date::new(2024, 2, 29).unwrap().into()),
        ("o".into(), point.into()),
        ("b".into(), Value::Bytes(b"\x00'".to_vec())),
    ]);
    let expected = r"{'a': (1,), 1: set(), 'd': date(2024-02-29), 'o': app.Point(1, 'it\'s') and [1] and {'a': None} with True, 'b': b'\x00\''}";
    assert_eq!(value.to_string(), expected);
}
