//! From the arena to a [`Value`], without recursion.

use crate::read::arena::{Arena, How, Items};
use crate::read::item::Item;
use crate::read::typed::{Typed, big_integer};
use crate::value::{Class, Made, Object, Value};

/// A container some of whose values have been read.
struct Open<'a, 'de> {
    of: Of,
    left: Items<'a, 'de>,
    values: Values,
}

#[derive(Clone, Copy)]
enum Of {
    List,
    Tuple,
    Dict,
    Set,
    FrozenSet,
    /// The parts of the object in this row.
    Object(u32),
}

enum Values {
    Single(Vec<Value>),
    /// A dict's, and a key that waits for its value.
    Pairs(Vec<(Value, Value)>, Option<Value>),
}

/// A value, or a container to go into.
enum Step<'a, 'de> {
    Value(Value),
    Into(Open<'a, 'de>),
}

pub(crate) fn value<'de>(arena: &Arena<'de>, root: Item<'de>) -> Value {
    let mut open = match step(arena, root) {
        Step::Value(value) => return value,
        Step::Into(container) => vec![container],
    };
    let mut last = Value::None;
    while let Some(container) = open.last_mut() {
        if let Some(item) = container.left.next() {
            match step(arena, *item) {
                Step::Value(value) => container.values.push(value),
                Step::Into(inner) => open.push(inner),
            }
        } else if let Some(full) = open.pop() {
            let value = close(arena, full);
            match open.last_mut() {
                Some(outer) => outer.values.push(value),
                None => last = value,
            }
        }
    }
    last
}

fn step<'a, 'de>(arena: &'a Arena<'de>, item: Item<'de>) -> Step<'a, 'de> {
    let into = |of, node| {
        let left = arena.items(node);
        let values = match of {
            Of::Dict => Values::Pairs(Vec::with_capacity(left.len() / 2), None),
            _ => Values::Single(Vec::with_capacity(left.len())),
        };
        Step::Into(Open { of, left, values })
    };
    Step::Value(match item {
        Item::None => Value::None,
        Item::Bool(bool) => Value::Bool(bool),
        Item::Int(n) => Value::Int(n),
        Item::Float(number) => Value::Float(number),
        Item::Long(_) | Item::LongText(_) => big_integer(&item).map_or(Value::None, Value::from),
        Item::Str(text) => Value::Str(text.to_owned()),
        Item::Unescaped { .. } => Value::Str(arena.str(&item).unwrap_or_default().to_owned()),
        Item::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        Item::ByteArray(bytes) => Value::ByteArray(bytes.to_vec()),
        Item::Class(_) => match arena.class(&item) {
            Some(class) => {
                let (module, name) = arena.names(class);
                Value::Class(Class::new(module, name))
            }
            None => Value::None,
        },
        Item::List(node) => return into(Of::List, node),
        Item::Tuple(node) => return into(Of::Tuple, node),
        Item::Dict(node) => return into(Of::Dict, node),
        Item::Set(node) => return into(Of::Set, node),
        Item::FrozenSet(node) => return into(Of::FrozenSet, node),
        Item::Object(row) => match arena.typed(row) {
            Typed::Date(date) => Value::Date(date),
            Typed::Time(time) => Value::Time(time),
            Typed::DateTime(time) => Value::DateTime(time),
            Typed::TimeDelta(delta) => Value::TimeDelta(delta),
            Typed::TimeZone(zone) => Value::TimeZone(zone),
            Typed::Decimal(digits) => Value::Decimal(digits.to_owned()),
            Typed::Uuid(uuid) => Value::Uuid(uuid),
            Typed::Bytes(bytes) => Value::Bytes(bytes.into_owned()),
            Typed::ByteArray(bytes) => Value::ByteArray(bytes.into_owned()),
            Typed::Set(None) => Value::Set(Vec::new()),
            Typed::FrozenSet(None) => Value::FrozenSet(Vec::new()),
            Typed::Set(Some(node)) => return into(Of::Set, node),
            Typed::FrozenSet(Some(node)) => return into(Of::FrozenSet, node),
            Typed::Opaque => {
                let values = Values::Single(Vec::with_capacity(6));
                return Step::Into(Open { of: Of::Object(row), left: arena.inside(&item), values });
            }
        },
    })
}

impl Values {
    fn push(&mut self, value: Value) {
        match self {
            Self::Single(values) => values.push(value),
            Self::Pairs(pairs, key) => match key.take() {
                Some(key) => pairs.push((key, value)),
                None => *key = Some(value),
            },
        }
    }
}

fn close(arena: &Arena<'_>, full: Open<'_, '_>) -> Value {
    let values = match full.values {
        Values::Pairs(pairs, _) => return Value::Dict(pairs),
        Values::Single(values) => values,
    };
    match full.of {
        Of::List | Of::Dict => Value::List(values),
        Of::Tuple => Value::Tuple(values),
        Of::Set => Value::Set(values),
        Of::FrozenSet => Value::FrozenSet(values),
        Of::Object(row) => object(arena, row, values),
    }
}

/// The object in this row of the arena, from the values of its six parts.
fn object(arena: &Arena<'_>, row: u32, parts: Vec<Value>) -> Value {
    let (Some(object), Ok(parts)) = (arena.objects.get(row as usize), <[Value; 6]>::try_from(parts)) else {
        return Value::None;
    };
    let [callable, args, kwargs, items, entries, state] = parts;
    let list = |value| match value {
        Value::List(values) | Value::Tuple(values) => values,
        _ => Vec::new(),
    };
    let entries = match entries {
        Value::Dict(entries) => entries,
        _ => Vec::new(),
    };
    let kwargs = match kwargs {
        Value::Dict(kwargs) => Some(kwargs),
        _ => None,
    };
    let made = if object.how == How::Call { Made::Call } else { Made::New };
    let state = object.has_state.then_some(state);
    Value::Object(Box::new(Object {
        made,
        callable,
        args: list(args),
        kwargs,
        items: list(items),
        entries,
        state,
    }))
}
