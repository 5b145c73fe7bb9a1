//! Python's pickle for Rust, to share a cache with Django: a [codec](Pickle) for the cache
//! framework, and reading and writing by itself.
//!
//! **A Python reader executes what it unpickles.** Nothing is executed here; but anyone who can write to a
//! cache that a Python program reads as pickle can run code in that program. Such a cache trusts all its
//! writers. JSON on both sides is safer.
//!
//! # serde
//! [`to_vec`] and [`from_slice`] work as `serde_json` does: a struct is a dict with its fields'
//! names as keys; fields that are missing, too many or renamed, and enums, are treated as there.
//! Beyond JSON: NaN and the infinities, integers of 128 bits, bytes, tuples, which Python reads as tuples, and keys of any
//! type that Python can hash. A sequence that is a key is a tuple; a struct or a map is none.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct User {
//!     id: u32,
//!     name: String,
//! }
//!
//! let user = User { id: 7, name: "Zoë".to_owned() };
//! let bytes = cache_pickle::to_vec(&user)?; // Python reads {'id': 7, 'name': 'Zoë'}.
//! assert_eq!(cache_pickle::from_slice::<User>(&bytes)?, user);
//! # Ok::<(), cache_pickle::Error>(())
//! ```
//!
//! What Python has and serde has not is text: `Decimal`, `UUID`, and in ISO 8601 dates and times, as
//! `isoformat` writes them, and durations. Django's JSON has other forms of the same: milliseconds,
//! `Z`, and days in durations. An object of any other class is an error, and never a guess. So is a
//! time whose text would be another time: of the two that a clock set back has, the second
//! (`fold=1`) in a named zone.
//!
//! # Any value
//! [`Value`] holds every value that Python pickles, except strings with lone surrogates and objects that
//! contain themselves: dates, sets, tuples and large integers as what they are, objects of unknown classes as
//! [`Object`]s, which are written as they were read. The module [`python`] writes a struct's field as
//! Python's own type. In a struct with `#[serde(flatten)]` and in some enums a [`Value`] is less: see there.
//!
//! The features `jiff`, `uuid` and `rust_decimal` convert a [`Value`] from and into the types of
//! those crates.
//!
//! # Reading what others wrote
//! All protocols, 0 to 5, are read; protocol 4 is written. Reading never recurses, and its time and
//! memory are bounded by the input and by [`Limits`]: a megabyte of nesting, 84 bytes that name
//! 2⁴⁰ objects, and a length of 2⁶³ are errors. So is all that would need a call: persistent ids,
//! extension codes, buffers out of band. The same [`Limits`] hold on writing, so that what is written
//! can be read. An [`Error`] holds no part of a value.

mod codec;
mod convert;
mod de;
mod error;
mod limits;
mod opcode;
mod payload;
pub mod python;
mod read;
mod seal;
mod ser;
mod time;
mod value;
mod write;

pub use num_bigint::BigInt;

pub use self::codec::Pickle;
pub use self::de::{from_slice, from_slice_with};
pub use self::error::{Error, ErrorKind};
pub use self::limits::{Limits, MAX_DEPTH};
pub use self::payload::{from_payload, to_payload};
pub use self::seal::{Seal, seal, unseal};
pub use self::ser::{to_vec, to_vec_with};
pub use self::time::{Date, DateTime, Time, TimeDelta, TimeZone};
pub use self::value::{Class, Made, Object, Value};
