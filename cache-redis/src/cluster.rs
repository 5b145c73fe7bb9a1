//! [`Cluster`]: each key on the server that has its slot.
//!
//! Our own routing rather than the `redis` crate's cluster client: over the same connections, it
//! has the same deadlines, and both halves say the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::{Error, ErrorKind, Key, PerProcess, Result};
use futures_util::future::join_all;
use redis::{Cmd, ServerError, ServerErrorKind, Value};

use crate::call::Call;
use crate::commands::{self, Commands, Request, Twice, Wrong};
use crate::location::{Address, Server};
use crate::node::{Node, Replied};
use crate::options::Settings;
use crate::refusal;
use crate::scripts::{self, Script};

/// How often one command follows where it is sent: a cluster at rest sends it once.
const MOST_HOPS: usize = 5;

#[derive(Debug)]
pub(crate) struct Cluster {
    settings: Settings,
    /// The members named in the location.
    seeds: Vec<Arc<Node>>,
    map: PerProcess<Mutex<Arc<Map>>>,
}

/// Who has which slots.
#[derive(Debug, Default)]
struct Map {
    /// First and last slot, in order.
    ranges: Vec<(u16, u16, Arc<Node>)>,
    /// Replicas. One of them may have the slots of its primary when nobody else is left to say so.
    replicas: Vec<Arc<Node>>,
}

impl Map {
    fn owner(&self, slot: u16) -> Option<&Arc<Node>> {
        self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot)).map(|(_, _, node)| node)
    }

    /// Every server that has slots, once.
    fn nodes(&self) -> Vec<Arc<Node>> {
        let mut nodes: Vec<Arc<Node>> = Vec::new();
        for (_, _, node) in &self.ranges {
            if !nodes.iter().any(|known| Arc::ptr_eq(known, node)) {
                nodes.push(Arc::clone(node));
            }
        }
        nodes
    }
}

/// The slot of a key: CRC-16 of what stands in its first braces, or of all of it.
fn slot(key: Key<'_>) -> u16 {
    let key = key.as_bytes();
    let tag = key.iter().position(|&b| b == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|&b| b == b'}').filter(|&close| close > 0)?;
        Some(&rest[..close])
    });
    crc16(tag.unwrap_or(key)) % 16384
}

