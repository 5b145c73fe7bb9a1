use uuid::Uuid;

use crate::{Error, Value};

/// `uuid.UUID`.
impl From<Uuid> for Value {
    fn from(uuid: Uuid) -> Self {
        Self::Uuid(uuid.into_bytes())
    }
}

/// Of a `uuid.UUID` only: text is not taken for one.
impl TryFrom<Value> for Uuid {
    type Error = Error;

    fn try_from(value: Value) -> Result<Self, Error> {
        match value {
            Value::Uuid(bytes) => Ok(Self::from_bytes(bytes)),
            _ => Err(super::none("a uuid.UUID")),
        }
    }
}

super::optional!(Uuid);
