//! [`Spec`]: how the suite wants a backend to be opened.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cache_core::Clock;
use serde::{Deserialize, Serialize};

/// Where and how to open a backend. The same location must mean the same entries, and another location other
/// entries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// A unique name for each location: for a named store, a table, a key prefix.
    pub location: String,
    /// The location's own directory, private and existing: for a store on disk.
    pub dir: PathBuf,
    /// At most this many entries; `None` for no limit. For backends that evict.
    pub max_entries: Option<u64>,
    /// Whether the handle names the limits. If false, in a suite that [remembers
    /// limits](crate::Suite::remembers_limits), open it without naming any, as a program with incomplete settings
    /// does.
    pub names_limits: bool,
    /// A full store evicts one in this many entries; 0 means all.
    pub cull_frequency: u32,
    /// Where the location's servers listen; [`servers`](crate::Suite::servers) sets how many. A check may
    /// have put a proxy in between.
    pub servers: Vec<SocketAddr>,
    /// The longest that connecting may take, and an operation. For backends with servers.
    pub timeout: Duration,
    /// The most connections to a server; [`Spec::timeout`] limits the wait for one. For backends with a pool.
    pub max_connections: usize,
    /// Where the time comes from. A manual clock only if the suite was told
    /// [`manual_clock`](crate::Suite::manual_clock).
    #[serde(skip)]
    pub clock: Clock,
}
