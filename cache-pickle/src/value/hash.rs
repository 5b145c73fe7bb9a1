//! Which values Python can hash: what is a key of a dict, or a member of a set.

use crate::value::Value;

/// Whether Python can hash `value`, as far as its pickle shows: an object's class is not known. The members
/// of a frozenset are ignored here, since they are checked themselves.
pub(super) fn hashable(value: &Value) -> bool {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            Value::List(_) | Value::Dict(_) | Value::Set(_) | Value::ByteArray(_) => return false,
            Value::Tuple(values) => left.extend(values),
            _ => {}
        }
    }
    true
}
