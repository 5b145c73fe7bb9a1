//! [`Sentinel`]: the primary that Redis Sentinel names.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::{Error, ErrorKind, PerProcess, Result};
use cache_net::{Address, Call, RetrySafety};
use redis::Value;

use crate::config::Config;
use crate::location::Server;
use crate::meanings;
use crate::node::{Node, new_node, understand, value};
use crate::reply;
use crate::request::Request;
use crate::resp::Role;

/// A primary whose address several sentinels know. They are asked again when a connection no longer leads to a
/// primary, and when the primary does not answer.
#[derive(Debug)]
pub(crate) struct Sentinel {
    config: Config,
    /// What the sentinels call the primary.
    name: String,
    sentinels: Vec<Arc<Node>>,
    known: PerProcess<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    primary: Option<Arc<Node>>,
    /// The place of the sentinel that answered last: it is asked first.
    first: usize,
}

impl Sentinel {
    pub(crate) fn new(config: Config, name: String, sentinels: Vec<Server>) -> Self {
        let sentinels = sentinels.into_iter().map(|server| new_node(server, Role::Any, &config)).collect();
        Self { config, name, sentinels, known: PerProcess::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.get().lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the reply of the primary to `request`, and the primary.
    pub(crate) async fn call(&self, call: Call, request: &Request) -> Result<(Arc<Node>, Value)> {
        let known = self.known().primary.clone();
        let mut node = match known {
            Some(node) if !node.is_suspect() => node,
            suspect => self.find(call.share(2), suspect.as_ref()).await?,
        };
        let mut again = false;
        loop {
            let outcome = value(node.call(call, request, request.safety).await);
            let is_lost = match &outcome {
                // What it refused was not carried out.
                Ok(reply) => meanings::is_elsewhere(reply),
                // What must not be done twice was not sent, or the error were another.
                Err(e) => e.kind() == ErrorKind::Unavailable && request.safety != RetrySafety::AnswerOnce,
            };
            if again || !is_lost {
                return Ok((node, outcome?));
            }
            again = true;
            node.suspect();
            match self.find(call, Some(&node)).await {
                Ok(other) if !Arc::ptr_eq(&other, &node) => node = other,
                _ => return Ok((node, outcome?)),
            }
        }
    }

    /// Asks the sentinels for the primary, one after the other, each for an even share of the time. The first answer
    /// counts. If it is `failed`, the others are asked too, since one of them may know of a failover already.
    async fn find(&self, call: Call, failed: Option<&Arc<Node>>) -> Result<Arc<Node>> {
        let (first, count) = (self.known().first, self.sentinels.len());
        let mut error = None;
        let mut same = None;
        for asked in 0..count {
            let place = (first + asked) % count;
            match self.ask(call.share(count - asked), place).await {
                Ok(address) => {
                    let node = self.primary_at(address, place);
                    if failed.is_none_or(|failed| !Arc::ptr_eq(failed, &node)) {
                        return Ok(node);
                    }
                    same = Some(node);
                }
                Err(e) => error = Some(e),
            }
        }
        same.map(Ok).or(error.map(Err)).unwrap_or_else(|| Err(Error::unavailable("no sentinel is known")))
    }

    /// Asks the sentinel at `place`.
    async fn ask(&self, call: Call, place: usize) -> Result<Address> {
        let mut cmd = redis::cmd("SENTINEL");
        cmd.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name);
        let request = Request::one(cmd, RetrySafety::Idempotent);
        let node = &self.sentinels[place];
        let said = value(node.call(call, &request, request.safety).await)?;
        let address = understand(node, &request, 0, reply::understood(said, address))?;
        address.ok_or_else(|| {
            Error::rejected(format!(
                "the sentinel at {} does not know a primary called {:?}; see the name in the location, and `sentinel \
                 monitor` in the sentinels' settings",
                node.protocol(),
                self.name
            ))
        })
    }

    /// The node at `address`, which the sentinel at `place` named: the known one if it has this address.
    fn primary_at(&self, address: Address, place: usize) -> Arc<Node> {
        let mut known = self.known();
        known.first = place;
        match &known.primary {
            Some(node) if *node.address() == address => Arc::clone(node),
            _ => {
                let server = Server { address, ..self.config.servers[0].clone() };
                let node = new_node(server, Role::Primary, &self.config);
                tracing::info!(target: "cache_redis", server = %node.protocol(), "the sentinels name a primary");
                known.primary = Some(Arc::clone(&node));
                node
            }
        }
    }

    pub(crate) fn close(&self) {
        let primary = self.known().primary.take();
        self.sentinels.iter().chain(primary.iter()).for_each(|node| node.close());
    }
}

/// The reply of `SENTINEL GET-MASTER-ADDR-BY-NAME`: nil for an unknown name.
#[allow(clippy::option_option, reason = "a reply of another shape, and no address")]
fn address(reply: Value) -> Option<Option<Address>> {
    match reply {
        Value::Nil => Some(None),
        Value::Array(both) => match <[Value; 2]>::try_from(both).ok()? {
            [Value::BulkString(host), Value::BulkString(port)] => {
                let port = std::str::from_utf8(&port).ok()?.parse().ok()?;
                let host = String::from_utf8(host).ok().filter(|host| super::is_host(host))?;
                Some(Some(Address::Tcp { host, port }))
            }
            _ => None,
        },
        _ => None,
    }
}
