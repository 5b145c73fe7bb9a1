//! Keys of dicts and members of sets: what Python can hash.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod python;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cache_core::Codec;
use cache_pickle::{Date, ErrorKind, Pickle, Value, from_slice, to_vec};
use python::Case;
use serde::Serialize;

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    x: u8,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Empty,
    Circle(u8),
    Line(u8, u8),
    Square { side: u8 },
}

#[test]
fn sequences_are_tuples_where_python_hashes_them() {
    let bytes = HashMap::from([(vec![1_u8, 2], "a")]);
    let nested = BTreeMap::from([((vec![vec!['x'], vec![]], Some(1_i64)), vec![1, 2])]);
    let sets = BTreeMap::from([(BTreeSet::from([1, 2]), ())]);
    let units = BTreeMap::from([(Shape::Empty, [Shape::Empty])]);
    let mut cases = Vec::new();
    for (expression, pickle) in [
        ("{(1, 2): 'a'}", to_vec(&bytes).unwrap()),
        ("{((('x',), ()), 1): [1, 2]}", to_vec(&nested).unwrap()),
        ("{((('x',), ()), 1): [1, 2]}", Pickle::default().encode(&nested).unwrap()),
        ("{(1, 2): None}", to_vec(&sets).unwrap()),
        ("{'Empty': ('Empty',)}", to_vec(&units).unwrap()),
    ] {
        cases.push(Case::of_expression(expression, &pickle));
    }
    assert_eq!(from_slice::<HashMap<Vec<u8>, &str>>(&to_vec(&bytes).unwrap()).unwrap(), bytes);
    assert_eq!(from_slice::<BTreeMap<BTreeSet<i32>, ()>>(&to_vec(&sets).unwrap()).unwrap(), sets);
    python::compare(&cases);
}

#[track_caller]
fn refused<K: Serialize + Ord>(key: K) {
    let map = BTreeMap::from([(key, 1)]);
    let error = to_vec(&map).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Type);
    assert!(error.to_string().contains("Python cannot hash"), "{error}");
    // And through trait objects.
    let error = Pickle::default().encode(&map).unwrap_err().to_string();
    assert!(error.contains("Python cannot hash"), "{error}");
}

#[test]
fn a_dict_is_no_key() {
    refused(Point { x: 1 });
    refused(vec![Some(Point { x: 1 })]);
    refused((1, BTreeMap::from([(1, 2)])));
    refused(Shape::Circle(1));
    refused(Shape::Line(1, 2));
    refused([Shape::Square { side: 1 }]);
}

#[test]
fn values_are_keys_and_members_where_python_allows_it() {
    let fits = [
        Value::Tuple(vec![Value::FrozenSet(vec![1.into()]), Value::Bytes(vec![1])]),
        Date::new(2024, 2, 29).unwrap().into(),
        Value::FrozenSet(vec![Value::Tuple(vec![Value::None])]),
    ];
    let unfit = [
        Value::List(vec![]),
        Value::Dict(vec![]),
        Value::Set(vec![]),
        Value::ByteArray(vec![]),
        Value::Tuple(vec![1.into(), Value::Tuple(vec![Value::Set(vec![])])]),
        Value::FrozenSet(vec![Value::List(vec![])]),
    ];
    for (keys, works) in [(&fits[..], true), (&unfit[..], false)] {
        for key in keys {
            let places = [
                Value::Dict(vec![(key.clone(), 1.into())]),
                Value::Set(vec![key.clone()]),
                Value::List(vec![Value::FrozenSet(vec![1.into(), key.clone()])]),
            ];
            for value in places {
                for written in [value.write(), to_vec(&value), to_vec(&[&value])] {
                    assert_eq!(written.is_ok(), works, "{value}");
                }
                if !works {
                    assert_eq!(value.write().unwrap_err().kind(), ErrorKind::Type);
                    assert!(Pickle::default().encode(&value).is_err());
                }
            }
            // A type's own map with such keys.
            struct Own<'a>(&'a Value);
            impl Serialize for Own<'_> {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_map([(self.0, 1)])
                }
            }
            let is_list = matches!(key, Value::List(_));
            assert_eq!(to_vec(&Own(key)).is_ok(), works || is_list, "{key}");
        }
    }
}
