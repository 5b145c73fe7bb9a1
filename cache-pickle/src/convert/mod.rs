//! The ecosystem's types, from and into Python's, and this crate's own out of a `Value`.

mod datetime;
#[cfg(feature = "jiff")]
mod jiff;
#[cfg(feature = "rust_decimal")]
mod rust_decimal;
#[cfg(feature = "uuid")]
mod uuid;

use crate::error::{Error, ErrorKind};

/// A Python value that is not what was asked for.
fn none(wanted: &str) -> Error {
    Error::new(ErrorKind::Type, format!("invalid type: something else, expected {wanted}"))
}

/// What a type's own `TryFrom<Value>` gives, for an `Option` of it.
macro_rules! optional {
    ($($type:ty),*) => {$(
        /// `None` is nothing.
        impl TryFrom<$crate::Value> for Option<$type> {
            type Error = $crate::Error;

            fn try_from(value: $crate::Value) -> Result<Self, $crate::Error> {
                if value == $crate::Value::None { Ok(None) } else { value.try_into().map(Some) }
            }
        }
    )*};
}
use optional;
