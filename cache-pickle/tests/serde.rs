//! serde's data model, beside `serde_json`'s reading of it.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::net::IpAddr;

use cache_core::Codec;
use cache_pickle::{Date, DateTime, ErrorKind, Pickle, Time, TimeDelta, TimeZone, Value, from_slice, to_vec};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    id: u64,
    name: String,
    #[serde(rename = "isActive")]
    active: bool,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Circle(f64),
    Line(i8, i16),
    Rectangle { width: u8, height: Option<u8> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Outer {
    inner: Vec<Inner>,
    shapes: Vec<Shape>,
    map: BTreeMap<String, i64>,
    numbers: BTreeMap<i32, char>,
    tuple: (u8, String, Option<()>),
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    #[serde(flatten)]
    more: BTreeMap<String, u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    A { n: i32 },
    B { text: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    List(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    #[allow(dead_code, reason = "it is read")]
    id: u64,
}

fn round<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let bytes = to_vec(value).unwrap();
    assert_eq!(from_slice::<T>(&bytes).unwrap(), *value);
    // And as a codec, whose serializers are trait objects.
    let codec = Pickle::default();
    assert_eq!(codec.encode(value).unwrap(), bytes);
    let mut read = None;
    let visit = &mut |deserializer: &mut dyn erased_serde::Deserializer<'_>| {
        read = Some(erased_serde::deserialize::<T>(deserializer)?);
        Ok(())
    };
    codec.decode(&bytes, visit).unwrap();
    assert_eq!(read.unwrap(), *value);
}

#[test]
fn values_of_all_kinds_come_back() {
    round(&());
    round(&Nothing);
    round(&true);
    round(&'ß');
    round(&"text".to_owned());
    round(&Meters(1.5));
    round(&(f32::MAX, f64::MIN_POSITIVE, f64::INFINITY));
    round(&(i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN));
    round(&(u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX));
    for bits in 0..127 {
        round(&((1_i128 << bits) - 1, 1_i128 << bits, -(1_i128 << bits), -(1_i128 << bits) - 1));
    }
    round(&(None::<u8>, Some(7_u8), Vec::<u8>::new(), BTreeSet::from([1, 2])));
    round(&HashMap::from([((1_u8, true), "tuple".to_owned()), ((2, false), String::new())]));
    round(&[
        Shape::Empty,
        Shape::Circle(1.0),
        Shape::Line(-1, 2),
        Shape::Rectangle { width: 1, height: None },
    ]);
    round(&[Tagged::A { n: 1 }, Tagged::B { text: "x".to_owned() }]);
    round(&[Untagged::Number(1), Untagged::Text("x".to_owned()), Untagged::List(vec![1])]);
    round(&[Ok::<u8, String>(1), Err("no".to_owned())]);
    round(&serde_json::json!({ "a": [1, 2.5, null, true, "x", { "b": {} }], "c": u64::MAX }));
    round(&"::1".parse::<IpAddr>().unwrap());
    round(&std::time::Duration::new(1, 2));
}

#[test]
fn python_sees_what_json_would_have() {
    let shapes =
        [Shape::Empty, Shape::Circle(1.0), Shape::Line(-1, 2), Shape::Rectangle { width: 1, height: None }];
    let shown =
        |value: &dyn erased_serde::Serialize| Value::read(&to_vec(value).unwrap()).unwrap().to_string();
    let expected =
        "('Empty', {'Circle': 1.0}, {'Line': (-1, 2)}, {'Rectangle': {'width': 1, 'height': None}})";
    assert_eq!(shown(&shapes), expected);
    let inner = Inner { id: 1, name: "Zoë".to_owned(), active: true, note: None };
    assert_eq!(shown(&inner), "{'id': 1, 'name': 'Zoë', 'isActive': True, 'note': None}");
    assert_eq!(shown(&Tagged::A { n: 1 }), "{'type': 'A', 'n': 1}");
    assert_eq!(shown(&(Nothing, Meters(2.0))), "(None, 2.0)");
    assert_eq!(shown(&[vec![1, 2], vec![]]), "([1, 2], [])");
    assert_eq!(shown(&HashMap::from([(1, serde_bytes::Bytes::new(b"a\xff"))])), "{1: b'a\\xff'}");
    assert_eq!(shown(&"127.0.0.1".parse::<IpAddr>().unwrap()), "'127.0.0.1'");
}

/// The same document in both formats is read, or refused, by both.
#[track_caller]
fn as_json<T: DeserializeOwned + PartialEq + Debug>(document: serde_json::Value) {
    let pickled = from_slice::<T>(&to_vec(&document).unwrap());
    let name = std::any::type_name::<T>();
    match (serde_json::from_str::<T>(&document.to_string()), pickled) {
        (Ok(json), Ok(pickled)) => assert_eq!(json, pickled),
        (Err(_), Err(e)) => assert_eq!(e.kind(), ErrorKind::Type),
        (json, pickled) => panic!("{document} as {name}: JSON {json:?}, pickle {pickled:?}"),
    }
}

#[test]
fn fields_and_variants_are_treated_as_in_json() {
    use serde_json::json;
    for inner in [
        json!({ "id": 1, "name": "a", "isActive": true, "note": "n" }),
        json!({ "id": 1, "name": "a", "isActive": true }),
        json!({ "id": 1, "name": "a", "isActive": true, "note": null, "extra": [{ "x": 1 }] }),
        json!({ "id": 1, "name": "a", "active": true }),
        json!({ "id": 1, "isActive": true }),
        json!({ "id": -1, "name": "a", "isActive": true }),
        json!({ "id": 1.0, "name": "a", "isActive": true }),
        json!({ "id": "1", "name": "a", "isActive": true }),
        json!({ "id": 1, "name": null, "isActive": true }),
        json!({}),
        json!([]),
        json!([1, "a", true, null]),
        json!([1, "a", true, null, 5]),
        json!(null),
        json!(1),
    ] {
        as_json::<Inner>(inner.clone());
        as_json::<Option<Inner>>(inner.clone());
        as_json::<Strict>(inner.clone());
        as_json::<Untagged>(inner.clone());
        as_json::<BTreeMap<String, serde_json::Value>>(inner.clone());
        as_json::<serde_json::Value>(inner);
    }
    for shape in [
        json!("Empty"),
        json!({ "Empty": null }),
        json!({ "Empty": 1 }),
        json!("Circle"),
        json!({ "Circle": 1 }),
        json!({ "Circle": [1.0] }),
        json!({ "Circle": 1.0, "Empty": null }),
        json!({ "Line": [1, 2] }),
        json!({ "Line": [1] }),
        json!({ "Line": [1, 2, 3] }),
        json!({ "Line": { "a": 1 } }),
        json!({ "Rectangle": { "width": 1 } }),
        json!({ "Rectangle": { "width": 1, "height": 2, "depth": 3 } }),
        json!({ "Rectangle": [1, 2] }),
        json!({ "Rectangle": 1 }),
        json!({}),
        json!("Unknown"),
        json!({ "Unknown": 1 }),
        json!(1),
        json!(null),
        json!(["Empty"]),
    ] {
        as_json::<Shape>(shape.clone());
        as_json::<Option<Shape>>(shape);
    }
    for tagged in
        [json!({ "type": "A", "n": 1 }), json!({ "n": 1, "type": "A" }), json!({ "n": 1 }), json!("A")]
    {
        as_json::<Tagged>(tagged);
    }
    as_json::<(u8, u8)>(json!([1]));
    as_json::<(u8, u8)>(json!([1, 2, 3]));
    as_json::<[u8; 2]>(json!([1, 256]));
    as_json::<char>(json!("ab"));
    as_json::<f64>(json!(1));
    as_json::<()>(json!([]));
    as_json::<bool>(json!(1));
}

#[test]
fn text_and_bytes_are_borrowed() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        #[serde(borrow)]
        cow: Cow<'a, str>,
        #[serde(with = "serde_bytes")]
        bytes: &'a [u8],
    }
    let value = Borrowed { text: "text", cow: "cow".into(), bytes: b"bytes" };
    let bytes = to_vec(&value).unwrap();
    let read: Borrowed<'_> = from_slice(&bytes).unwrap();
    assert_eq!(read, value);
    assert!(matches!(read.cow, Cow::Borrowed(_)));
    assert!(bytes.as_ptr_range().contains(&read.text.as_ptr()));
}

