//! Objects of the few classes that have a type here, by what their `__reduce__` gives. What does
//! not look as Python writes it stays an object.

use std::borrow::Cow;

use num_bigint::{BigInt, Sign};

use crate::read::arena::{ARGS, Arena, CALLABLE, DICT, How, KWARGS, LIST, Object, STATE};
use crate::read::class::Known;
use crate::read::item::Item;
use crate::time::{Date, DateTime, Time, TimeDelta, TimeZone};

/// An object, if it is of a class that has a type here.
#[derive(Debug)]
pub(crate) enum Typed<'a> {
    Date(Date),
    Time(Time),
    DateTime(DateTime),
    TimeDelta(TimeDelta),
    TimeZone(TimeZone),
    Decimal(&'a str),
    Uuid([u8; 16]),
    /// The node with the members, if there are any.
    Set(Option<u32>),
    FrozenSet(Option<u32>),
    Bytes(Cow<'a, [u8]>),
    ByteArray(Cow<'a, [u8]>),
    Opaque,
}

impl Typed<'_> {
    /// What it takes besides the value itself, in bytes.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Time(time) | Self::DateTime(DateTime { time, .. }) => time.zone().map_or(0, size_of_zone),
            Self::TimeZone(zone) => size_of_zone(zone),
            Self::Decimal(digits) => digits.len() as u64,
            Self::Bytes(bytes) | Self::ByteArray(bytes) => bytes.len() as u64,
            _ => 0,
        }
    }
}

fn size_of_zone(zone: &TimeZone) -> u64 {
    let name = match zone {
        TimeZone::Fixed { name, .. } => name.as_deref().unwrap_or_default(),
        TimeZone::Named(name) => name,
    };
    (size_of::<TimeZone>() + name.len()) as u64
}

