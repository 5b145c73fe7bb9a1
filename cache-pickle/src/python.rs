//! Writes a field as Python's own type, where serde would write text: `#[serde(with =
//! "cache_pickle::python")]`.
//!
//! For any type that converts from and into [`Value`]: this crate's own ([`DateTime`](crate::DateTime) and the like),
//! the features' types, and `Option`s of both. Without this a `Uuid` is text, as in JSON. Use it only in pickles: no
//! other format can read such a field back.
//!
#![cfg_attr(feature = "uuid", doc = "```")]
#![cfg_attr(not(feature = "uuid"), doc = "```ignore")]
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct User {
//!     #[serde(with = "cache_pickle::python")]
//!     id: uuid::Uuid,
//! }
//!
//! let bytes = cache_pickle::to_vec(&User { id: uuid::Uuid::from_u128(7) })?;
//! let dict = cache_pickle::Value::read(&bytes)?;
//! assert!(matches!(dict.get("id"), Some(cache_pickle::Value::Uuid(_))));
//! assert_eq!(cache_pickle::from_slice::<User>(&bytes)?.id, uuid::Uuid::from_u128(7));
//! # Ok::<(), cache_pickle::Error>(())
//! ```

use std::fmt::Display;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::value::Value;

/// Serializes a field as Python's own type. Copies it once.
///
/// # Errors
/// When Python's type cannot hold the value.
pub fn serialize<T, S>(value: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Clone,
    Value: TryFrom<T, Error: Display>,
    S: Serializer,
{
    Value::try_from(value.clone()).map_err(S::Error::custom)?.serialize(serializer)
}

/// Deserializes a field that is of Python's own type.
///
/// # Errors
/// When it is of another, or the Rust type cannot hold it.
pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: TryFrom<Value, Error: Display>,
    D: Deserializer<'de>,
{
    Value::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
}