fn at(value: impl Into<Value>) -> Vec<u8> {
    value.into().write().unwrap()
}

#[test]
fn what_serde_has_not_is_text_and_bytes_are_numbers_too() {
    let date = Date::new(2024, 2, 29).unwrap();
    let time = Time::new(1, 2, 3, 40).unwrap();
    let text = |bytes: &[u8]| from_slice::<String>(bytes).unwrap();
    assert_eq!(text(&at(date)), "2024-02-29");
    assert_eq!(text(&at(time.clone())), "01:02:03.000040");
    let in_zone = |zone| at(DateTime { date, time: time.clone().with_zone(Some(zone)) });
    assert_eq!(text(&in_zone(TimeZone::UTC)), "2024-02-29T01:02:03.000040+00:00");
    assert_eq!(
        text(&in_zone(TimeZone::Named("Europe/Berlin".to_owned()))),
        "2024-02-29T01:02:03.000040[Europe/Berlin]"
    );
    assert_eq!(text(&at(TimeDelta::new(-1, 5, 7).unwrap())), "-PT86394.999993S");
    assert_eq!(text(&at(Value::Decimal("12.3400".to_owned()))), "12.3400");
    let uuid =
        [0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78];
    assert_eq!(text(&at(Value::Uuid(uuid))), "12345678-1234-5678-1234-567812345678");
    assert_eq!(from_slice::<serde_bytes::ByteBuf>(&at(Value::Uuid(uuid))).unwrap(), uuid);
    assert_eq!(
        from_slice::<BTreeSet<u8>>(&at(Value::Set(vec![2_u8.into(), 1_u8.into()]))).unwrap(),
        [1, 2].into()
    );
    for bytes in [Value::Bytes(vec![1, 255]), Value::ByteArray(vec![1, 255])] {
        let bytes = bytes.write().unwrap();
        assert_eq!(from_slice::<Vec<u8>>(&bytes).unwrap(), [1, 255]);
        assert_eq!(from_slice::<[u8; 2]>(&bytes).unwrap(), [1, 255]);
        assert_eq!(from_slice::<serde_bytes::ByteBuf>(&bytes).unwrap(), [1, 255]);
        assert!(from_slice::<[u8; 1]>(&bytes).is_err());
    }
    let text = Value::Bytes(b"text".to_vec()).write().unwrap();
    assert_eq!(from_slice::<String>(&text).unwrap_err().kind(), ErrorKind::Type);
    // django.utils.safestring.SafeString('x')
    let safe = b"cdjango.utils.safestring\nSafeString\n(X\x01\0\0\0xt\x81.";
    let error = from_slice::<String>(safe).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Type);
    assert!(error.to_string().contains("an object of a Python class"), "{error}");
}

