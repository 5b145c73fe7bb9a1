//! [`Value`]: any Python value that a pickle holds.

mod display;
mod from;
mod hash;
mod read;
mod serde;
mod write;

use num_bigint::BigInt;

use crate::error::Error;
use crate::limits::Limits;
use crate::read::Document;
use crate::read::arena::Arena;
use crate::read::item::Item;
use crate::time::{Date, DateTime, Time, TimeDelta, TimeZone};

pub(crate) use self::serde::{NAME, Opcodes};

/// Any Python value that a pickle holds, for what has no Rust type of its own.
///
/// Objects that Python shares are copies here, one for each place. Equality is structural: `1`,
/// `1.0` and `True` differ, and so do dicts in another order.
///
/// What is read nests at most [`MAX_DEPTH`](crate::MAX_DEPTH) deep; a value built deeper than
/// that by hand cannot be written.
///
/// # As a field
/// A field of this type holds what the pickle does, and is written as it was. Not so where serde
/// keeps what it has read for later, and does not say for whom: in a struct with
/// `#[serde(flatten)]`, and in an enum that is untagged or has its tag inside. There a `Value` gets
/// what any other type would: a datetime is `Str`, a tuple or a set is a `List`, and an object is an
/// error. Written back, these would no longer be Python's own.
///
/// ```
/// use cache_pickle::Value;
///
/// // pickle.dumps({"born": datetime.date(2024, 2, 29)}, 4)
/// let bytes = b"\x80\x04\x95\x2a\0\0\0\0\0\0\0}\x94\x8c\x04born\x94\x8c\x08datetime\x94\
///     \x8c\x04date\x94\x93\x94C\x04\x07\xe8\x02\x1d\x94\x85\x94R\x94s.";
/// let value = Value::read(bytes)?;
/// let Some(Value::Date(born)) = value.get("born") else { unreachable!() };
/// assert_eq!((born.year(), born.to_string().as_str()), (2024, "2024-02-29"));
/// assert_eq!(Value::read(&value.write()?)?, value);
/// # Ok::<(), cache_pickle::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// A larger integer.
    BigInt(Box<BigInt>),
    /// `float`.
    Float(f64),
    /// `str`.
    Str(String),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `bytearray`.
    ByteArray(Vec<u8>),
    /// `list`.
    List(Vec<Self>),
    /// `tuple`.
    Tuple(Vec<Self>),
    /// `dict`: keys of any type with their values, in order.
    Dict(Vec<(Self, Self)>),
    /// `set`, in no particular order.
    Set(Vec<Self>),
    /// `frozenset`, in no particular order.
    FrozenSet(Vec<Self>),
    /// `datetime.date`.
    Date(Date),
    /// `datetime.time`.
    Time(Time),
    /// `datetime.datetime`.
    DateTime(DateTime),
    /// `datetime.timedelta`.
    TimeDelta(TimeDelta),
    /// `datetime.timezone` or `zoneinfo.ZoneInfo`.
    TimeZone(TimeZone),
    /// `decimal.Decimal`, in its own digits: `12.3400`, `NaN`.
    Decimal(String),
    /// `uuid.UUID`, most significant byte first.
    Uuid([u8; 16]),
    /// A class or a function, by its name.
    Class(Class),
    /// An object of any other class. Written as it was read.
    Object(Box<Object>),
}

/// A class or a function, by its name. Nothing looks it up here; Python does when it reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    names: Box<(String, String)>,
}

impl Class {
    /// The class `name` of `module`; a class within a class has dots in its name.
    #[must_use]
    pub fn new(module: impl Into<String>, name: impl Into<String>) -> Self {
        Self { names: Box::new((module.into(), name.into())) }
    }

    /// The module, by its name in Python 3.
    #[must_use]
    pub fn module(&self) -> &str {
        &self.names.0
    }

    /// The name within the module.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.names.1
    }
}

/// An object as its `__reduce_ex__` describes it: how Python makes it, and what it adds then.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// How it is made from the next three.
    pub made: Made,
    /// The class or function: a [`Value::Class`], or an object that gives one.
    pub callable: Value,
    /// The arguments.
    pub args: Vec<Value>,
    /// The arguments by name; only [`Made::New`] has them.
    pub kwargs: Option<Vec<(Value, Value)>>,
    /// What is appended to it, as to a list.
    pub items: Vec<Value>,
    /// What is set in it, as in a dict.
    pub entries: Vec<(Value, Value)>,
    /// What its attributes are set to.
    pub state: Option<Value>,
}

/// How Python makes an [`Object`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// `callable(*args)`.
    Call,
    /// `class.__new__(class, *args, **kwargs)`.
    New,
}

impl Object {
    /// Its class, where the pickle names one.
    #[must_use]
    pub fn class(&self) -> Option<&Class> {
        let Value::Class(class) = &self.callable else { return None };
        // Before protocol 2 one function makes all objects of classes written in Python.
        match (class.module(), class.name(), self.args.first()) {
            ("copyreg", "_reconstructor", Some(Value::Class(class))) => Some(class),
            _ => Some(class),
        }
    }
}

impl Value {
    /// Reads a pickle of any protocol. Executes nothing; faster than through serde.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        Self::read_with(bytes, &Limits::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn read_with(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let document = Document::read(bytes, limits)?;
        Ok(read::value(&document.arena, document.root))
    }

    /// Reads the pickle that `bytes` begin with, and gives what follows it, as Python's
    /// `pickle.load` leaves a file.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    ///
    /// ```
    /// use cache_pickle::Value;
    ///
    /// let (value, rest) = Value::read_first(b"\x80\x05K\x07.and more")?;
    /// assert_eq!((value, rest), (Value::Int(7), b"and more".as_slice()));
    /// # Ok::<(), cache_pickle::Error>(())
    /// ```
    pub fn read_first(bytes: &[u8]) -> Result<(Self, &[u8]), Error> {
        let (document, rest) = Document::read_first(bytes, &Limits::default())?;
        Ok((read::value(&document.arena, document.root), rest))
    }

    /// This as a pickle of protocol 4.
    ///
    /// # Errors
    /// When it nests deeper than [`MAX_DEPTH`](crate::MAX_DEPTH) or holds more than [`Limits`] allow
    /// to read again; when Python cannot hash a key or a member of a set, or cannot make the offset
    /// of a zone; when an [`Object`] was built that Python's `__reduce_ex__` cannot give.
    pub fn write(&self) -> Result<Vec<u8>, Error> {
        self.write_with(&Limits::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_with(&self, limits: &Limits) -> Result<Vec<u8>, Error> {
        write::document(self, limits)
    }

    /// The value of a dict's key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Dict(entries) = self else { return None };
        entries
            .iter()
            .find(|(name, _)| matches!(name, Self::Str(name) if name == key))
            .map(|(_, value)| value)
    }
}

/// The pickle of an item of a document, whose limits have been checked.
pub(crate) fn unlimited<'de>(arena: &Arena<'de>, item: Item<'de>) -> Result<Vec<u8>, Error> {
    write::document(&read::value(arena, item), &Limits::NONE)
}
