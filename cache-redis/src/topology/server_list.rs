//! [`ServerList`]: a primary and its replicas, as Django's `LOCATION` lists them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cache_core::{ErrorKind, Result};
use cache_net::Call;
use redis::Value;

use super::Access;
use crate::config::Config;
use crate::meanings;
use crate::node::{Node, new_node, value};
use crate::request::Request;
use crate::resp::Role;

/// How long a failed replica is skipped, in milliseconds.
const REST: u64 = 1000;

/// The first takes the writes; reads go to the others, if the list has any.
#[derive(Debug)]
pub(crate) struct ServerList {
    /// At least one.
    nodes: Vec<Arc<Node>>,
    made: Instant,
    /// Until when each is skipped, in milliseconds since `made`; 0 for one that has not failed.
    resting: Vec<AtomicU64>,
}

impl ServerList {
    pub(crate) fn new(config: &Config) -> Self {
        let nodes: Vec<_> =
            config.servers.iter().map(|server| new_node(server.clone(), Role::Any, config)).collect();
        let resting = nodes.iter().map(|_| AtomicU64::new(0)).collect();
        Self { nodes, made: Instant::now(), resting }
    }

    pub(crate) fn replicas(&self) -> &[Arc<Node>] {
        &self.nodes[1..]
    }

    pub(crate) fn close(&self) {
        self.nodes.iter().for_each(|node| node.close());
    }

    /// Returns the reply to `request`, and the node that gave it. A read that a replica cannot answer goes to the
    /// primary, in the rest of the call's time: a replica gets half of it.
    pub(crate) async fn call(
        &self,
        call: Call,
        access: Access,
        request: &Request,
    ) -> Result<(&Arc<Node>, Value)> {
        let primary = &self.nodes[0];
        if access == Access::Read
            && let Some(place) = self.replica()
        {
            let node = &self.nodes[place];
            match value(node.call(call.share(2), request, request.safety).await) {
                Ok(reply) if !meanings::is_elsewhere(&reply) => {
                    if self.resting[place].load(Ordering::Relaxed) != 0 {
                        self.resting[place].store(0, Ordering::Relaxed);
                    }
                    return Ok((node, reply));
                }
                Err(e) if e.kind() != ErrorKind::Unavailable => return Err(e),
                _ => {
                    tracing::debug!(target: "cache_redis", server = %node.protocol(), "a replica failed");
                    self.resting[place].store(self.now() + REST, Ordering::Relaxed);
                }
            }
        }
        Ok((primary, value(primary.call(call, request, request.safety).await)?))
    }

    /// Milliseconds since `made`, and one more: never 0.
    fn now(&self) -> u64 {
        u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX / 2) + 1
    }

    /// Returns a random replica that has not failed lately.
    fn replica(&self) -> Option<usize> {
        let count = self.nodes.len();
        let first = if count > 1 { fastrand::usize(1..count) } else { return None };
        (first..count).chain(1..first).find(|&place| self.is_awake(place))
    }

    /// Whether it may be asked. After a failure, one caller finds out whether it is back.
    fn is_awake(&self, place: usize) -> bool {
        let until = self.resting[place].load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        let now = self.now();
        let next = now + REST;
        until <= now
            && self.resting[place].compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
