//! The values that JSON has, both ways: the model is what Django itself reads of what it wrote.

use serde_json::{Value as Json, json};

use super::values::vectors;
use crate::Pair;

/// Django writes all 101 that its JSON takes; Rust reads the same JSON, writes it anew, and Django
/// reads equal objects; but for those named.
pub(crate) fn both_ways(pair: &Pair, not_equal: &[&str]) {
    let (mut refused, mut unequal) = (0, Vec::new());
    for vector in vectors() {
        let (key, value) = (vector.key(), json!({ "pickle": vector.pickle() }));
        if pair.try_django("set", json!({ "key": key, "value": value })).is_err() {
            refused += 1;
            continue;
        }
        let own = pair.django("get", json!({ "key": key, "as_json": true }));
        // Python writes NaN, and JSON has none.
        let model = serde_json::from_str::<Json>(own["json"].as_str().unwrap()).ok();
        let equal = model.is_some_and(|model| {
            let read = pair.rust.get::<Json>(&key).ok().flatten();
            let back = format!("{key}-back");
            pair.rust.set(&back, &model, 300).unwrap();
            let same = json!({ "key": back, "value": { "pickle": own["pickle"] }, "as_json": true });
            read == Some(model) && pair.django("same", same) == true
        });
        if !equal {
            unequal.push(vector.name);
        }
    }
    let taken = 101 - refused;
    let equal = taken - unequal.len();
    println!(
        "{}: Django's JSON takes {taken} of 101 values; {equal} of them cross equal, both ways",
        pair.name
    );
    assert!(taken > 50, "{}: Django's JSON takes {taken} values", pair.name);
    assert_eq!(unequal, not_equal, "{}: not equal", pair.name);
}
