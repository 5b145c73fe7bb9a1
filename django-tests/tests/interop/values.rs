//! The 101 values, as pickles.

use std::collections::BTreeMap;

use cache_pickle::Value;
use django_tests::hex;
use serde::Deserialize;
use serde_json::json;

use crate::Pair;

/// The values that no `Value` holds: a string with a lone surrogate, and objects that contain themselves.
pub(crate) const UNREADABLE: [&str; 3] = ["str_surrogate", "recursive_list", "recursive_dict"];

/// A value as Django 5.2 pickles it.
#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) name: String,
    /// By protocol, in hexadecimal digits.
    pickles: BTreeMap<u8, String>,
}

impl Vector {
    /// As Django writes it: in the newest protocol.
    pub(crate) fn pickle(&self) -> &str {
        &self.pickles[&5]
    }

    /// Key of this value in a store.
    pub(crate) fn key(&self) -> String {
        format!("value-{}", self.name)
    }
}

pub(crate) fn vectors() -> Vec<Vector> {
    let json = include_str!("../../../cache-pickle/tests/data/django-5.2.json");
    let vectors: Vec<Vector> = serde_json::from_str(json).unwrap();
    assert_eq!(vectors.len(), 101);
    vectors
}

fn value(vector: &Vector) -> Option<Value> {
    Value::read(&hex::decode(vector.pickle()).unwrap()).ok()
}

/// Django writes all, and Rust reads what is in their pickles, but for those named.
pub(crate) fn by_django(pair: &Pair, not_equal: &[&str]) {
    let mut unequal = Vec::new();
    for vector in vectors() {
        // Some of its backends refuse what they cannot write.
        let request = json!({ "key": vector.key(), "value": { "pickle": vector.pickle() } });
        let written = pair.try_django("set", request).is_ok();
        let read = pair.rust.get::<Value>(&vector.key());
        // Compared by their debug output, since NaN is not even itself.
        let equal = match (&read, value(&vector)) {
            (Ok(Some(read)), Some(model)) => written && format!("{read:?}") == format!("{model:?}"),
            _ => false,
        };
        if !equal {
            unequal.push(vector.name);
        }
    }
    println!("{}: {} of 101 values by Django are read equal by Rust", pair.name, 101 - unequal.len());
    assert_eq!(unequal, not_equal, "{}: not equal", pair.name);
}

/// Rust writes all, and Django reads objects equal to its own, but for those named.
pub(crate) fn by_rust(pair: &Pair, not_equal: &[&str]) {
    let mut unequal = Vec::new();
    for vector in vectors() {
        let equal = value(&vector).is_some_and(|value| {
            pair.rust.set(&vector.key(), &value, cache_core::Timeout::from_secs(300)).unwrap();
            pair.django("same", json!({ "key": vector.key(), "value": { "pickle": vector.pickle() } }))
                == true
        });
        if !equal {
            unequal.push(vector.name);
        }
    }
    println!("{}: {} of 101 values by Rust are read equal by Django", pair.name, 101 - unequal.len());
    assert_eq!(unequal, not_equal, "{}: not equal", pair.name);
}
