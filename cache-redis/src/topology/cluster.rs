//! [`Cluster`]: each key on the server that has its slot.
//!
//! This is not the `redis` crate's cluster client: routing over this crate's connections has the same
//! deadlines, and both halves give the same answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cache_core::{Error, ErrorKind, Key, PerProcess, Result};
use cache_net::{Address, Call, RetrySafety};
use futures_util::future::join_all;
use redis::{Cmd, Value};

use super::redirect::{Redirect, redirect};
use super::slot::slot;
use super::slot_map::SlotMap;
use super::{Access, is_host};
use crate::config::Config;
use crate::location::Server;
use crate::meanings;
use crate::node::{Node, Replied, new_node, understand, value};
use crate::reply::{self, Wrong};
use crate::request::{Commands, Request};
use crate::resp::Role;

/// How often one command follows redirections: a cluster at rest has none.
const MOST_HOPS: usize = 5;

/// How often the members are asked for their replicas if reads go there, in seconds.
const LOOK_EVERY: u64 = 10;

#[derive(Debug)]
pub(crate) struct Cluster {
    config: Config,
    /// The members named in the location.
    seeds: Vec<Arc<Node>>,
    map: PerProcess<Mutex<Arc<SlotMap>>>,
    made: Instant,
    /// When the members are asked for their replicas again, in seconds since `made`.
    next_look: AtomicU64,
}

impl Cluster {
    pub(crate) fn new(config: Config) -> Self {
        let seeds =
            config.servers.iter().map(|seed| new_node(seed.clone(), role(&config), &config)).collect();
        Self { seeds, map: PerProcess::default(), made: Instant::now(), next_look: AtomicU64::new(0), config }
    }

    fn locked(&self) -> MutexGuard<'_, Arc<SlotMap>> {
        self.map.get().lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn map(&self) -> Arc<SlotMap> {
        Arc::clone(&self.locked())
    }

    /// Returns all known members.
    fn known(&self) -> Vec<Arc<Node>> {
        let map = self.map();
        let mut nodes = map.primaries();
        for seed in map.replicas().chain(&self.seeds) {
            if !nodes.iter().any(|node| node.address() == seed.address()) {
                nodes.push(Arc::clone(seed));
            }
        }
        nodes
    }

    /// Returns the node at `host` and `port`: the known one with its connections, or a new one.
    fn node_at(&self, host: &str, port: u16, known: &[Arc<Node>]) -> Arc<Node> {
        let first = &self.config.servers[0];
        let address = Address::Tcp { host: host.to_owned(), port };
        let known = known.iter().find(|node| *node.address() == address);
        known.map_or_else(
            || new_node(Server { address, ..first.clone() }, role(&self.config), &self.config),
            Arc::clone,
        )
    }

    /// Asks the members which slots they have: `first` before the others, and last the ones that did not answer
    /// lately. Each gets an even share of the time, so that a dead one does not use up all of it.
    async fn refresh(&self, call: Call, first: Option<&Arc<Node>>) -> Result<Arc<SlotMap>> {
        let known = self.known();
        let mut cmd = redis::cmd("CLUSTER");
        cmd.arg("SLOTS");
        let request = Request::one(cmd, RetrySafety::Idempotent);
        let mut members: Vec<&Arc<Node>> = first.into_iter().chain(&known).collect();
        members.sort_by_key(|node| node.is_suspect());
        let mut error = None;
        for (place, node) in members.iter().enumerate() {
            let told =
                match value(node.call(call.share(members.len() - place), &request, request.safety).await) {
                    Ok(reply) => {
                        let map = reply::understood(reply, |reply| self.read(reply, node, &known));
                        understand(node, &request, 0, map)
                    }
                    Err(e) => Err(e),
                };
            match told {
                Ok(map) => {
                    let map = Arc::new(map);
                    *self.locked() = Arc::clone(&map);
                    return Ok(map);
                }
                Err(e) => error = Some(e),
            }
        }
        Err(error.unwrap_or_else(|| Error::unavailable("no member of the Redis Cluster is known")))
    }

    /// Reads the reply of `CLUSTER SLOTS`.
    fn read(&self, reply: Value, asked: &Node, known: &[Arc<Node>]) -> Option<SlotMap> {
        let mut known = known.to_vec();
        SlotMap::read(reply, asked, |host, port| {
            let node = self.node_at(host, port, &known);
            known.push(Arc::clone(&node));
            node
        })
    }

