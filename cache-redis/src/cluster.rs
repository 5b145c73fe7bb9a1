//! [`Cluster`]: each key on the server that has its slot.
//!
//! Our own routing rather than the `redis` crate's cluster client: over the same connections, it
//! has the same deadlines, and both halves say the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cache_core::{Error, ErrorKind, Key, Result};
use futures_util::future::join_all;
use redis::{Cmd, ServerError, ServerErrorKind, Value};

use crate::call::Call;
use crate::commands::{self, Commands, Request, Twice, Wrong};
use crate::location::{Address, Server};
use crate::node::Node;
use crate::options::Settings;
use crate::scripts::{self, Script};

/// How often one command follows where it is sent: a cluster at rest sends it once.
const MOST_HOPS: usize = 5;

#[derive(Debug)]
pub(crate) struct Cluster {
    settings: Settings,
    /// The members named in the location.
    seeds: Vec<Arc<Node>>,
    map: Mutex<Arc<Map>>,
}

/// Who has which slots.
#[derive(Debug, Default)]
struct Map {
    /// First and last slot, in order.
    ranges: Vec<(u16, u16, Arc<Node>)>,
}

impl Map {
    fn owner(&self, slot: u16) -> Option<&Arc<Node>> {
        self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot)).map(|(_, _, node)| node)
    }

    /// Every server once.
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
        Self { seeds, map: Mutex::default(), settings }
    }

    fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All members known.
    fn known(&self) -> Vec<Arc<Node>> {
        let mut nodes = self.map().nodes();
        for seed in &self.seeds {
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

    /// Asks the members, `first` before the others, who has which slots.
    async fn refresh(&self, call: Call, first: Option<&Arc<Node>>) -> Result<Arc<Map>> {
        let known = self.known();
        let mut cmd = redis::cmd("CLUSTER");
        cmd.arg("SLOTS");
        let request = Request::one(cmd, Twice::Harmless);
        let mut error = None;
        for node in first.into_iter().chain(known.iter()) {
            let told = match node.ask(call, &request).await {
                Ok(reply) => node.told(commands::understood(reply, |reply| self.read(reply, node, &known))),
                Err(e) => Err(e),
            };
            match told {
                Ok(map) => {
                    let map = Arc::new(map);
                    *self.map.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&map);
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
        let mut ranges = Vec::with_capacity(rows.len());
        for row in rows {
            let Value::Array(row) = row else { return None };
            let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = row.as_slice() else {
                return None;
            };
            let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
            let host = match host {
                Value::BulkString(host) if !host.is_empty() => String::from_utf8(host.clone()).ok()?,
                // It does not know its own address: it is the one that was asked at.
                _ => match &asked.target.server.address {
                    Address::Tcp { host, .. } => host.clone(),
                    Address::Unix(_) => "localhost".to_owned(),
                },
            };
            let node = self.node_at(&host, u16::try_from(*port).ok()?, &known);
            known.push(Arc::clone(&node));
            ranges.push((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, node));
        }
        Some(Map { ranges })
    }

    async fn owner(&self, call: Call, slot: u16) -> Result<Arc<Node>> {
        if let Some(node) = self.map().owner(slot) {
            return Ok(Arc::clone(node));
        }
        let map = self.refresh(call, None).await?;
        map.owner(slot).map(Arc::clone).ok_or_else(|| {
            Error::unavailable(format!("no member of the Redis Cluster has slot {slot}; see CLUSTER INFO"))
        })
    }

    /// The node that a redirection names; without a host, the one of the node that said so.
    fn named(&self, address: &str, by: &Arc<Node>) -> Result<Arc<Node>> {
        let parsed =
            address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let Some((host, port)) = parsed else {
            return by.told(Err(Wrong::Shape));
        };
        let host = match &by.target.server.address {
            Address::Tcp { host: own, .. } if host.is_empty() => own,
            _ => host,
        };
        Ok(self.node_at(host, port, &self.known()))
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
                    let there = self.named(&address, &node)?;
                    self.refresh(call, Some(&there)).await?;
                }
                Some(Redirect::Ask(address)) if hops < MOST_HOPS => {
                    let there = self.named(&address, &node)?;
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
    ) -> Result<Vec<(Arc<Node>, Value)>> {
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
            let replies = reply.and_then(|reply| node.told(commands::elements(reply, places.len())));
            (node, places, replies)
        });
        let mut all: Vec<Option<(Arc<Node>, Value)>> = vec![None; keys.len()];
        for (node, places, replies) in join_all(asked).await {
            match replies {
                Ok(replies) => {
                    for (place, reply) in places.into_iter().zip(replies) {
                        all[place] = redirect(&reply).is_none().then(|| (Arc::clone(&node), reply));
                    }
                }
                // Singly they find out where their slots are now.
                Err(e) if e.kind() == ErrorKind::Unavailable => {
                    if self.refresh(call, None).await.is_err()
                        || places.iter().any(|&p| self.is_owner(&node, slot(keys[p])))
                    {
                        return Err(e);
                    }
                }
                Err(e) => return Err(e),
            }
        }
        let mut found = Vec::with_capacity(keys.len());
        for (place, reply) in all.into_iter().enumerate() {
            found.push(match reply {
                Some(reply) => reply,
                None => self.ask(call, keys[place], &Request::one(make(place), Twice::Harmless)).await?,
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
            let (node, reply) = self.script(call, &scripts::READ, from, None).await?;
            let Some((data, ttl)) = node.told(commands::read(reply))? else {
                return Ok(copied);
            };
            let request = Request::one(commands::set_raw(to, &data, ttl), Twice::Harmless);
            let (node, reply) = self.ask(call, to, &request).await?;
            node.told(commands::stored(reply))?;
            copied = true;
            let (node, reply) = self.script(call, &scripts::REMOVE, from, Some(&data)).await?;
            if node.told(commands::count(reply))? > 0 {
                return Ok(true);
            }
        }
    }

    async fn script(
        &self,
        call: Call,
        script: &Script,
        key: Key<'_>,
        argument: Option<&[u8]>,
    ) -> Result<(Arc<Node>, Value)> {
        let request = Request::one(script.cmd(true, &[key.as_str()], argument), Twice::Harmless);
        self.ask(call, key, &request).await
    }

    pub(crate) fn close(&self) {
        self.known().iter().for_each(|node| node.close());
    }
}

/// Sends `request` with the word that lets a server answer for a slot that is on its way to it.
async fn asking(call: Call, node: &Arc<Node>, request: &Request) -> Result<Value> {
    let Commands::One(cmd) = &request.commands else {
        return node.told(Err(Wrong::Shape));
    };
    let both = Request::many([redis::cmd("ASKING"), cmd.clone()], request.twice);
    let replies = node.told(commands::elements(node.ask(call, &both).await?, 2))?;
    replies.into_iter().next_back().ok_or(Wrong::Shape).map_or_else(|wrong| node.told(Err(wrong)), Ok)
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
