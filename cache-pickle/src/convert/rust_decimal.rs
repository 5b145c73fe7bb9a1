use rust_decimal::Decimal;

use crate::{Error, Value};

/// `decimal.Decimal`, with its trailing zeros.
impl From<Decimal> for Value {
    fn from(decimal: Decimal) -> Self {
        Self::Decimal(decimal.to_string())
    }
}

/// Of a `decimal.Decimal` that this type holds without rounding: not NaN, and at most 28 digits.
impl TryFrom<Value> for Decimal {
    type Error = Error;

    fn try_from(value: Value) -> Result<Self, Error> {
        let wanted = "a decimal.Decimal of at most 28 digits";
        let Value::Decimal(digits) = value else { return Err(super::none(wanted)) };
        let read = match digits.split_once(['E', 'e']) {
            None => Self::from_str_exact(&digits),
            Some((mantissa, _)) => {
                Self::from_str_exact(mantissa).and_then(|_| Self::from_scientific(&digits))
            }
        };
        read.map_err(|_| super::none(wanted))
    }
}

super::optional!(Decimal);
