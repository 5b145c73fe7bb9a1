use crate::{Date, DateTime, Error, Time, TimeDelta, TimeZone, Value};

macro_rules! from_value {
    ($($type:ident: $class:literal;)*) => {$(
        /// Of that class only.
        impl TryFrom<Value> for $type {
            type Error = Error;

            fn try_from(value: Value) -> Result<Self, Error> {
                match value {
                    Value::$type(value) => Ok(value),
                    _ => Err(super::none($class)),
                }
            }
        }

        super::optional!($type);
    )*};
}

from_value! {
    Date: "a datetime.date";
    Time: "a datetime.time";
    DateTime: "a datetime.datetime";
    TimeDelta: "a datetime.timedelta";
    TimeZone: "a datetime.timezone or a zoneinfo.ZoneInfo";
}
