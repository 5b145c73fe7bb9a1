//! [`Topology`]: which server is asked for a key.

#[cfg(feature = "cluster")]
mod cluster;
#[cfg(feature = "cluster")]
mod redirect;
mod sentinel;
mod server_list;
#[cfg(feature = "cluster")]
mod slot;
#[cfg(feature = "cluster")]
mod slot_map;

use std::sync::Arc;

use cache_core::{Key, Result};
use cache_net::{Call, RetrySafety};
use redis::{Cmd, Value};

#[cfg(feature = "cluster")]
pub(crate) use self::cluster::Cluster;
pub(crate) use self::sentinel::Sentinel;
pub(crate) use self::server_list::ServerList;
use crate::config::Config;
use crate::location::SentinelGroup;
use crate::node::{Node, Replied, understand};
use crate::reply;
use crate::request::Request;

/// Which servers may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// How the keys of a cache are spread over its servers.
#[derive(Debug)]
pub(crate) enum Topology {
    /// A primary, and its replicas.
    List(ServerList),
    /// The primary that sentinels name.
    Sentinel(Sentinel),
    #[cfg(feature = "cluster")]
    Cluster(Cluster),
}

impl Topology {
    pub(crate) fn new(config: Config) -> Self {
        #[cfg(feature = "cluster")]
        if config.cluster {
            return Self::Cluster(Cluster::new(config));
        }
        match config.sentinel.clone() {
            Some(SentinelGroup { name, sentinels }) => Self::Sentinel(Sentinel::new(config, name, sentinels)),
            None => Self::List(ServerList::new(&config)),
        }
    }

    /// Whether all keys are on one server, so that a command may name several of them.
    pub(crate) const fn is_one_place(&self) -> bool {
        matches!(self, Self::List(_) | Self::Sentinel(_))
    }

    /// Returns the replies to a command for each key, sent in one go to each server. If all keys are on one server,
    /// reads go to its primary, too.
    #[cfg_attr(not(feature = "cluster"), allow(unused_variables, reason = "all keys are on one server"))]
    pub(crate) async fn each(
        &self,
        call: Call,
        access: Access,
        keys: &[Key<'_>],
        make: impl Fn(usize) -> Cmd + Send + Sync,
    ) -> Result<Vec<Replied>> {
        #[cfg(feature = "cluster")]
        if let Self::Cluster(cluster) = self {
            return cluster.each(call, access, keys, make).await;
        }
        let mut all = Vec::with_capacity(keys.len());
        // One that the server does not take ends the connection, and those behind it are sent again.
        while all.len() < keys.len() {
            let rest = all.len()..keys.len();
            let request = Request::many(rest.clone().map(&make), RetrySafety::Idempotent);
            let Some((node, reply)) = self.primaries(call, &request).await?.pop() else { break };
            let replies = understand(&node, &request, 0, reply::replies(reply, rest.len()))?;
            let request = Arc::new(request);
            all.extend(replies.into_iter().enumerate().map(|(place, value)| Replied {
                node: Arc::clone(&node),
                request: Arc::clone(&request),
                place,
                value,
            }));
        }
        Ok(all)
    }

    /// Returns the reply of each server that takes writes.
    pub(crate) async fn primaries(&self, call: Call, request: &Request) -> Result<Vec<(Arc<Node>, Value)>> {
        match self {
            Self::List(servers) => {
                let (node, reply) = servers.call(call, Access::Write, request).await?;
                Ok(vec![(Arc::clone(node), reply)])
            }
            Self::Sentinel(sentinel) => Ok(vec![sentinel.call(call, request).await?]),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.primaries(call, request).await,
        }
    }

    /// Returns the servers that only reads may go to, beside the [`primaries`](Self::primaries).
    pub(crate) fn replicas(&self) -> &[Arc<Node>] {
        match self {
            Self::List(servers) => servers.replicas(),
            _ => &[],
        }
    }

    /// Whether the keys lie on different servers of a cluster, or may do so.
    #[cfg(feature = "cluster")]
    pub(crate) fn is_apart(&self, one: Key<'_>, other: Key<'_>) -> bool {
        !self.is_one_place() && !slot::is_one_slot(one, other)
    }

    /// Closes the connections.
    pub(crate) fn close(&self) {
        match self {
            Self::List(servers) => servers.close(),
            Self::Sentinel(sentinel) => sentinel.close(),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.close(),
        }
    }
}

/// Whether a host named by a server is well-formed. It is shown in errors.
fn is_host(host: &str) -> bool {
    host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:%".contains(&b)) && !host.is_empty()
}
