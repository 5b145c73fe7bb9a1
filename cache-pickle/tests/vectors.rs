//! Values as Django 5.2 pickles them, in every protocol: read here, written again, and compared
//! by Python.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod python;

use std::collections::BTreeMap;

use cache_pickle::{ErrorKind, Value, from_slice, to_vec};
use python::Case;
use serde::Deserialize;

/// The values that no `Value` holds: a string with a lone surrogate, and objects that contain themselves.
const UNREADABLE: [(&str, ErrorKind); 3] = [
    ("str_surrogate", ErrorKind::Unsupported),
    ("recursive_list", ErrorKind::Recursive),
    ("recursive_dict", ErrorKind::Recursive),
];

#[derive(Deserialize)]
struct Vector {
    name: String,
    #[serde(rename = "type")]
    class: String,
    /// By protocol, in hexadecimal digits.
    pickles: BTreeMap<u8, String>,
}

fn vectors() -> Vec<Vector> {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("data/django-5.2.json")).unwrap();
    assert_eq!(vectors.len(), 101);
    vectors
}

fn readable() -> impl Iterator<Item = (Vector, BTreeMap<u8, Value>)> {
    vectors().into_iter().filter(|vector| UNREADABLE.iter().all(|(name, _)| *name != vector.name)).map(
        |vector| {
            let read = |(protocol, pickle): (&u8, &String)| {
                let value = Value::read(&python::bytes(pickle));
                (*protocol, value.unwrap_or_else(|e| panic!("{} in protocol {protocol}: {e}", vector.name)))
            };
            let values = vector.pickles.iter().map(read).collect();
            (vector, values)
        },
    )
}

/// Whether a value has objects in it, which no two protocols write alike.
fn has_objects(value: &Value) -> bool {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(_) => return true,
            Value::List(values) | Value::Tuple(values) => left.extend(values),
            Value::Dict(entries) => left.extend(entries.iter().flat_map(|(key, value)| [key, value])),
            _ => {}
        }
    }
    false
}

#[test]
fn each_protocol_says_the_same() {
    let mut objects = Vec::new();
    for (vector, values) in readable() {
        let newest = &values[&5];
        if has_objects(newest) {
            objects.push(vector.name);
            continue;
        }
        for (protocol, value) in &values {
            // NaN is not even itself.
            assert_eq!(format!("{value:?}"), format!("{newest:?}"), "{} in protocol {protocol}", vector.name);
        }
    }
    let expected = "complex range ordereddict defaultdict_list counter deque fraction safestring enum intenum \
                    str_subclass int_subclass namedtuple http_response exception";
    assert_eq!(objects.join(" "), expected);
}

#[test]
fn what_has_a_type_is_of_that_type() {
    for (vector, values) in readable() {
        for (protocol, value) in values {
            let class = match value {
                Value::None => "NoneType",
                Value::Bool(_) => "bool",
                Value::Int(_) | Value::BigInt(_) => "int",
                Value::Float(_) => "float",
                Value::Str(_) => "str",
                Value::Bytes(_) => "bytes",
                Value::ByteArray(_) => "bytearray",
                Value::List(_) => "list",
                Value::Tuple(_) => "tuple",
                Value::Dict(_) => "dict",
                Value::Set(_) => "set",
                Value::FrozenSet(_) => "frozenset",
                Value::Date(_) => "date",
                Value::Time(_) => "time",
                Value::DateTime(_) => "datetime",
                Value::TimeDelta(_) => "timedelta",
                Value::Decimal(_) => "Decimal",
                Value::Uuid(_) => "UUID",
                Value::Object(ref object) => object.class().unwrap().name(),
                _ => "something else",
            };
            assert_eq!(class, vector.class, "{} in protocol {protocol}", vector.name);
        }
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    for vector in vectors() {
        let Some((_, kind)) = UNREADABLE.iter().find(|(name, _)| *name == vector.name) else { continue };
        for pickle in vector.pickles.values() {
            assert_eq!(Value::read(&python::bytes(pickle)).unwrap_err().kind(), *kind, "{}", vector.name);
        }
    }
}

#[test]
fn what_is_read_is_written_and_read_again() {
    for (vector, values) in readable() {
        for (protocol, value) in values {
            let text = format!("{value:?}");
            let what = format!("{} in protocol {protocol}", vector.name);
            assert_eq!(format!("{:?}", Value::read(&value.write().unwrap()).unwrap()), text, "{what}");
            let through_serde = to_vec(&value).unwrap();
            assert_eq!(format!("{:?}", Value::read(&through_serde).unwrap()), text, "{what}");
            assert_eq!(format!("{:?}", from_slice::<Value>(&through_serde).unwrap()), text, "{what}");
            let (inner,): (Value,) = from_slice(&to_vec(&(&value,)).unwrap()).unwrap();
            assert_eq!(format!("{inner:?}"), text, "{what}");
        }
    }
}

#[test]
fn python_reads_equal_objects() {
    let mut cases = Vec::new();
    for (vector, values) in readable() {
        for (protocol, value) in values {
            for (by, rust) in [("write", value.write().unwrap()), ("serde", to_vec(&value).unwrap())] {
                let name = format!("{} {protocol} {by}", vector.name);
                cases.push(Case::of_pickle(name, &rust, &vector.pickles[&protocol]));
            }
        }
    }
    python::compare(&cases);
}
