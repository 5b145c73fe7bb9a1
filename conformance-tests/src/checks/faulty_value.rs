//! [`Faulty`]: a value whose serialization fails on demand.

use serde::{Deserialize, Serialize, Serializer};

/// A number; 13 cannot be serialized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Faulty(pub(super) i64);

/// The [`Faulty`] that fails.
pub(super) const UNWRITABLE: Faulty = Faulty(13);

impl Serialize for Faulty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == UNWRITABLE {
            return Err(serde::ser::Error::custom("this value refuses to be written"));
        }
        // Deserialize is derived, and takes a newtype struct.
        serializer.serialize_newtype_struct("Faulty", &self.0)
    }
}