/// CRC-16/XMODEM.
fn crc16(data: &[u8]) -> u16 {
    data.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc: u16, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

pub(crate) fn is_one_slot(one: Key<'_>, other: Key<'_>) -> bool {
    slot(one) == slot(other)
}

/// Where a server sends a command instead.
enum Redirect {
    /// The slot has moved there for good.
    Moved(String),
    /// This once.
    Ask(String),
}

fn redirect(reply: &Value) -> Option<Redirect> {
    let Value::ServerError(e) = reply else { return None };
    let address = |e: &ServerError| e.details()?.split(' ').nth(1).map(str::to_owned);
    match e.kind()? {
        ServerErrorKind::Moved => address(e).map(Redirect::Moved),
        ServerErrorKind::Ask => address(e).map(Redirect::Ask),
        _ => None,
    }
}

impl Cluster {
    pub(crate) fn new(settings: Settings) -> Self {
        let seeds =
            settings.servers.iter().map(|seed| Arc::new(Node::new(seed.clone(), &settings))).collect();
        Self { seeds, map: PerProcess::default(), settings }
    }

    fn locked(&self) -> MutexGuard<'_, Arc<Map>> {
        self.map.get().lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn map(&self) -> Arc<Map> {
        Arc::clone(&self.locked())
    }

    /// All members known.
    fn known(&self) -> Vec<Arc<Node>> {
        let map = self.map();
        let mut nodes = map.nodes();
        for seed in map.replicas.iter().chain(&self.seeds) {
            if !nodes.iter().any(|node| node.target.server.address == seed.target.server.address) {
                nodes.push(Arc::clone(seed));
            }
        }
        nodes
    }

    /// The node at `host` and `port`, with the connections it has where it is known.
    fn node_at(&self, host: &str, port: u16, known: &[Arc<Node>]) -> Arc<Node> {
        let first = &self.settings.servers[0];
        let tls = matches!(first.address, Address::Tcp { tls: true, .. });
        let address = Address::Tcp { host: host.to_owned(), port, tls };
        let known = known.iter().find(|node| node.target.server.address == address);
        known.map_or_else(
            || Arc::new(Node::new(Server { address, ..first.clone() }, &self.settings)),
            Arc::clone,
        )
    }

    /// Asks the members who has which slots: `first` before the others, and those last that did not answer lately.
    /// Each has an even share of the time, so that one that is gone does not use up all of it.
    async fn refresh(&self, call: Call, first: Option<&Arc<Node>>) -> Result<Arc<Map>> {
        let known = self.known();
        let mut cmd = redis::cmd("CLUSTER");
        cmd.arg("SLOTS");
        let request = Request::one(cmd, Twice::Harmless);
        let mut members: Vec<&Arc<Node>> = first.into_iter().chain(&known).collect();
        members.sort_by_key(|node| node.is_suspect());
        let mut error = None;
        for (place, node) in members.iter().enumerate() {
            let told = match node.ask(call.share(members.len() - place), &request).await {
                Ok(reply) => {
                    let map = commands::understood(reply, |reply| self.read(reply, node, &known));
                    node.told(&request, map)
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

    /// Of `CLUSTER SLOTS`.
    fn read(&self, reply: Value, asked: &Node, known: &[Arc<Node>]) -> Option<Map> {
        let Value::Array(rows) = reply else { return None };
        let mut known = known.to_vec();
        let mut map = Map { ranges: Vec::with_capacity(rows.len()), replicas: Vec::new() };
        for row in rows {
            let Value::Array(row) = row else { return None };
            let [Value::Int(first), Value::Int(last), members @ ..] = row.as_slice() else { return None };
            for (place, member) in members.iter().enumerate() {
                let (host, port) = announced(member, asked)?;
                let node = self.node_at(&host, port, &known);
                known.push(Arc::clone(&node));
                if place == 0 {
                    map.ranges.push((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, node));
                } else {
                    map.replicas.push(node);
                }
            }
        }
        Some(map)
    }

    async fn owner(&self, call: Call, slot: u16) -> Result<Arc<Node>> {
        let known = self.map().owner(slot).map(Arc::clone);
        // One that did not answer may be gone for good, and another have its slots by now.
        if let Some(node) = known.as_ref().filter(|node| !node.is_suspect()) {
            return Ok(Arc::clone(node));
        }
        let map = match (self.refresh(call.half(), None).await, known) {
            (Ok(map), _) => map,
            (Err(_), Some(node)) => return Ok(node),
            (Err(e), None) => return Err(e),
        };
        map.owner(slot).map(Arc::clone).ok_or_else(|| {
            Error::unavailable(format!("no member of the Redis Cluster has slot {slot}; see CLUSTER INFO"))
        })
    }

    /// The node that a redirection names; without a host, the one of the node that said so. A host of `?` says that
    /// the member has none to announce: then one that is known by its port.
    fn named(&self, address: &str, by: &Arc<Node>, request: &Request) -> Result<Arc<Node>> {
        let parsed =
            address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let Some((host, port)) = parsed.filter(|(host, _)| host.is_empty() || *host == "?" || is_host(host))
        else {
            return by.told(request, Err(Wrong::Shape));
        };
        let known = self.known();
        if host == "?" {
            let same = |node: &&Arc<Node>| matches!(node.target.server.address, Address::Tcp { port: one, .. } if one == port);
            if let Some(node) = known.iter().find(same) {
                return Ok(Arc::clone(node));
            }
        }
        let host = match &by.target.server.address {
            Address::Tcp { host: own, .. } if host.is_empty() || host == "?" => own,
            _ => host,
        };
        Ok(self.node_at(host, port, &known))
    }

    /// The reply to a request about `key`, from whoever has it.
    pub(crate) async fn ask(
        &self,
        call: Call,
        key: Key<'_>,
        request: &Request,
    ) -> Result<(Arc<Node>, Value)> {
        let slot = slot(key);
        let mut failed = false;
        let mut hops = 0;
        loop {
            let node = self.owner(call, slot).await?;
            let reply = match node.ask(call, request).await {
                // Another may have its slots by now. What it refused was not carried out.
                Ok(reply) if refusal::is_elsewhere(&reply) && !failed => {
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
                        && request.twice != Twice::WrongAnswer =>
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
        self.map().owner(slot).is_some_and(|owner| Arc::ptr_eq(owner, node))
    }

    /// The replies to a command per key, sent in one go to each server and to all of them at once.
    pub(crate) async fn each(
        &self,
        call: Call,
        keys: &[Key<'_>],
        make: impl Fn(usize) -> Cmd + Send + Sync,
    ) -> Result<Vec<Replied>> {
        let mut groups: BTreeMap<String, (Arc<Node>, Vec<usize>)> = BTreeMap::new();
        for (place, &key) in keys.iter().enumerate() {
            let node = self.owner(call, slot(key)).await?;
            let group = groups.entry(node.target.server.to_string()).or_insert_with(|| (node, Vec::new()));
            group.1.push(place);
        }
        let make = &make;
        let asked = groups.into_values().map(|(node, places)| async move {
            let request = Request::many(places.iter().map(|&place| make(place)), Twice::Harmless);
            let reply = node.ask(call, &request).await;
            let replies = reply.and_then(|reply| node.told(&request, commands::replies(reply, places.len())));
            (node, places, Arc::new(request), replies)
        });
        let mut all: Vec<Option<Replied>> = keys.iter().map(|_| None).collect();
        for (node, places, request, replies) in join_all(asked).await {
            let still_owner = |places: &[usize]| places.iter().any(|&p| self.is_owner(&node, slot(keys[p])));
            match replies {
                Ok(replies) => {
                    let refused = replies.iter().any(refusal::is_elsewhere);
                    if refused {
                        node.suspect();
                    }
                    // Singly they find out where their slots are now; so do those that stood behind one with which
                    // the server closed the connection.
                    let moved = refused && self.refresh(call, None).await.is_ok() && !still_owner(&places);
                    for (place, (&of, value)) in places.iter().zip(replies).enumerate() {
                        let final_ = redirect(&value).is_none() && !(moved && refusal::is_elsewhere(&value));
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
                    let request = Request::one(make(place), Twice::Harmless);
                    let (node, value) = self.ask(call, keys[place], &request).await?;
                    Replied { node, request: Arc::new(request), place: 0, value }
                }
            });
        }
        Ok(found)
    }

    /// The reply of every server that has slots.
    pub(crate) async fn everywhere(&self, call: Call, request: &Request) -> Result<Vec<(Arc<Node>, Value)>> {
        // Who has slots now: a server that was overlooked would keep its entries.
        let nodes = self.refresh(call, None).await?.nodes();
        let asked = nodes.into_iter().map(|node| async move {
            let reply = node.ask(call, request).await?;
            Ok((node, reply))
        });
        join_all(asked).await.into_iter().collect()
    }

    /// Moves an entry between servers: copied first and removed then, so that nothing is lost
    /// half-way. What changes meanwhile is copied again.
    pub(crate) async fn move_across(&self, call: Call, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        let mut copied = false;
        loop {
            let read = self.script(call, &scripts::READ, from, None, commands::read).await?;
            let Some((data, ttl)) = read else {
                return Ok(copied);
            };
            let request = Request::one(commands::set_raw(to, &data, ttl), Twice::Harmless);
            let (node, reply) = self.ask(call, to, &request).await?;
            node.told(&request, commands::stored(reply))?;
            copied = true;
            if self.script(call, &scripts::REMOVE, from, Some(&data), commands::count).await? > 0 {
                return Ok(true);
            }
        }
    }

    async fn script<T>(
        &self,
        call: Call,
        script: &Script,
        key: Key<'_>,
        argument: Option<&[u8]>,
        read: impl FnOnce(Value) -> Result<T, Wrong>,
    ) -> Result<T> {
        let request = Request::one(script.cmd(true, &[key.as_str()], argument), Twice::Harmless);
        let (node, reply) = self.ask(call, key, &request).await?;
        node.told(&request, read(reply))
    }

    pub(crate) fn close(&self) {
        self.known().iter().for_each(|node| node.close());
    }
}

/// Sends `request` with the word that lets a server answer for a slot that is on its way to it.
async fn asking(call: Call, node: &Arc<Node>, request: &Request) -> Result<Value> {
    let Commands::One(cmd) = &request.commands else {
        return node.told(request, Err(Wrong::Shape));
    };
    let both = Request::many([redis::cmd("ASKING"), cmd.clone()], request.twice);
    let mut replies = node.told(&both, commands::elements(node.ask(call, &both).await?, 2))?;
    node.told_at(&both, 1, replies.pop().ok_or(Wrong::Shape))
}

/// The host and port that a row of `CLUSTER SLOTS` gives for a member, told by `asked`.
fn announced(member: &Value, asked: &Node) -> Option<(String, u16)> {
    let Value::Array(member) = member else { return None };
    let [host, Value::Int(port), rest @ ..] = member.as_slice() else { return None };
    let host = match text(host) {
        // It is to announce a host name and has none: its address stands beside it.
        Some("?") => beside(rest, "ip").map(str::to_owned),
        Some(host) if !host.is_empty() => Some(host.to_owned()),
        _ => None,
    };
    // It does not know its own address: it is the one that was asked at.
    let host = host.unwrap_or_else(|| match &asked.target.server.address {
        Address::Tcp { host, .. } => host.clone(),
        Address::Unix(_) => "localhost".to_owned(),
    });
    is_host(&host).then_some((host, u16::try_from(*port).ok()?))
}

/// What is called `name` in the list behind a member's port and identity.
fn beside<'a>(rest: &'a [Value], name: &str) -> Option<&'a str> {
    let [_, Value::Array(more), ..] = rest else { return None };
    more.chunks_exact(2).find(|pair| text(&pair[0]) == Some(name)).and_then(|pair| text(&pair[1]))
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(text) => std::str::from_utf8(text).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// Whether a server's word for a host can be one. It is shown in errors.
fn is_host(host: &str) -> bool {
    host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:%".contains(&b)) && !host.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_as_redis_counts_them() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(b"") % 16384, 0);
    }
}
