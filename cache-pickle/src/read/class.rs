//! A class that a pickle names, and which of those that have a Rust type it is.

use std::borrow::Cow;

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

#[derive(Debug)]
pub(crate) struct Class<'de> {
    pub(crate) module: Cow<'de, str>,
    pub(crate) name: Cow<'de, str>,
    pub(crate) known: Known,
}

impl<'de> Class<'de> {
    /// The class of this name, by its name in Python 3: protocols before 3 have Python 2's.
    pub(crate) fn new(module: Cow<'de, str>, name: Cow<'de, str>, protocol: u8) -> Self {
        let (module, name) = if protocol < 3 { python3(module, name) } else { (module, name) };
        let known = match (&*module, &*name) {
            ("datetime", "date") => Known::Date,
            ("datetime", "time") => Known::Time,
            ("datetime", "datetime") => Known::DateTime,
            ("datetime", "timedelta") => Known::TimeDelta,
            ("datetime", "timezone") => Known::TimeZone,
            ("zoneinfo", "ZoneInfo") => Known::ZoneInfo,
            ("zoneinfo", "ZoneInfo._unpickle") => Known::ZoneInfoUnpickle,
            ("decimal", "Decimal") => Known::Decimal,
            ("uuid", "UUID") => Known::Uuid,
            ("builtins", "set") => Known::Set,
            ("builtins", "frozenset") => Known::FrozenSet,
            ("builtins", "bytes") => Known::Bytes,
            ("builtins", "bytearray") => Known::ByteArray,
            ("builtins", "getattr") => Known::GetAttr,
            ("_codecs", "encode") => Known::Encode,
            ("copyreg", "_reconstructor") => Known::Reconstructor,
            _ => Known::Other,
        };
        Self { module, name, known }
    }
}

/// The part of CPython's `_compat_pickle` tables that concerns classes of data.
fn python3<'de>(module: Cow<'de, str>, name: Cow<'de, str>) -> (Cow<'de, str>, Cow<'de, str>) {
    let names = match (&*module, &*name) {
        ("__builtin__", "xrange") => Some(("builtins", "range")),
        ("__builtin__", "unicode") => Some(("builtins", "str")),
        ("__builtin__", "long") => Some(("builtins", "int")),
        ("__builtin__", "unichr") => Some(("builtins", "chr")),
        ("UserDict", "UserDict" | "IterableUserDict") => Some(("collections", "UserDict")),
        ("UserList", "UserList") => Some(("collections", "UserList")),
        ("UserString", "UserString") => Some(("collections", "UserString")),
        _ => None,
    };
    if let Some((module, name)) = names {
        return (Cow::Borrowed(module), Cow::Borrowed(name));
    }
    let module = match &*module {
        "__builtin__" | "exceptions" => Cow::Borrowed("builtins"),
        "copy_reg" => Cow::Borrowed("copyreg"),
        "Cookie" => Cow::Borrowed("http.cookies"),
        "cookielib" => Cow::Borrowed("http.cookiejar"),
        "Queue" => Cow::Borrowed("queue"),
        "urlparse" => Cow::Borrowed("urllib.parse"),
        _ => module,
    };
    (module, name)
}