#[test]
fn a_field_may_be_any_value() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        id: u8,
        any: Value,
        all: Vec<Value>,
    }
    let set = Value::FrozenSet(vec![
        Value::Tuple(vec![]),
        Date::new(1, 1, 1).unwrap().into(),
        (1_i128 << 70).into(),
    ]);
    round(&Row {
        id: 1,
        any: set.clone(),
        all: vec![Value::None, "x".into(), set, Value::ByteArray(vec![0])],
    });
    // From another format, what that has.
    let json: Row =
        serde_json::from_str(r#"{"id": 1, "any": {"a": [1, null]}, "all": [1.5, true]}"#).unwrap();
    assert_eq!(json.any.to_string(), "{'a': [1, None]}");
}

/// serde's own buffer, in which a flattened map and an enum without a tag outside are kept, knows no
/// more than serde's data model.
#[test]
fn what_serde_buffers_is_no_longer_pythons_own() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        id: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u8),
        Any(Value),
    }
    let date = Value::from(Date::new(2024, 2, 29).unwrap());
    let tuple = Value::Tuple(vec![1.into(), date.clone()]);
    let pickle = |rest| at(Value::Dict(vec![("id".into(), 1.into()), ("rest".into(), rest)]));
    let row: Row = from_slice(&pickle(tuple.clone())).unwrap();
    assert_eq!(row.rest["rest"], Value::List(vec![1.into(), "2024-02-29".into()]));
    assert_eq!(from_slice::<Either>(&at(date)).unwrap(), Either::Any("2024-02-29".into()));
    let safe = b"cdjango.utils.safestring\nSafeString\n(X\x01\0\0\0xt\x81.";
    let object = Value::read(safe).unwrap();
    assert_eq!(from_slice::<Row>(&pickle(object)).unwrap_err().kind(), ErrorKind::Type);
    assert_eq!(from_slice::<Either>(safe).unwrap_err().kind(), ErrorKind::Type);
    // A plain field is.
    assert_eq!(from_slice::<BTreeMap<String, Value>>(&pickle(tuple.clone())).unwrap()["rest"], tuple);
}

