//! A [`Value`] for people, much as Python's `repr` has it.

use std::fmt::{self, Write as _};

use crate::value::{Object, Value};

/// What is still to be shown, the next at the end.
enum Task<'a> {
    Value(&'a Value),
    /// The values after the first.
    Values(std::slice::Iter<'a, Value>),
    Pairs(std::slice::Iter<'a, (Value, Value)>),
    Text(&'static str),
}

/// Much as Python's `repr`: `{'a': [1, None]}`, `date(2024-02-29)`, `app.models.Point(1, 2)`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tasks = vec![Task::Value(self)];
        while let Some(task) = tasks.pop() {
            match task {
                Task::Text(text) => f.write_str(text)?,
                Task::Values(mut rest) => {
                    if let Some(value) = rest.next() {
                        f.write_str(", ")?;
                        tasks.extend([Task::Values(rest), Task::Value(value)]);
                    }
                }
                Task::Pairs(mut rest) => {
                    if let Some((key, value)) = rest.next() {
                        f.write_str(", ")?;
                        pair(&mut tasks, rest, key, value);
                    }
                }
                Task::Value(value) => show(value, &mut tasks, f)?,
            }
        }
        Ok(())
    }
}

fn show<'a>(value: &'a Value, tasks: &mut Vec<Task<'a>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value {
        Value::None => f.write_str("None"),
        Value::Bool(true) => f.write_str("True"),
        Value::Bool(false) => f.write_str("False"),
        Value::Int(n) => write!(f, "{n}"),
        Value::BigInt(n) => write!(f, "{n}"),
        Value::Float(number) if number.is_nan() => f.write_str("nan"),
        Value::Float(number) => write!(f, "{number:?}"),
        Value::Str(text) => quoted(text, f),
        Value::Bytes(bytes) => quoted_bytes(bytes, f),
        Value::ByteArray(bytes) => {
            f.write_str("bytearray(")?;
            quoted_bytes(bytes, f)?;
            f.write_str(")")
        }
        Value::List(values) => sequence(tasks, "[", values, "]", f),
        Value::Tuple(values) if values.len() == 1 => sequence(tasks, "(", values, ",)", f),
        Value::Tuple(values) => sequence(tasks, "(", values, ")", f),
        Value::Set(values) if values.is_empty() => f.write_str("set()"),
        Value::Set(values) => sequence(tasks, "{", values, "}", f),
        Value::FrozenSet(values) => sequence(tasks, "frozenset({", values, "})", f),
        Value::Dict(pairs) => dict(tasks, "{", pairs, f),
        Value::Date(date) => write!(f, "date({date})"),
        Value::Time(time) => write!(f, "time({time})"),
        Value::DateTime(time) => write!(f, "datetime({time})"),
        Value::TimeDelta(delta) => write!(f, "timedelta({delta})"),
        Value::TimeZone(zone) => write!(f, "timezone({zone})"),
        Value::Decimal(digits) => write!(f, "Decimal({digits})"),
        Value::Uuid(uuid) => write!(f, "UUID({:032x})", u128::from_be_bytes(*uuid)),
        Value::Class(class) => write!(f, "{}.{}", class.module(), class.name()),
        Value::Object(object) => {
            self::object(tasks, object);
            Ok(())
        }
    }
}

fn sequence<'a>(
    tasks: &mut Vec<Task<'a>>,
    begin: &'static str,
    values: &'a [Value],
    end: &'static str,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    f.write_str(begin)?;
    items(tasks, values, end);
    Ok(())
}

fn items<'a>(tasks: &mut Vec<Task<'a>>, values: &'a [Value], end: &'static str) {
    tasks.push(Task::Text(end));
    if let [first, rest @ ..] = values {
        tasks.extend([Task::Values(rest.iter()), Task::Value(first)]);
    }
}

fn dict<'a>(
    tasks: &mut Vec<Task<'a>>,
    begin: &'static str,
    pairs: &'a [(Value, Value)],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    f.write_str(begin)?;
    entries(tasks, pairs);
    Ok(())
}

fn entries<'a>(tasks: &mut Vec<Task<'a>>, pairs: &'a [(Value, Value)]) {
    tasks.push(Task::Text("}"));
    if let [(key, value), rest @ ..] = pairs {
        pair(tasks, rest.iter(), key, value);
    }
}

fn pair<'a>(
    tasks: &mut Vec<Task<'a>>,
    rest: std::slice::Iter<'a, (Value, Value)>,
    key: &'a Value,
    value: &'a Value,
) {
    tasks.extend([Task::Pairs(rest), Task::Value(value), Task::Text(": "), Task::Value(key)]);
}

/// `app.Point(1, 2)`, then what is added to it. Planned from its end.
fn object<'a>(tasks: &mut Vec<Task<'a>>, object: &'a Object) {
    if let Some(state) = &object.state {
        tasks.extend([Task::Value(state), Task::Text(" with ")]);
    }
    if !object.entries.is_empty() {
        entries(tasks, &object.entries);
        tasks.push(Task::Text(" and {"));
    }
    if !object.items.is_empty() {
        items(tasks, &object.items, "]");
        tasks.push(Task::Text(" and ["));
    }
    if let Some(kwargs) = &object.kwargs {
        entries(tasks, kwargs);
        tasks.push(Task::Text(" from {"));
    }
    items(tasks, &object.args, ")");
    tasks.extend([Task::Text("("), Task::Value(&object.callable)]);
}

fn quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('\'')?;
    for char in text.chars() {
        match char {
            '\'' | '\\' => write!(f, "\\{char}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            _ if char.is_control() => write!(f, "\\x{:02x}", u32::from(char))?,
            _ => f.write_char(char)?,
        }
    }
    f.write_char('\'')
}

fn quoted_bytes(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "b'{}'", bytes.escape_ascii())
}
