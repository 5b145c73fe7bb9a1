//! Rust values as [`Value`]s.

use num_bigint::BigInt;

use crate::time::{Date, DateTime, Time, TimeDelta, TimeZone};
use crate::value::{Class, Object, Value};

macro_rules! from {
    ($($type:ty: $value:ident => $made:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $made
            }
        }
    )*};
}

from! {
    bool: it => Self::Bool(it);
    i8: it => Self::Int(it.into());
    i16: it => Self::Int(it.into());
    i32: it => Self::Int(it.into());
    i64: it => Self::Int(it);
    u8: it => Self::Int(it.into());
    u16: it => Self::Int(it.into());
    u32: it => Self::Int(it.into());
    u64: it => Self::from(BigInt::from(it));
    i128: it => Self::from(BigInt::from(it));
    u128: it => Self::from(BigInt::from(it));
    BigInt: it => i64::try_from(&it).map_or_else(|_| Self::BigInt(Box::new(it)), Self::Int);
    f32: it => Self::Float(it.into());
    f64: it => Self::Float(it);
    &str: it => Self::Str(it.to_owned());
    String: it => Self::Str(it);
    Date: it => Self::Date(it);
    Time: it => Self::Time(it);
    DateTime: it => Self::DateTime(it);
    TimeDelta: it => Self::TimeDelta(it);
    TimeZone: it => Self::TimeZone(it);
    Class: it => Self::Class(it);
    Object: it => Self::Object(Box::new(it));
}

/// `None`, or the contained value.
impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(option: Option<T>) -> Self {
        option.map_or(Self::None, Into::into)
    }
}