#[test]
fn a_time_that_its_text_would_change_is_refused() {
    let time = |fold, zone| Time::new(2, 30, 0, 0).unwrap().with_fold(fold).with_zone(zone);
    let date = Date::new(2024, 10, 27).unwrap();
    let berlin = || Some(TimeZone::Named("Europe/Berlin".to_owned()));
    for (fold, zone, text) in [
        (false, berlin(), Some("02:30:00[Europe/Berlin]")),
        (true, Some(TimeZone::UTC), Some("02:30:00+00:00")),
        (true, None, Some("02:30:00")),
        (true, berlin(), None),
    ] {
        let time = time(fold, zone);
        let both = [at(time.clone()), at(DateTime { date, time })];
        for pickle in &both {
            match (from_slice::<String>(pickle), text) {
                (Ok(read), Some(text)) => assert!(read.ends_with(text), "{read}"),
                (read, text) => {
                    assert_eq!(text, None);
                    let error = read.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Type);
                    assert!(error.to_string().contains("cache_pickle::python"), "{error}");
                }
            }
        }
    }
}

fn outer() -> impl Strategy<Value = Outer> {
    let inner = (any::<u64>(), any::<String>(), any::<bool>(), any::<Option<String>>())
        .prop_map(|(id, name, active, note)| Inner { id, name, active, note });
    let shape = prop_oneof![
        Just(Shape::Empty),
        proptest::num::f64::NORMAL.prop_map(Shape::Circle),
        any::<(i8, i16)>().prop_map(|(a, b)| Shape::Line(a, b)),
        any::<(u8, Option<u8>)>().prop_map(|(width, height)| Shape::Rectangle { width, height }),
    ];
    let maps = (any::<BTreeMap<String, i64>>(), any::<BTreeMap<i32, char>>());
    let rest = (any::<(u8, String, Option<()>)>(), any::<Vec<u8>>());
    (prop::collection::vec(inner, 0..5), prop::collection::vec(shape, 0..5), maps, rest).prop_map(
        |(inner, shapes, (map, numbers), (mut tuple, bytes))| {
            // Some(()) is None, as in JSON.
            tuple.2 = None;
            Outer { inner, shapes, map, numbers, tuple, bytes, more: BTreeMap::from([("zz".to_owned(), 7)]) }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn structs_come_back(value in outer()) {
        round(&value);
    }
}
