//! [`SlotMap`]: which member of a cluster has which slots, from `CLUSTER SLOTS`.

use std::sync::Arc;

use cache_net::Address;
use redis::Value;

use super::is_host;
use crate::node::Node;

/// Which nodes have which slots.
#[derive(Debug, Default)]
pub(super) struct SlotMap(Vec<Range>);

#[derive(Debug)]
struct Range {
    first: u16,
    last: u16,
    primary: Arc<Node>,
    /// One of them may have taken over the slots if no other member is left to say so.
    replicas: Vec<Arc<Node>>,
}

impl SlotMap {
    /// Reads the answer of `asked`. `node_at` gives the node at a host and port.
    pub(super) fn read(
        reply: Value,
        asked: &Node,
        mut node_at: impl FnMut(&str, u16) -> Arc<Node>,
    ) -> Option<Self> {
        let Value::Array(rows) = reply else { return None };
        let mut ranges = Vec::with_capacity(rows.len());
        for row in rows {
            let Value::Array(row) = row else { return None };
            let [Value::Int(first), Value::Int(last), members @ ..] = row.as_slice() else { return None };
            let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
            let mut nodes = Vec::with_capacity(members.len());
            for member in members {
                let (host, port) = announced(member, asked)?;
                nodes.push(node_at(&host, port));
            }
            // A range whose members are all unknown has nobody.
            if !nodes.is_empty() {
                let primary = nodes.remove(0);
                ranges.push(Range { first, last, primary, replicas: nodes });
            }
        }
        Some(Self(ranges))
    }

    fn range(&self, slot: u16) -> Option<&Range> {
        self.0.iter().find(|range| (range.first..=range.last).contains(&slot))
    }

    pub(super) fn primary(&self, slot: u16) -> Option<&Arc<Node>> {
        self.range(slot).map(|range| &range.primary)
    }

    /// Returns one of the replicas that answered when they were last asked, chosen by the caller's `number`.
    pub(super) fn replica(&self, slot: u16, number: usize) -> Option<&Arc<Node>> {
        let replicas = &self.range(slot)?.replicas;
        let count = replicas.len();
        (0..count).map(|place| &replicas[number.wrapping_add(place) % count]).find(|node| !node.is_suspect())
    }

    /// Returns every server that has slots, once.
    pub(super) fn primaries(&self) -> Vec<Arc<Node>> {
        let mut nodes: Vec<Arc<Node>> = Vec::new();
        for range in &self.0 {
            if !nodes.iter().any(|known| Arc::ptr_eq(known, &range.primary)) {
                nodes.push(Arc::clone(&range.primary));
            }
        }
        nodes
    }

    pub(super) fn replicas(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.0.iter().flat_map(|range| &range.replicas)
    }
}

/// Returns the host and port of a member in a row of `CLUSTER SLOTS` that `asked` sent.
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
    let host = host.unwrap_or_else(|| match asked.address() {
        Address::Tcp { host, .. } => host.clone(),
        Address::Unix(_) => "localhost".to_owned(),
    });
    is_host(&host).then_some((host, u16::try_from(*port).ok()?))
}

/// Returns the value of `name` in the list behind a member's port and identity.
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
