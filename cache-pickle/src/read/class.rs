//! A class that a pickle names, and the Rust type it corresponds to, if any.

use crate::read::item::Item;
use crate::read::python2::renamed;

/// The classes and functions that are understood. Every other one stays what it is: a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Date,
    Time,
    DateTime,
    TimeDelta,
    TimeZone,
    ZoneInfo,
    ZoneInfoUnpickle,
    Decimal,
    Uuid,
    Set,
    FrozenSet,
    Bytes,
    ByteArray,
    /// `_codecs.encode`: bytes before protocol 3.
    Encode,
    GetAttr,
    /// `copyreg._reconstructor`: any object before protocol 2.
    Reconstructor,
    Other,
}

impl Known {
    pub(crate) fn new(module: &str, name: &str) -> Self {
        match (module, name) {
            ("datetime", "date") => Self::Date,
            ("datetime", "time") => Self::Time,
            ("datetime", "datetime") => Self::DateTime,
            ("datetime", "timedelta") => Self::TimeDelta,
            ("datetime", "timezone") => Self::TimeZone,
            ("zoneinfo", "ZoneInfo") => Self::ZoneInfo,
            ("zoneinfo", "ZoneInfo._unpickle") => Self::ZoneInfoUnpickle,
            ("decimal", "Decimal") => Self::Decimal,
            ("uuid", "UUID") => Self::Uuid,
            ("builtins", "set") => Self::Set,
            ("builtins", "frozenset") => Self::FrozenSet,
            ("builtins", "bytes") => Self::Bytes,
            ("builtins", "bytearray") => Self::ByteArray,
            ("builtins", "getattr") => Self::GetAttr,
            ("_codecs", "encode") => Self::Encode,
            ("copyreg", "_reconstructor") => Self::Reconstructor,
            _ => Self::Other,
        }
    }

    /// Whether this may give a class or a function, which Python can call: `getattr` does. All
    /// that has a type here gives data.
    pub(crate) fn gives_callables(self) -> bool {
        matches!(self, Self::GetAttr | Self::Reconstructor | Self::Other)
    }
}

/// Its names are strings of the document, however often it is named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class<'de> {
    pub(crate) module: Item<'de>,
    pub(crate) name: Item<'de>,
    pub(crate) known: Known,
}

impl<'de> Class<'de> {
    /// The class of this name, by its name in Python 3: protocols before 3 have Python 2's.
    pub(crate) fn new(
        (module, name): (Item<'de>, Item<'de>),
        (module_text, name_text): (&str, &str),
        protocol: u8,
    ) -> Self {
        let (new_module, new_name) =
            if protocol < 3 { renamed(module_text, name_text) } else { (None, None) };
        let known = Known::new(new_module.unwrap_or(module_text), new_name.unwrap_or(name_text));
        Self { module: new_module.map_or(module, Item::Str), name: new_name.map_or(name, Item::Str), known }
    }
}
