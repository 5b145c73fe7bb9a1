//! Reads and writes Python's pickle in Rust, to share a cache with Django: as a [codec](Pickle) of the cache
//! framework, or on its own.
//!
//! **A Python reader executes what it unpickles.** Nothing is executed here; but anyone who can write to a
//! cache that a Python program reads as pickle can run code in that program. Such a cache trusts all its
//! writers. JSON on both sides is safer.
//!
//! # serde
//! [`to_vec`] and [`from_slice`] work as `serde_json` does: a struct is a dict with its fields' names as keys;
//! missing, extra and renamed fields, and enums, are treated as there. Beyond JSON: NaN and the infinities, integers
//! of 128 bits, bytes, tuples, which Python reads as tuples, and keys of any type that Python can hash. A sequence
//! that is a key becomes a tuple; a struct or a map cannot be a key.
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
//! Python types that serde lacks become text: `Decimal`, `UUID`, and in ISO 8601 dates and times, as `isoformat`
//! writes them, and durations. Django's JSON writes the same in other forms: milliseconds, `Z`, and days in
//! durations. An object of any other class is an error, and never a guess. So is a time whose text would mean
//! another time: when a clock is set back, the second of two equal times (`fold=1`) in a named zone.
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
//! # Reading other programs' pickles
//! All protocols, 0 to 5, are read; protocol 4 is written. Reading never recurses, and its time and
//! memory are bounded by the input and by [`Limits`]: a megabyte of nesting, 84 bytes that name
//! 2⁴⁰ objects, and a length of 2⁶³ are errors. So is everything that would need a call: persistent ids,
//! extension codes, buffers out of band. The same [`Limits`] hold on writing, so that a written value
//! can be read. An [`Error`] holds no part of a value.
#![cfg_attr(docsrs, feature(doc_cfg))]

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