impl<'de> Arena<'de> {
    pub(crate) fn typed(&self, object: u32) -> Typed<'_> {
        self.objects.get(object as usize).and_then(|object| self.try_typed(object)).unwrap_or(Typed::Opaque)
    }

    fn try_typed(&self, object: &Object<'de>) -> Option<Typed<'_>> {
        if object.has_state {
            return self.uuid(object).map(Typed::Uuid);
        }
        let known = self.called(object)?;
        let args = self.tuple(&object.parts[ARGS])?;
        Some(match (known, args) {
            (Known::Date, [bytes]) => Typed::Date(Date::from_bytes(self.sized(bytes)?)?),
            (Known::Time, [bytes, zone @ ..]) => {
                let [hour, rest @ ..]: [u8; 6] = self.sized(bytes)?;
                let [a, b, c, d, e] = rest;
                let time = Time::from_bytes([hour & 0x7f, a, b, c, d, e])?;
                Typed::Time(time.with_fold(hour >= 0x80).with_zone(self.zone(zone)?))
            }
            (Known::DateTime, [bytes, zone @ ..]) => {
                let [high, low, month, day, time @ ..]: [u8; 10] = self.sized(bytes)?;
                let date = Date::from_bytes([high, low, month & 0x7f, day])?;
                let time = Time::from_bytes(time)?.with_fold(month >= 0x80).with_zone(self.zone(zone)?);
                Typed::DateTime(DateTime { date, time })
            }
            (Known::TimeDelta, _) => Typed::TimeDelta(delta(args)?),
            (Known::TimeZone | Known::ZoneInfoUnpickle, _) => Typed::TimeZone(self.time_zone(known, args)?),
            (Known::Decimal, [text]) => Typed::Decimal(self.str(text)?),
            (Known::Set, []) => Typed::Set(None),
            (Known::Set, [Item::List(node)]) => Typed::Set(Some(*node)),
            (Known::FrozenSet, []) => Typed::FrozenSet(None),
            (Known::FrozenSet, [Item::List(node)]) => Typed::FrozenSet(Some(*node)),
            (Known::Bytes, []) => Typed::Bytes(Cow::Borrowed(&[])),
            (Known::Encode, [text, encoding]) => Typed::Bytes(self.encoded(text, encoding)?),
            (Known::ByteArray, []) => Typed::ByteArray(Cow::Borrowed(&[])),
            (Known::ByteArray, [bytes]) => Typed::ByteArray(self.bytes(bytes)?),
            (Known::ByteArray, [text, encoding]) => Typed::ByteArray(self.encoded(text, encoding)?),
            _ => return None,
        })
    }

    /// The class or function that a plain call without items is of.
    fn called(&self, object: &Object<'de>) -> Option<Known> {
        let plain = matches!(object.parts[LIST], Item::None) && matches!(object.parts[DICT], Item::None);
        if !plain || object.how != How::Call {
            return None;
        }
        Some(self.callable(object))
    }

    /// The class or function that an object is made by, if it is known.
    fn callable(&self, object: &Object<'de>) -> Known {
        let known = match object.parts[CALLABLE] {
            Item::Object(n) => self.objects.get(n as usize).and_then(|method| self.method(method)),
            ref callable => self.class(callable).map(|class| class.known),
        };
        known.unwrap_or(Known::Other)
    }

    /// `getattr(ZoneInfo, '_unpickle')`.
    fn method(&self, method: &Object<'de>) -> Option<Known> {
        let getattr = self.class(&method.parts[CALLABLE])?.known;
        match self.tuple(&method.parts[ARGS])? {
            [class, name] if getattr == Known::GetAttr && !method.has_state => {
                let zone_info = self.class(class)?.known == Known::ZoneInfo;
                (zone_info && self.str(name)? == "_unpickle").then_some(Known::ZoneInfoUnpickle)
            }
            _ => None,
        }
    }

    /// Whether Python may be able to call this object. Decides by its class alone, because its arguments may
    /// be long and every object may be asked about.
    pub(crate) fn may_be_called(&self, object: u32) -> bool {
        let Some(object) = self.objects.get(object as usize) else { return false };
        match self.callable(object) {
            // What it makes is of its first argument's class.
            Known::Reconstructor => {
                let args = self.tuple(&object.parts[ARGS]).unwrap_or_default();
                let class = args.first().and_then(|class| self.class(class));
                class.is_none_or(|class| class.known.gives_callables())
            }
            known => known.gives_callables(),
        }
    }

    /// The bytes of an item that is bytes, in whatever protocol.
    pub(crate) fn bytes(&self, item: &Item<'de>) -> Option<Cow<'_, [u8]>> {
        match *item {
            Item::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            Item::Object(n) => {
                let object = self.objects.get(n as usize).filter(|object| !object.has_state)?;
                match (self.called(object)?, self.tuple(&object.parts[ARGS])?) {
                    (Known::Bytes, []) => Some(Cow::Borrowed(&[])),
                    (Known::Encode, [text, encoding]) => self.encoded(text, encoding),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn sized<const N: usize>(&self, item: &Item<'de>) -> Option<[u8; N]> {
        (*self.bytes(item)?).try_into().ok()
    }

    /// Bytes that are text in Latin-1.
    fn encoded(&self, text: &Item<'de>, encoding: &Item<'de>) -> Option<Cow<'_, [u8]>> {
        if !matches!(self.str(encoding)?, "latin1" | "latin-1") {
            return None;
        }
        let bytes: Option<Vec<u8>> = self.str(text)?.chars().map(|char| u8::try_from(char).ok()).collect();
        bytes.map(Cow::Owned)
    }

    /// The zone that may follow in the arguments of a time: none, or nothing if it is unknown.
    fn zone(&self, args: &[Item<'de>]) -> Option<Option<TimeZone>> {
        match args {
            [] | [Item::None] => Some(None),
            [Item::Object(n)] => {
                let object = self.objects.get(*n as usize).filter(|object| !object.has_state)?;
                self.time_zone(self.called(object)?, self.tuple(&object.parts[ARGS])?).map(Some)
            }
            _ => None,
        }
    }

    fn time_zone(&self, known: Known, args: &[Item<'de>]) -> Option<TimeZone> {
        match (known, args) {
            (Known::TimeZone, [Item::Object(offset), name @ ..]) => {
                let offset = self.objects.get(*offset as usize).filter(|offset| !offset.has_state)?;
                if self.called(offset)? != Known::TimeDelta {
                    return None;
                }
                let offset = delta(self.tuple(&offset.parts[ARGS])?)?;
                let name = match name {
                    [] => None,
                    [name] => Some(self.str(name)?.to_owned()),
                    _ => return None,
                };
                offset.is_an_offset().then_some(TimeZone::Fixed { offset, name })
            }
            // The number is whether Python may keep the zone: not so for ZoneInfo.no_cache, which
            // stays an object.
            (Known::ZoneInfoUnpickle, [name, Item::Int(1) | Item::Bool(true)]) => {
                Some(TimeZone::Named(self.str(name)?.to_owned()))
            }
            _ => None,
        }
    }

    /// A UUID: its class without arguments, and a state of one large number. `is_safe` tells how the system
    /// made a time-based UUID; it is not part of a UUID's equality.
    fn uuid(&self, object: &Object<'de>) -> Option<[u8; 16]> {
        let args = self.tuple(&object.parts[ARGS])?;
        let class = self.class(&object.parts[CALLABLE])?;
        let class = match (object.how, class.known, args) {
            (How::New, known, []) => known,
            (How::Call, Known::Reconstructor, [class, base, Item::None]) => {
                let base = self.class(base)?;
                if self.names(base) != ("builtins", "object") {
                    return None;
                }
                self.class(class)?.known
            }
            _ => return None,
        };
        let empty = [LIST, DICT, KWARGS].into_iter().all(|part| matches!(object.parts[part], Item::None));
        let Item::Dict(state) = object.parts[STATE] else { return None };
        let mut state = self.items(state);
        let (key, number) = (state.next()?, state.next()?);
        if class != Known::Uuid || !empty || self.str(key)? != "int" {
            return None;
        }
        match (state.next(), state.next(), state.next()) {
            (None, ..) => {}
            (Some(key), Some(Item::Int(-1 | 0)), None) if self.str(key)? == "is_safe" => {}
            _ => return None,
        }
        let number = match *number {
            Item::Int(n) => u128::try_from(n).ok()?,
            ref long => u128::try_from(&big_integer(long)?).ok()?,
        };
        Some(number.to_be_bytes())
    }
}

/// Days, seconds and microseconds.
fn delta(args: &[Item<'_>]) -> Option<TimeDelta> {
    let [Item::Int(days), Item::Int(seconds), Item::Int(micros)] = *args else { return None };
    TimeDelta::new(i32::try_from(days).ok()?, u32::try_from(seconds).ok()?, u32::try_from(micros).ok()?)
}

/// An integer that does not fit an i64.
pub(crate) fn big_integer(item: &Item<'_>) -> Option<BigInt> {
    match *item {
        Item::Long(bytes) => Some(BigInt::from_signed_bytes_le(bytes)),
        Item::LongText(text) => {
            let (sign, digits) = match text.strip_prefix('-') {
                Some(digits) => (Sign::Minus, digits),
                None => (Sign::Plus, text.strip_prefix('+').unwrap_or(text)),
            };
            let magnitude = num_bigint::BigUint::parse_bytes(digits.as_bytes(), 10)?;
            Some(BigInt::from_biguint(sign, magnitude))
        }
        _ => None,
    }
}