    async fn owner(&self, call: Call, slot: u16) -> Result<Arc<Node>> {
        let known = self.map().primary(slot).map(Arc::clone);
        // One that did not answer may be gone for good, and another have its slots by now.
        if let Some(node) = known.as_ref().filter(|node| !node.is_suspect()) {
            return Ok(Arc::clone(node));
        }
        let map = match (self.refresh(call.share(2), None).await, known) {
            (Ok(map), _) => map,
            (Err(_), Some(node)) => return Ok(node),
            (Err(e), None) => return Err(e),
        };
        map.primary(slot).map(Arc::clone).ok_or_else(|| {
            Error::unavailable(format!("no member of the Redis Cluster has slot {slot}; see CLUSTER INFO"))
        })
    }

    /// Returns the node that a redirection names; without a host, the host of the node that sent it. A host of `?`
    /// means that the member announces none: then a known node with its port.
    fn named(&self, address: &str, by: &Arc<Node>, request: &Request) -> Result<Arc<Node>> {
        let parsed =
            address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let Some((host, port)) = parsed.filter(|(host, _)| host.is_empty() || *host == "?" || is_host(host))
        else {
            return understand(by, request, 0, Err(Wrong::Shape));
        };
        let known = self.known();
        if host == "?" {
            let same =
                |node: &&Arc<Node>| matches!(node.address(), Address::Tcp { port: one, .. } if *one == port);
            if let Some(node) = known.iter().find(same) {
                return Ok(Arc::clone(node));
            }
        }
        let host = match by.address() {
            Address::Tcp { host: own, .. } if host.is_empty() || host == "?" => own,
            _ => host,
        };
        Ok(self.node_at(host, port, &known))
    }

    /// The reply to a request about `key`: from a replica where reads may go there, else from the owner of its
    /// slot.
    pub(crate) async fn call(
        &self,
        call: Call,
        access: Access,
        key: Key<'_>,
        request: &Request,
    ) -> Result<(Arc<Node>, Value)> {
        let slot = slot(key);
        if access == Access::Read && self.config.read_from_replicas {
            self.look_for_replicas(call).await;
            let replica = self.map().replica(slot, fastrand::usize(..)).map(Arc::clone);
            if let Some(node) = replica
                && let Ok(reply) = value(node.call(call.share(2), request, request.safety).await)
                && redirect(&reply).is_none()
                && !meanings::is_elsewhere(&reply)
            {
                return Ok((node, reply));
            }
        }
        self.call_primary(call, slot, request).await
    }

    /// Asks which members have which slots if that was long ago, because no redirection announces a new replica.
    /// One caller does so.
    async fn look_for_replicas(&self, call: Call) {
        let (now, due) = (self.made.elapsed().as_secs(), self.next_look.load(Ordering::Relaxed));
        let next = now + LOOK_EVERY;
        if now >= due
            && self.next_look.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            && let Err(e) = self.refresh(call.share(2), None).await
        {
            tracing::debug!(target: "cache_redis", error = %e, "the members of a cluster were not asked for replicas");
        }
    }

    async fn call_primary(&self, call: Call, slot: u16, request: &Request) -> Result<(Arc<Node>, Value)> {
        let mut failed = false;
        let mut hops = 0;
        loop {
            let node = self.owner(call, slot).await?;
            let reply = match value(node.call(call, request, request.safety).await) {
                // Another may have its slots by now. What it refused was not carried out.
                Ok(reply) if meanings::is_elsewhere(&reply) && !failed => {
                    failed = true;
                    node.suspect();
                    if self.refresh(call, None).await.is_err() || self.is_owner(&node, slot) {
                        return Ok((node, reply));
                    }
                    continue;
                }
                Ok(reply) => reply,
                // It may be gone for good, and another have its slots by now. What must not be
                // done twice was not sent, or the error were another.
                Err(e)
                    if e.kind() == ErrorKind::Unavailable
                        && !failed
                        && request.safety != RetrySafety::AnswerOnce =>
                {
                    failed = true;
                    if self.refresh(call, None).await.is_err() || self.is_owner(&node, slot) {
                        return Err(e);
                    }
                    continue;
                }
                Err(e) => return Err(e),
            };
            hops += 1;
            match redirect(&reply) {
                Some(Redirect::Moved(address)) if hops < MOST_HOPS => {
                    let there = self.named(&address, &node, request)?;
                    self.refresh(call, Some(&there)).await?;
                }
                Some(Redirect::Ask(address)) if hops < MOST_HOPS => {
                    let there = self.named(&address, &node, request)?;
                    let reply = asking(call, &there, request).await?;
                    if redirect(&reply).is_none() {
                        return Ok((there, reply));
                    }
                }
                Some(_) => {
                    return Err(Error::unavailable(
                        "the Redis Cluster keeps sending a command from server to server; its members \
                         disagree: see CLUSTER INFO",
                    ));
                }
                None => return Ok((node, reply)),
            }
        }
    }

