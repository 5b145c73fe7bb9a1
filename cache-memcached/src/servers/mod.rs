//! The servers of a cache: where they are, which of them holds a key, and which are left out.

mod ejection;
mod location;
mod rendezvous;
mod server_set;

pub use self::ejection::EjectionPolicy;
pub(crate) use self::location::Servers;
pub(crate) use self::server_set::ServerSet;
