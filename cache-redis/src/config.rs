//! [`Config`]: the checked settings of a cache.

use cache_net::Limits;

use crate::location::{SentinelGroup, Server};

#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// At least one. With sentinels it is one, whose address is not known yet.
    pub(crate) servers: Vec<Server>,
    pub(crate) sentinel: Option<SentinelGroup>,
    pub(crate) limits: Limits,
    #[cfg(feature = "tls")]
    pub(crate) tls: cache_net::tls::Tls,
    #[cfg(feature = "cluster")]
    pub(crate) cluster: bool,
    #[cfg(feature = "cluster")]
    pub(crate) read_from_replicas: bool,
}
