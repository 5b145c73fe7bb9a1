//! [`Client`]: every operation, written once for both halves.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_core::{Error, ErrorKind, Expiry, Info, Key, Payload, Result, Way};
use redis::{Cmd, ServerErrorKind, Value};

use crate::call::Call;
#[cfg(feature = "cluster")]
use crate::cluster::Cluster;
use crate::commands::{self, Counted, Put, Request, Twice};
use crate::node::Node;
use crate::options::Settings;
use crate::scripts::{INCR, PERSIST, RENAME, Script};

/// Redis' own limit of a value's bytes.
pub(crate) const LARGEST_VALUE: usize = 512 << 20;

#[derive(Debug)]
pub(crate) struct Client {
    operation_timeout: Duration,
    layout: Layout,
}

#[derive(Debug)]
enum Layout {
    /// The first takes the writes; reads go to the others where there are any.
    Servers(Vec<Arc<Node>>),
    #[cfg(feature = "cluster")]
    Cluster(Cluster),
}

/// Which servers may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl Client {
    pub(crate) fn new(settings: Settings) -> Self {
        let operation_timeout = settings.operation_timeout;
        #[cfg(feature = "cluster")]
        if settings.cluster {
            return Self { operation_timeout, layout: Layout::Cluster(Cluster::new(settings)) };
        }
        let nodes = settings.servers.iter().map(|server| Arc::new(Node::new(server.clone(), &settings)));
        Self { operation_timeout, layout: Layout::Servers(nodes.collect()) }
    }

    /// Whether all keys are on one server, so that a script may name two of them.
    pub(crate) const fn is_one_place(&self) -> bool {
        matches!(self.layout, Layout::Servers(_))
    }

    fn call(&self, way: Way) -> Call {
        Call { way, deadline: Instant::now() + self.operation_timeout }
    }

    /// The reply to a request about `key`, and who gave it.
    async fn ask(
        &self,
        call: Call,
        access: Access,
        key: Key<'_>,
        request: &Request,
    ) -> Result<(Cow<'_, Arc<Node>>, Value)> {
        let reply = match &self.layout {
            Layout::Servers(nodes) => {
                let node = pick(nodes, access);
                let reply = node.ask(call, request).await;
                reply.map(|reply| (Cow::Borrowed(node), reply))
            }
            #[cfg(feature = "cluster")]
            Layout::Cluster(cluster) => {
                cluster.ask(call, key, request).await.map(|(node, reply)| (Cow::Owned(node), reply))
            }
        };
        reply.map_err(|e| if e.kind() == ErrorKind::OutcomeUnknown { e.with_key(key.as_str()) } else { e })
    }

    /// Calls a script by its name; one that the server does not know (yet) is sent whole.
    async fn script(
        &self,
        call: Call,
        script: &Script,
        keys: &[Key<'_>],
        argument: Option<&[u8]>,
        twice: Twice,
    ) -> Result<(Cow<'_, Arc<Node>>, Value)> {
        let Some(&first) = keys.first() else {
            return Err(Error::storage("a script without a key"));
        };
        let names: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
        let mut whole = false;
        loop {
            let request = Request::one(script.cmd(whole, &names, argument), twice);
            let (node, reply) = self.ask(call, Access::Write, first, &request).await?;
            let unknown =
                matches!(&reply, Value::ServerError(e) if e.kind() == Some(ServerErrorKind::NoScript));
            if whole || !unknown {
                return Ok((node, reply));
            }
            whole = true;
        }
    }

    pub(crate) async fn get(&self, way: Way, key: Key<'_>) -> Result<Option<Payload>> {
        let request = Request::one(commands::get(key), Twice::Harmless);
        let (node, reply) = self.ask(self.call(way), Access::Read, key, &request).await?;
        node.told(commands::payload(reply))
    }

    pub(crate) async fn has_key(&self, way: Way, key: Key<'_>) -> Result<bool> {
        let request = Request::one(commands::exists(key), Twice::Harmless);
        let (node, reply) = self.ask(self.call(way), Access::Read, key, &request).await?;
        Ok(node.told(commands::count(reply))? > 0)
    }

    /// False: `put` is `Add`, and something is there.
    pub(crate) async fn put(
        &self,
        way: Way,
        put: Put,
        key: Key<'_>,
        value: &Payload,
        expiry: Expiry,
    ) -> Result<bool> {
        let size = value.bytes().len();
        if size > LARGEST_VALUE {
            self.delete(way, key).await?;
            return Err(Error::value_too_large(key.as_str(), size, LARGEST_VALUE));
        }
        let twice = if put == Put::Add { Twice::Harmful } else { Twice::Harmless };
        let request = Request::one(commands::set(put, key, value, expiry), twice);
        let (node, reply) = self.ask(self.call(way), Access::Write, key, &request).await?;
        node.told(commands::stored(reply))
    }

    pub(crate) async fn touch(&self, way: Way, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        let call = self.call(way);
        let (node, reply) = match commands::expire(key, expiry) {
            Some(cmd) => {
                let request = Request::one(cmd, Twice::Harmless);
                self.ask(call, Access::Write, key, &request).await?
            }
            None => self.script(call, &PERSIST, &[key], None, Twice::Harmless).await?,
        };
        Ok(node.told(commands::count(reply))? > 0)
    }

    pub(crate) async fn delete(&self, way: Way, key: Key<'_>) -> Result<bool> {
        let request = Request::one(commands::delete(key), Twice::WrongAnswer);
        let (node, reply) = self.ask(self.call(way), Access::Write, key, &request).await?;
        Ok(node.told(commands::count(reply))? > 0)
    }

    pub(crate) async fn incr(&self, way: Way, key: Key<'_>, delta: i64) -> Result<i64> {
        let mut digits = itoa::Buffer::new();
        let delta = digits.format(delta);
        let (node, reply) =
            self.script(self.call(way), &INCR, &[key], Some(delta.as_bytes()), Twice::Harmful).await?;
        match node.told(commands::counted(reply))? {
            Counted::Sum(sum) => Ok(sum),
            Counted::Absent => Err(Error::key_not_found(key.as_str())),
            Counted::NotAnInteger => Err(Error::not_an_integer(key.as_str())),
            Counted::Overflow => Err(Error::overflow(key.as_str())),
        }
    }

    pub(crate) async fn rename(&self, way: Way, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        let call = self.call(way);
        #[cfg(feature = "cluster")]
        if let Layout::Cluster(cluster) = &self.layout
            && !crate::cluster::is_one_slot(from, to)
        {
            return cluster.move_across(call, from, to).await;
        }
        let (node, reply) = self.script(call, &RENAME, &[from, to], None, Twice::Harmful).await?;
        Ok(node.told(commands::count(reply))? > 0)
    }

    pub(crate) async fn get_many(&self, way: Way, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let call = self.call(way);
        match &self.layout {
            Layout::Servers(nodes) => {
                let node = pick(nodes, Access::Read);
                let request = Request::one(commands::get_many(keys), Twice::Harmless);
                let reply = node.ask(call, &request).await?;
                let values = node.told(commands::elements(reply, keys.len()))?;
                values.into_iter().map(|value| node.told(commands::payload(value))).collect()
            }
            #[cfg(feature = "cluster")]
            Layout::Cluster(cluster) => {
                let replies = cluster.each(call, keys, |place| commands::get(keys[place])).await?;
                replies.into_iter().map(|(node, reply)| node.told(commands::payload(reply))).collect()
            }
        }
    }

    /// The places of the entries that are too large.
    pub(crate) async fn set_many(
        &self,
        way: Way,
        entries: &[(Key<'_>, Payload)],
        expiry: Expiry,
    ) -> Result<Vec<usize>> {
        let fits = |value: &Payload| value.bytes().len() <= LARGEST_VALUE;
        let refused: Vec<usize> = (0..entries.len()).filter(|&place| !fits(&entries[place].1)).collect();
        for &place in &refused {
            self.delete(way, entries[place].0).await?;
        }
        let entries: Vec<&(Key<'_>, Payload)> = entries.iter().filter(|(_, value)| fits(value)).collect();
        let make = |place: usize| {
            let (key, value) = entries[place];
            commands::set(Put::Set, *key, value, expiry)
        };
        let keys: Vec<Key<'_>> = entries.iter().map(|(key, _)| *key).collect();
        for (node, reply) in self.each(self.call(way), &keys, make).await? {
            node.told(commands::stored(reply))?;
        }
        Ok(refused)
    }

    /// The replies to a command per key, sent in one go to each server.
    async fn each(
        &self,
        call: Call,
        keys: &[Key<'_>],
        make: impl Fn(usize) -> Cmd + Send + Sync,
    ) -> Result<Vec<(Arc<Node>, Value)>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        match &self.layout {
            Layout::Servers(nodes) => {
                let node = pick(nodes, Access::Write);
                let request = Request::many((0..keys.len()).map(make), Twice::Harmless);
                let reply = node.ask(call, &request).await?;
                let replies = node.told(commands::elements(reply, keys.len()))?;
                Ok(replies.into_iter().map(|reply| (Arc::clone(node), reply)).collect())
            }
            #[cfg(feature = "cluster")]
            Layout::Cluster(cluster) => cluster.each(call, keys, make).await,
        }
    }

    pub(crate) async fn delete_many(&self, way: Way, keys: &[Key<'_>]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let call = self.call(way);
        match &self.layout {
            Layout::Servers(nodes) => {
                let node = pick(nodes, Access::Write);
                let request = Request::one(commands::delete_many(keys), Twice::Harmless);
                let reply = node.ask(call, &request).await?;
                node.told(commands::count(reply)).map(drop)
            }
            #[cfg(feature = "cluster")]
            Layout::Cluster(cluster) => {
                for (node, reply) in cluster.each(call, keys, |place| commands::delete(keys[place])).await? {
                    node.told(commands::count(reply))?;
                }
                Ok(())
            }
        }
    }

    pub(crate) async fn clear(&self, way: Way) -> Result<()> {
        let request = Request::one(commands::clear(), Twice::Harmless);
        for (node, reply) in self.everywhere(self.call(way), &request).await? {
            node.told(commands::okay(reply))?;
        }
        Ok(())
    }

    pub(crate) async fn entries(&self, way: Way) -> Result<u64> {
        let request = Request::one(commands::entries(), Twice::Harmless);
        let mut sum = 0;
        for (node, reply) in self.everywhere(self.call(way), &request).await? {
            sum += node.told(commands::count(reply))?;
        }
        Ok(sum)
    }

    /// Asks every server, those that are only read from included.
    pub(crate) async fn ping(&self, way: Way) -> Result<()> {
        let request = Request::one(commands::ping(), Twice::Harmless);
        let call = self.call(way);
        match &self.layout {
            Layout::Servers(nodes) => {
                for node in nodes {
                    node.told(commands::pong(node.ask(call, &request).await?))?;
                }
            }
            #[cfg(feature = "cluster")]
            Layout::Cluster(cluster) => {
                for (node, reply) in cluster.everywhere(call, &request).await? {
                    node.told(commands::pong(reply))?;
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn info(&self, way: Way) -> Result<Info> {
        let mut info = Info { entries: Some(self.entries(way).await?), ..Info::default() };
        let request = Request::one(commands::info(), Twice::Harmless);
        for (node, reply) in self.everywhere(self.call(way), &request).await? {
            let said = node.told(commands::text(reply))?;
            commands::add_info(&mut info, &node.target.server.to_string(), &said);
        }
        Ok(info)
    }

    /// The reply of each server that takes writes.
    async fn everywhere(&self, call: Call, request: &Request) -> Result<Vec<(Arc<Node>, Value)>> {
        match &self.layout {
            Layout::Servers(nodes) => {
                let node = pick(nodes, Access::Write);
                Ok(vec![(Arc::clone(node), node.ask(call, request).await?)])
            }
            #[cfg(feature = "cluster")]
            Layout::Cluster(cluster) => cluster.everywhere(call, request).await,
        }
    }

    /// Closes the connections.
    pub(crate) fn close(&self) {
        match &self.layout {
            Layout::Servers(nodes) => nodes.iter().for_each(|node| node.close()),
            #[cfg(feature = "cluster")]
            Layout::Cluster(cluster) => cluster.close(),
        }
    }
}

/// As Django: writes to the first, reads to one of the others. There is at least one.
fn pick(nodes: &[Arc<Node>], access: Access) -> &Arc<Node> {
    let place = if access == Access::Write || nodes.len() == 1 { 0 } else { fastrand::usize(1..nodes.len()) };
    &nodes[place]
}
