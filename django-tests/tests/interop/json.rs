//! The values that JSON has, both ways: the model is what Django itself reads of what it wrote.

use serde_json::{Value as Json, json};

use super::values::vectors;
use crate::Pair;

/// Django writes all 101 except the `refused`, which its JSON does not take. Rust reads the same JSON and writes
/// it again, and Django reads equal objects, except the `not_equal`.
pub(crate) fn both_ways(pair: &Pair, refused: &[&str], not_equal: &[&str]) {
    let (mut untaken, mut unequal) = (Vec::new(), Vec::new());
    for vector in vectors() {
        let (key, value) = (vector.key(), json!({ "pickle": vector.pickle() }));
        if pair.try_django("set", json!({ "key": key, "value": value })).is_err() {
            untaken.push(vector.name);
            continue;
        }
        let own = pair.django("get", json!({ "key": key, "as_json": true }));
        // Python writes NaN, and JSON has none.
        let model = serde_json::from_str::<Json>(own["json"].as_str().unwrap()).ok();
        let equal = model.is_some_and(|model| {
            let read = pair.rust.get::<Json>(&key).ok().flatten();
            let back = format!("{key}-back");
            pair.rust.set(&back, &model, cache_core::Timeout::from_secs(300)).unwrap();
            let same = json!({ "key": back, "value": { "pickle": own["pickle"] }, "as_json": true });
            read == Some(model) && pair.django("same", same) == true
        });
        if !equal {
            unequal.push(vector.name);
        }
    }
    let taken = 101 - untaken.len();
    let equal = taken - unequal.len();
    println!(
        "{}: Django's JSON takes {taken} of 101 values; {equal} of them cross equal, both ways",
        pair.name
    );
    assert_eq!(untaken, refused, "{}: what Django's JSON refuses", pair.name);
    assert_eq!(unequal, not_equal, "{}: not equal", pair.name);
}
