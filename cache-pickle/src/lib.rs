//! Python's pickle for Rust: reading without executing, and writing what Python reads.

mod codec;
mod de;
mod error;
mod limits;
mod opcode;
mod read;
mod ser;
mod time;
mod value;
mod write;

pub use num_bigint::BigInt;

pub use self::codec::Pickle;
pub use self::de::{from_slice, from_slice_with};
pub use self::error::{Error, ErrorKind};
pub use self::limits::{Limits, MAX_DEPTH};
pub use self::ser::to_vec;
pub use self::time::{Date, DateTime, Time, TimeDelta, TimeZone};
pub use self::value::{Class, Made, Object, Value};
