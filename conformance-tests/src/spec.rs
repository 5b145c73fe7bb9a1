//! [`Spec`]: what the suite asks a backend to be opened with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cache_core::Clock;
use serde::{Deserialize, Serialize};

/// Where and how to open a backend. The same location must mean the same entries, and another
/// one other entries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// A name of its own for each location: for a named store, a table, a key prefix.
    pub location: String,
    /// A directory of the location's own, private and there: for a store on disk.
    pub dir: PathBuf,
    /// At most this many entries; `None` for no limit. For backends that evict.
    pub max_entries: Option<u64>,
    /// Whether the handle names the limits. False, in a suite that
    /// [remembers limits](crate::Suite::remembers_limits): open it without a word of any, as a program with incomplete settings does.
    pub names_limits: bool,
    /// One in this many entries goes when the store is full; 0 means all.
    pub cull_frequency: u32,
    /// Where the location's servers listen; [`servers`](crate::Suite::servers) sets how many. A check may
    /// have put a proxy in between.
    pub servers: Vec<SocketAddr>,
    /// How long connecting may take, and an operation, at most. For backends with servers.
    pub timeout: Duration,
    /// How many connections to a server there may be, and how long to wait for one is
    /// [`Spec::timeout`]. For backends with a pool.
    pub max_connections: usize,
    /// Where the time comes from. A manual clock only where the suite was told
    /// [`manual_clock`](crate::Suite::manual_clock).
    #[serde(skip)]
    pub clock: Clock,
}
