//! The servers of a cache: where they are, which of them holds a key, and which are left out.

mod ejection;
mod hash;
mod location;
mod selection;

pub use self::ejection::Ejection;
pub(crate) use self::location::Servers;
pub(crate) use self::selection::ServerSet;
