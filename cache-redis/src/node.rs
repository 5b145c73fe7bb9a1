//! [`Node`]: one server of a cache, and how its replies are read.

use std::sync::Arc;

use cache_core::Result;
use cache_net::CallError;
use redis::Value;

use crate::config::Config;
use crate::error::error;
use crate::location::Server;
use crate::replies::Answer;
use crate::reply::Wrong;
use crate::request::Request;
use crate::resp::{Resp, Role};

/// One server with its connections.
pub(crate) type Node = cache_net::Server<Resp>;

pub(crate) fn new_node(server: Server, role: Role, config: &Config) -> Arc<Node> {
    let address = server.address.clone();
    #[cfg(feature = "tls")]
    let tls = server.tls.then(|| config.tls.clone());
    let node = Node::new(Resp { server, role }, address, config.limits);
    #[cfg(feature = "tls")]
    let node = match tls {
        Some(tls) => node.with_tls(tls),
        None => node,
    };
    Arc::new(node)
}

/// Returns the reply that a call brought, which may be the server's own error.
pub(crate) fn value(outcome: Result<Answer, CallError>) -> Result<Value> {
    Ok(outcome?.into_value())
}

/// Reads the reply of `node` to the command at `place` in `request`. An error names both.
pub(crate) fn understand<T>(
    node: &Node,
    request: &Request,
    place: usize,
    understood: Result<T, Wrong>,
) -> Result<T> {
    understood.map_err(|wrong| error(wrong, &node.protocol().server, request, place))
}

/// The reply to one command of several.
pub(crate) struct Replied {
    pub(crate) node: Arc<Node>,
    pub(crate) request: Arc<Request>,
    /// Where the command stands in `request`.
    pub(crate) place: usize,
    pub(crate) value: Value,
}

impl Replied {
    /// Reads it with `read`.
    pub(crate) fn read<T>(self, read: impl FnOnce(Value) -> Result<T, Wrong>) -> Result<T> {
        understand(&self.node, &self.request, self.place, read(self.value))
    }
}