    fn is_owner(&self, node: &Arc<Node>, slot: u16) -> bool {
        self.map().primary(slot).is_some_and(|owner| Arc::ptr_eq(owner, node))
    }

    /// Returns the replies to a command per key, sent in one go to each server and to all of them at once.
    pub(crate) async fn each(
        &self,
        call: Call,
        access: Access,
        keys: &[Key<'_>],
        make: impl Fn(usize) -> Cmd + Send + Sync,
    ) -> Result<Vec<Replied>> {
        let mut groups: BTreeMap<String, (Arc<Node>, Vec<usize>)> = BTreeMap::new();
        let number = fastrand::usize(..);
        if access == Access::Read && self.config.read_from_replicas {
            self.look_for_replicas(call).await;
        }
        for (place, &key) in keys.iter().enumerate() {
            let slot = slot(key);
            let may_be_replica = access == Access::Read && self.config.read_from_replicas;
            let replica = may_be_replica.then(|| self.map().replica(slot, number).map(Arc::clone)).flatten();
            let node = match replica {
                Some(node) => node,
                None => self.owner(call, slot).await?,
            };
            let group = groups.entry(node.protocol().to_string()).or_insert_with(|| (node, Vec::new()));
            group.1.push(place);
        }
        let make = &make;
        let asked = groups.into_values().map(|(node, places)| async move {
            let request = Request::many(places.iter().map(|&place| make(place)), RetrySafety::Idempotent);
            let reply = value(node.call(call, &request, request.safety).await);
            let replies =
                reply.and_then(|reply| understand(&node, &request, 0, reply::replies(reply, places.len())));
            (node, places, Arc::new(request), replies)
        });
        let mut all: Vec<Option<Replied>> = keys.iter().map(|_| None).collect();
        for (node, places, request, replies) in join_all(asked).await {
            let still_owner = |places: &[usize]| places.iter().any(|&p| self.is_owner(&node, slot(keys[p])));
            match replies {
                Ok(replies) => {
                    let refused = replies.iter().any(meanings::is_elsewhere);
                    if refused {
                        node.suspect();
                    }
                    // The keys are asked for singly to find where their slots are now, as are the requests behind
                    // one with which the server closed the connection.
                    let moved = refused && self.refresh(call, None).await.is_ok() && !still_owner(&places);
                    for (place, (&of, value)) in places.iter().zip(replies).enumerate() {
                        let final_ = redirect(&value).is_none() && !(moved && meanings::is_elsewhere(&value));
                        let (node, request) = (Arc::clone(&node), Arc::clone(&request));
                        all[of] = final_.then(|| Replied { node, request, place, value });
                    }
                }
                Err(e) if e.kind() == ErrorKind::Unavailable => {
                    if self.refresh(call, None).await.is_err() || still_owner(&places) {
                        return Err(e);
                    }
                }
                Err(e) => return Err(e),
            }
        }
        let mut found = Vec::with_capacity(keys.len());
        for (place, replied) in all.into_iter().enumerate() {
            found.push(match replied {
                Some(replied) => replied,
                None => {
                    let request = Request::one(make(place), RetrySafety::Idempotent);
                    let (node, value) = self.call_primary(call, slot(keys[place]), &request).await?;
                    Replied { node, request: Arc::new(request), place: 0, value }
                }
            });
        }
        Ok(found)
    }

    /// Returns the reply of every server that has slots.
    pub(crate) async fn primaries(&self, call: Call, request: &Request) -> Result<Vec<(Arc<Node>, Value)>> {
        // Who has slots now: a server that was overlooked would keep its entries.
        let nodes = self.refresh(call, None).await?.primaries();
        let asked = nodes.into_iter().map(|node| async move {
            let reply = value(node.call(call, request, request.safety).await)?;
            Ok((node, reply))
        });
        join_all(asked).await.into_iter().collect()
    }

    pub(crate) fn close(&self) {
        self.known().iter().for_each(|node| node.close());
    }
}

/// The role that the members must have. Even a primary accepts a connection that reads from replicas.
const fn role(config: &Config) -> Role {
    if config.read_from_replicas { Role::ClusterReplica } else { Role::Any }
}

/// Sends `request` after `ASKING`, which lets a server answer for a slot that is being moved to it.
async fn asking(call: Call, node: &Arc<Node>, request: &Request) -> Result<Value> {
    let Commands::One(cmd) = &request.commands else {
        return understand(node, request, 0, Err(Wrong::Shape));
    };
    let both = Request::many([redis::cmd("ASKING"), cmd.clone()], request.safety);
    let mut replies =
        understand(node, &both, 0, reply::elements(value(node.call(call, &both, both.safety).await)?, 2))?;
    understand(node, &both, 1, replies.pop().ok_or(Wrong::Shape))
}
