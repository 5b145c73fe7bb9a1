//! Values that Python makes for these tests, in every protocol.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod python;

use cache_pickle::{Value, from_slice, to_vec};
use python::Case;

/// The pickles of `expression` in the protocols 0 to 5, or none where Python is missing by hand.
fn pickles(expression: &str) -> Vec<Vec<u8>> {
    python::pickles(&[expression]).into_iter().flatten().collect()
}

/// Three of them, where six would take long.
fn large(expression: &str) -> impl Iterator<Item = Vec<u8>> {
    pickles(expression)
        .into_iter()
        .enumerate()
        .filter(|(protocol, _)| [2, 4, 5].contains(protocol))
        .map(|it| it.1)
}

fn list(value: Value) -> Vec<Value> {
    let Value::List(values) = value else { panic!("no list") };
    values
}

/// In the protocols that Django writes, and the one with the most parts to a datetime. `timezone.utc`
/// is one object for all of them.
#[test]
fn ordinary_data_of_django_is_read() {
    let expression = "[datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(minutes=n) \
                      for n in range(50000)]";
    for pickle in large(expression) {
        let times = list(Value::read(&pickle).unwrap());
        assert_eq!(times.len(), 50_000);
        assert!(times.iter().all(|time| matches!(time, Value::DateTime(_))));
    }
    let expression = "[{'created': datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(hours=n), \
                        'changed': datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(days=n), \
                        'price': decimal.Decimal(n) / 100, 'id': uuid.UUID(int=n + 2**70)} for n in range(15000)]";
    for pickle in large(expression) {
        let rows = list(Value::read(&pickle).unwrap());
        assert_eq!(rows.len(), 15_000);
        assert!(rows.iter().all(|row| matches!(row.get("id"), Some(Value::Uuid(_)))));
        assert!(rows.iter().all(|row| matches!(row.get("changed"), Some(Value::DateTime(_)))));
    }
    let expression =
        "(lambda now: {n: now for n in range(10000)})(datetime.datetime.now(datetime.timezone.utc))";
    for pickle in pickles(expression) {
        let Value::Dict(entries) = Value::read(&pickle).unwrap() else { panic!("no dict") };
        assert_eq!(entries.len(), 10_000);
        assert!(entries.iter().all(|(_, now)| matches!(now, Value::DateTime(_))));
    }
}

#[test]
fn a_uuid_of_a_time_is_a_uuid() {
    // On most systems `is_safe` is unsafe; the test makes all three.
    for safe in ["safe", "unsafe", "unknown"] {
        let expression = format!("uuid.UUID(int=2**127 + 5, is_safe=uuid.SafeUUID.{safe})");
        for pickle in pickles(&expression) {
            let value = Value::read(&pickle).unwrap();
            assert_eq!(value.to_string(), "UUID(80000000000000000000000000000005)");
            assert_eq!(from_slice::<String>(&pickle).unwrap(), "80000000-0000-0000-0000-000000000005");
        }
    }
}

#[test]
fn objects_of_classes_within_classes_are_written_as_they_were_read() {
    let expression = "Outer.Inner(7)";
    let mut cases = Vec::new();
    for pickle in pickles(expression) {
        let value = Value::read(&pickle).unwrap();
        assert!(matches!(value, Value::Object(_)), "{value}");
        for written in [value.write().unwrap(), to_vec(&value).unwrap()] {
            assert_eq!(Value::read(&written).unwrap(), value);
            cases.push(Case::of_expression(expression, &written));
        }
    }
    if !cases.is_empty() {
        python::compare(&cases);
    }
}

/// Before protocol 3 Python writes the names that Python 2 had.
#[test]
fn names_of_python_2_are_written_as_those_of_python_3() {
    let mut cases = Vec::new();
    for expression in
        ["urllib.error.URLError('x')", "functools.reduce", "subprocess.CalledProcessError(1, 'x')"]
    {
        for pickle in pickles(expression) {
            cases.push(Case::of_expression(expression, &Value::read(&pickle).unwrap().write().unwrap()));
        }
    }
    if !cases.is_empty() {
        python::compare(&cases);
    }
}
