//! From a [`Value`] to opcodes, without recursion.

use crate::error::{Error, Flaw};
use crate::limits::{Limits, MAX_DEPTH};
use crate::opcode as op;
use crate::read::class::Known;
use crate::time::{DateTime, Time, TimeDelta, TimeZone};
use crate::value::hash::hashable;
use crate::value::{Class, Made, Object, Value};
use crate::write::{Fragment, Writer};

/// What is still to be written, the next at the end.
enum Task<'a> {
    Value(&'a Value),
    Values(std::slice::Iter<'a, Value>),
    /// The same for members of a set.
    Members(std::slice::Iter<'a, Value>),
    Pairs(std::slice::Iter<'a, (Value, Value)>),
    /// These opcodes, and one level deeper.
    Enter(&'static [u8]),
    /// These opcodes, and one level back.
    Leave(&'static [u8]),
    Op(u8),
}

pub(super) fn document(value: &Value, limits: &Limits) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::new(limits);
    write(value, &mut writer)?;
    writer.finish()
}

/// The opcodes of `value` alone, and how deep it nests.
pub(super) fn fragment(value: &Value) -> Result<(Fragment, usize), Error> {
    let mut writer = Writer::fragment();
    let depth = write(value, &mut writer)?;
    Ok((writer.into_fragment(), depth))
}

/// Writes `value`, and says how deep it nests.
fn write(value: &Value, writer: &mut Writer) -> Result<usize, Error> {
    let mut tasks = vec![Task::Value(value)];
    let (mut depth, mut deepest) = (0, 0);
    // The first is inside of nothing.
    let mut inside = 0;
    while let Some(task) = tasks.pop() {
        let value = match task {
            Task::Value(value) => value,
            Task::Values(mut values) => {
                let Some(value) = values.next() else { continue };
                tasks.push(Task::Values(values));
                value
            }
            Task::Members(mut values) => {
                let Some(value) = values.next() else { continue };
                must_hash(value)?;
                tasks.push(Task::Members(values));
                value
            }
            Task::Pairs(mut pairs) => {
                let Some((key, value)) = pairs.next() else { continue };
                tasks.push(Task::Pairs(pairs));
                tasks.push(Task::Value(value));
                if let Value::Str(key) = key {
                    writer.count(1)?;
                    writer.key(key);
                    continue;
                }
                must_hash(key)?;
                key
            }
            Task::Enter(ops) => {
                depth += 1;
                deepest = deepest.max(depth);
                writer.raw(ops);
                continue;
            }
            Task::Leave(ops) => {
                depth -= 1;
                writer.raw(ops);
                continue;
            }
            Task::Op(code) => {
                writer.op(code);
                continue;
            }
        };
        writer.boundary();
        writer.count(inside)?;
        inside = 1;
        let inner = match value {
            Value::List(values) => container(&mut tasks, Task::Values(values.iter()), values.len(), LIST),
            Value::Tuple(values) => container(&mut tasks, Task::Values(values.iter()), values.len(), TUPLE),
            Value::Set(values) => container(&mut tasks, Task::Members(values.iter()), values.len(), SET),
            Value::FrozenSet(values) => {
                container(&mut tasks, Task::Members(values.iter()), values.len(), FROZEN_SET)
            }
            Value::Dict(pairs) => container(&mut tasks, Task::Pairs(pairs.iter()), pairs.len(), DICT),
            Value::Object(object) => self::object(&mut tasks, object, writer)?,
            leaf => self::leaf(leaf, writer)?,
        };
        deepest = deepest.max(depth + inner);
        if deepest > MAX_DEPTH {
            return Err(Flaw::TOO_DEEP.into());
        }
    }
    Ok(deepest)
}

/// What begins a container that is empty or is not, and what ends one that is not.
struct Frame {
    empty: &'static [u8],
    begin: &'static [u8],
    end: &'static [u8],
}

const LIST: Frame =
    Frame { empty: &[op::EMPTY_LIST], begin: &[op::EMPTY_LIST, op::MARK], end: &[op::APPENDS] };
const DICT: Frame =
    Frame { empty: &[op::EMPTY_DICT], begin: &[op::EMPTY_DICT, op::MARK], end: &[op::SETITEMS] };
const SET: Frame = Frame { empty: &[op::EMPTY_SET], begin: &[op::EMPTY_SET, op::MARK], end: &[op::ADDITEMS] };
const TUPLE: Frame = Frame { empty: &[op::EMPTY_TUPLE], begin: &[op::MARK], end: &[op::TUPLE] };
const FROZEN_SET: Frame =
    Frame { empty: &[op::MARK, op::FROZENSET], begin: &[op::MARK], end: &[op::FROZENSET] };
/// The opcodes that add to an existing object.
const ITEMS: Frame = Frame { empty: &[], begin: &[op::MARK], end: &[op::APPENDS] };
const ENTRIES: Frame = Frame { empty: &[], begin: &[op::MARK], end: &[op::SETITEMS] };

/// Plans a container, which is one level of its own.
fn container<'a>(tasks: &mut Vec<Task<'a>>, inside: Task<'a>, len: usize, frame: Frame) -> usize {
    if len == 0 {
        tasks.extend([Task::Leave(&[]), Task::Enter(frame.empty)]);
    } else {
        tasks.extend([Task::Leave(frame.end), inside, Task::Enter(frame.begin)]);
    }
    1
}

fn must_hash(value: &Value) -> Result<(), Flaw> {
    if hashable(value) { Ok(()) } else { Err(Flaw::UNHASHABLE) }
}

/// Whether Python may be able to call what `made` made, as the reader has it.
fn may_be_called(made: &Object) -> bool {
    let known = |class: &Class| Known::new(class.module(), class.name());
    let known = match &made.callable {
        Value::Class(class) => known(class),
        Value::Object(method) if method.class().map(known) == Some(Known::GetAttr) => {
            match method.args.as_slice() {
                [Value::Class(class), Value::Str(name)]
                    if known(class) == Known::ZoneInfo && name == "_unpickle" =>
                {
                    Known::ZoneInfoUnpickle
                }
                _ => Known::Other,
            }
        }
        _ => Known::Other,
    };
    match (known, made.args.first()) {
        (Known::Reconstructor, Some(Value::Class(class))) => {
            Known::new(class.module(), class.name()).gives_callables()
        }
        (known, _) => known.gives_callables(),
    }
}

/// Plans an object: the last part first.
fn object<'a>(tasks: &mut Vec<Task<'a>>, object: &'a Object, writer: &mut Writer) -> Result<usize, Error> {
    let Object { made, callable, args, kwargs, items, entries, state } = object;
    let callable_fits = match callable {
        Value::Class(_) => true,
        Value::Object(made) => may_be_called(made),
        _ => false,
    };
    if !callable_fits || (*made == Made::Call && kwargs.is_some()) {
        return Err(Flaw::CALLABLE.into());
    }
    // A reader counts the containers of its parts as values.
    let parts = [true, kwargs.is_some(), !items.is_empty(), !entries.is_empty()];
    writer.count(parts.into_iter().filter(|&part| part).count())?;
    tasks.push(Task::Leave(&[]));
    if let Some(state) = state {
        tasks.extend([Task::Op(op::BUILD), Task::Value(state)]);
    }
    if !entries.is_empty() {
        container(tasks, Task::Pairs(entries.iter()), entries.len(), ENTRIES);
    }
    if !items.is_empty() {
        container(tasks, Task::Values(items.iter()), items.len(), ITEMS);
    }
    match (made, kwargs) {
        (Made::Call, _) => tasks.push(Task::Op(op::REDUCE)),
        (Made::New, None) => tasks.push(Task::Op(op::NEWOBJ)),
        (Made::New, Some(kwargs)) => {
            tasks.push(Task::Op(op::NEWOBJ_EX));
            container(tasks, Task::Pairs(kwargs.iter()), kwargs.len(), DICT);
        }
    }
    container(tasks, Task::Values(args.iter()), args.len(), TUPLE);
    tasks.extend([Task::Value(callable), Task::Enter(&[])]);
    Ok(1)
}

/// Writes a value that holds no others, and says how deep its opcodes nest.
fn leaf(value: &Value, writer: &mut Writer) -> Result<usize, Flaw> {
    match value {
        Value::Bool(bool) => writer.bool(*bool),
        Value::Int(n) => writer.int(*n),
        Value::BigInt(n) => writer.long(&n.to_signed_bytes_le()),
        Value::Float(number) => writer.float(*number),
        Value::Str(text) => writer.str(text),
        Value::Bytes(bytes) => writer.bytes(bytes),
        Value::Class(class) => writer.class(class.module(), class.name()),
        Value::ByteArray(bytes) => {
            return Ok(call(writer, ("builtins", "bytearray"), |writer| {
                one(writer, |writer| writer.bytes(bytes))
            }));
        }
        Value::Date(date) => {
            return Ok(call(writer, ("datetime", "date"), |writer| {
                one(writer, |writer| writer.bytes(&date.to_bytes()))
            }));
        }
        Value::Time(time) => {
            time.zone().map_or(Ok(()), in_a_day)?;
            return Ok(self::time(writer, time));
        }
        Value::DateTime(time) => {
            time.time.zone().map_or(Ok(()), in_a_day)?;
            return Ok(date_time(writer, time));
        }
        Value::TimeDelta(delta) => return Ok(self::delta(writer, *delta)),
        Value::TimeZone(zone) => {
            in_a_day(zone)?;
            return Ok(self::zone(writer, zone));
        }
        Value::Decimal(digits) => {
            return Ok(call(writer, ("decimal", "Decimal"), |writer| {
                one(writer, |writer| writer.str(digits))
            }));
        }
        Value::Uuid(uuid) => {
            writer.known_class("uuid", "UUID");
            writer.raw(&[op::EMPTY_TUPLE, op::NEWOBJ, op::EMPTY_DICT]);
            writer.key("int");
            let mut bytes = *uuid;
            bytes.reverse();
            // A byte more, for the sign.
            let mut number = [0; 17];
            number.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
            writer.long(&number);
            writer.raw(&[op::SETITEM, op::BUILD]);
            return Ok(2);
        }
        _ => writer.op(op::NONE),
    }
    Ok(0)
}

/// Python refuses to make other zones, and with them all that is in the pickle.
fn in_a_day(zone: &TimeZone) -> Result<(), Flaw> {
    match zone {
        TimeZone::Fixed { offset, .. } if !offset.is_an_offset() => Err(Flaw::OFFSET),
        _ => Ok(()),
    }
}

/// A call of a class with arguments that `args` writes as a tuple; how deep it nests.
fn call(
    writer: &mut Writer,
    (module, name): (&'static str, &'static str),
    args: impl FnOnce(&mut Writer) -> usize,
) -> usize {
    writer.known_class(module, name);
    let depth = args(writer);
    writer.op(op::REDUCE);
    depth + 1
}

/// A tuple of one leaf.
fn one(writer: &mut Writer, leaf: impl FnOnce(&mut Writer)) -> usize {
    leaf(writer);
    writer.op(op::TUPLE1);
    1
}

fn time(writer: &mut Writer, time: &Time) -> usize {
    let mut bytes = time.to_bytes();
    bytes[0] |= u8::from(time.fold()) << 7;
    call(writer, ("datetime", "time"), |writer| in_zone(writer, &bytes, time.zone()))
}

fn date_time(writer: &mut Writer, DateTime { date, time }: &DateTime) -> usize {
    let [high, low, month, day] = date.to_bytes();
    let [hour, minute, second, a, b, c] = time.to_bytes();
    let bytes = [high, low, month | u8::from(time.fold()) << 7, day, hour, minute, second, a, b, c];
    call(writer, ("datetime", "datetime"), |writer| in_zone(writer, &bytes, time.zone()))
}

/// The arguments of a time.
fn in_zone(writer: &mut Writer, bytes: &[u8], zone: Option<&TimeZone>) -> usize {
    let Some(zone) = zone else { return one(writer, |writer| writer.bytes(bytes)) };
    writer.bytes(bytes);
    let depth = self::zone(writer, zone);
    writer.op(op::TUPLE2);
    depth + 1
}

fn delta(writer: &mut Writer, delta: TimeDelta) -> usize {
    call(writer, ("datetime", "timedelta"), |writer| {
        writer.int(delta.days().into());
        writer.int(delta.seconds().into());
        writer.int(delta.microseconds().into());
        writer.op(op::TUPLE3);
        1
    })
}

fn zone(writer: &mut Writer, zone: &TimeZone) -> usize {
    match zone {
        TimeZone::Fixed { offset, name } => call(writer, ("datetime", "timezone"), |writer| {
            let depth = self::delta(writer, *offset);
            match name {
                None => writer.op(op::TUPLE1),
                Some(name) => {
                    writer.str(name);
                    writer.op(op::TUPLE2);
                }
            }
            depth + 1
        }),
        TimeZone::Named(name) => call(writer, ("zoneinfo", "ZoneInfo._unpickle"), |writer| {
            writer.str(name);
            // Python may keep the zone for the next one of this name.
            writer.int(1);
            writer.op(op::TUPLE2);
            1
        }),
    }
}
