//! [`Client`]: every operation, written once for both halves.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_core::{Error, ErrorKind, Expiry, Info, Key, Payload, Result, Way};
use redis::{Cmd, ServerErrorKind, Value};

use crate::call::Call;
#[cfg(feature = "cluster")]
use crate::cluster::Cluster;
use crate::commands::{self, Commands, Counted, Put, Request, Twice, Wrong};
use crate::node::{Node, Replied};
use crate::options::Settings;
use crate::scripts::{INCR, PERSIST, RENAME, Script};
use crate::server_list::{Access, ServerList};

/// Redis' own limit of a value's bytes.
pub(crate) const LARGEST_VALUE: usize = 512 << 20;

#[derive(Debug)]
pub(crate) struct Client {
    operation_timeout: Duration,
    layout: Layout,
}

#[derive(Debug)]
enum Layout {
    Servers(ServerList),
    #[cfg(feature = "cluster")]
    Cluster(Cluster),
}

impl Client {
    pub(crate) fn new(settings: Settings) -> Self {
        let operation_timeout = settings.operation_timeout;
        #[cfg(feature = "cluster")]
        if settings.cluster {
            return Self { operation_timeout, layout: Layout::Cluster(Cluster::new(settings)) };
        }
        Self { operation_timeout, layout: Layout::Servers(ServerList::new(&settings)) }
    }

    /// Whether all keys are on one server, so that a script may name two of them.
    pub(crate) const fn is_one_place(&self) -> bool {
        matches!(self.layout, Layout::Servers(_))
    }

    fn call(&self, way: Way) -> Call {
        Call { way, deadline: Instant::now() + self.operation_timeout }
    }

    /// What `read` makes of the reply to a request about `key`.
    async fn ask<T>(
        &self,
        call: Call,
        access: Access,
        key: Key<'_>,
        request: &Request,
        read: impl FnOnce(Value) -> Result<T, Wrong>,
    ) -> Result<T> {
        let (node, reply) = self.reply(call, access, key, request).await?;
        node.told(request, read(reply))
    }

    /// The reply to a request about `key`, and who gave it.
    async fn reply(
        &self,
        call: Call,
        access: Access,
        key: Key<'_>,
        request: &Request,
    ) -> Result<(Cow<'_, Arc<Node>>, Value)> {
        let reply = match &self.layout {
            Layout::Servers(servers) => {
                let reply = servers.ask(call, access, request).await;
                reply.map(|(node, reply)| (Cow::Borrowed(node), reply))
            }
            #[cfg(feature = "cluster")]
            Layout::Cluster(cluster) => {
                cluster.ask(call, key, request).await.map(|(node, reply)| (Cow::Owned(node), reply))
            }
        };
        reply.map_err(|e| if e.kind() == ErrorKind::OutcomeUnknown { e.with_key(key.as_str()) } else { e })
    }

    /// Calls a script by its name; one that the server does not know (yet) is sent whole.
    async fn script<T>(
        &self,
        call: Call,
        script: &Script,
        keys: &[Key<'_>],
        argument: Option<&[u8]>,
        twice: Twice,
        read: impl FnOnce(Value) -> Result<T, Wrong>,
    ) -> Result<T> {
        let Some(&first) = keys.first() else {
            return Err(Error::storage("a script without a key"));
        };
        let names: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
        let mut whole = false;
        loop {
            let request = Request::one(script.cmd(whole, &names, argument), twice);
            let (node, reply) = self.reply(call, Access::Write, first, &request).await?;
            let unknown =
                matches!(&reply, Value::ServerError(e) if e.kind() == Some(ServerErrorKind::NoScript));
            if whole || !unknown {
                return node.told(&request, read(reply));
            }
            whole = true;
        }
    }

    pub(crate) async fn get(&self, way: Way, key: Key<'_>) -> Result<Option<Payload>> {
        let request = Request::one(commands::get(key), Twice::Harmless);
        self.ask(self.call(way), Access::Read, key, &request, commands::payload).await
    }

    pub(crate) async fn has_key(&self, way: Way, key: Key<'_>) -> Result<bool> {
        let request = Request::one(commands::exists(key), Twice::Harmless);
        Ok(self.ask(self.call(way), Access::Read, key, &request, commands::count).await? > 0)
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
        let (call, size) = (self.call(way), value.bytes().len());
        if size > LARGEST_VALUE {
            self.forget(call, key).await?;
            return Err(Error::value_too_large(key.as_str(), size, LARGEST_VALUE));
        }
        let twice = if put == Put::Add { Twice::Harmful } else { Twice::Harmless };
        let request = Request::one(commands::set(put, key, value, expiry), twice);
        let stored = self.ask(call, Access::Write, key, &request, commands::stored).await;
        if let Err(e) = &stored
            && e.kind() == ErrorKind::ValueTooLarge
        {
            self.forget(call, key).await?;
        }
        stored.map_err(|e| if e.kind() == ErrorKind::ValueTooLarge { e.with_key(key.as_str()) } else { e })
    }

    pub(crate) async fn touch(&self, way: Way, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        let call = self.call(way);
        let count = match commands::expire(key, expiry) {
            Some(cmd) => {
                let request = Request::one(cmd, Twice::Harmless);
                self.ask(call, Access::Write, key, &request, commands::count).await?
            }
            None => self.script(call, &PERSIST, &[key], None, Twice::Harmless, commands::count).await?,
        };
        Ok(count > 0)
    }

    pub(crate) async fn delete(&self, way: Way, key: Key<'_>) -> Result<bool> {
        let request = Request::one(commands::delete(key), Twice::WrongAnswer);
        Ok(self.ask(self.call(way), Access::Write, key, &request, commands::count).await? > 0)
    }

    /// Removes the old value of a `key` whose new one is too large.
    async fn forget(&self, call: Call, key: Key<'_>) -> Result<()> {
        let request = Request::one(commands::delete(key), Twice::Harmless);
        self.ask(call, Access::Write, key, &request, commands::count).await.map(drop)
    }

    pub(crate) async fn incr(&self, way: Way, key: Key<'_>, delta: i64) -> Result<i64> {
        let mut digits = itoa::Buffer::new();
        let delta = digits.format(delta);
        let (call, delta) = (self.call(way), Some(delta.as_bytes()));
        match self.script(call, &INCR, &[key], delta, Twice::Harmful, commands::counted).await? {
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
        let both = [from, to];
        Ok(self.script(call, &RENAME, &both, None, Twice::Harmful, commands::count).await? > 0)
    }

    pub(crate) async fn get_many(&self, way: Way, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let call = self.call(way);
        match &self.layout {
            Layout::Servers(servers) => {
                let request = Request::one(commands::get_many(keys), Twice::Harmless);
                let (node, reply) = servers.ask(call, Access::Read, &request).await?;
                let values = node.told(&request, commands::elements(reply, keys.len()))?;
                values.into_iter().map(|value| node.told(&request, commands::payload(value))).collect()
            }
            #[cfg(feature = "cluster")]
            Layout::Cluster(cluster) => {
                let replies = cluster.each(call, keys, |place| commands::get(keys[place])).await?;
                replies.into_iter().map(|reply| reply.read(commands::payload)).collect()
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
        let call = self.call(way);
        let fits = |place: &usize| entries[*place].1.bytes().len() <= LARGEST_VALUE;
        let (sent, mut refused): (Vec<usize>, Vec<usize>) = (0..entries.len()).partition(fits);
        let make = |place: usize| {
            let (key, value) = &entries[sent[place]];
            commands::set(Put::Set, *key, value, expiry)
        };
        let keys: Vec<Key<'_>> = sent.iter().map(|&place| entries[place].0).collect();
        for (reply, &place) in self.each(call, &keys, make).await?.into_iter().zip(&sent) {
            match reply.read(commands::stored) {
                Err(e) if e.kind() == ErrorKind::ValueTooLarge => refused.push(place),
                stored => stored.map(drop)?,
            }
        }
        for &place in &refused {
            self.forget(call, entries[place].0).await?;
        }
        Ok(refused)
    }

    /// The replies to a command per key, sent in one go to each server.
    async fn each(
        &self,
        call: Call,
        keys: &[Key<'_>],
        make: impl Fn(usize) -> Cmd + Send + Sync,
    ) -> Result<Vec<Replied>> {
        match &self.layout {
            Layout::Servers(servers) => {
                let mut all = Vec::with_capacity(keys.len());
                // One that the server does not take ends the connection, and those behind it are sent again.
                while all.len() < keys.len() {
                    let rest = all.len()..keys.len();
                    let request = Request::many(rest.clone().map(&make), Twice::Harmless);
                    let (node, reply) = servers.ask(call, Access::Write, &request).await?;
                    let replies = node.told(&request, commands::replies(reply, rest.len()))?;
                    let request = Arc::new(request);
                    all.extend(replies.into_iter().enumerate().map(|(place, value)| Replied {
                        node: Arc::clone(node),
                        request: Arc::clone(&request),
                        place,
                        value,
                    }));
                }
                Ok(all)
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
            Layout::Servers(servers) => {
                let request = Request::one(commands::delete_many(keys), Twice::Harmless);
                let (node, reply) = servers.ask(call, Access::Write, &request).await?;
                node.told(&request, commands::count(reply)).map(drop)
            }
            #[cfg(feature = "cluster")]
            Layout::Cluster(cluster) => {
                let replies = cluster.each(call, keys, |place| commands::delete(keys[place])).await?;
                replies.into_iter().try_for_each(|reply| reply.read(commands::count).map(drop))
            }
        }
    }

    pub(crate) async fn clear(&self, way: Way) -> Result<()> {
        let request = Request::one(commands::clear(), Twice::Harmless);
        for (node, reply) in self.everywhere(self.call(way), &request).await? {
            node.told(&request, commands::okay(reply))?;
        }
        Ok(())
    }

    pub(crate) async fn entries(&self, way: Way) -> Result<u64> {
        self.count_entries(self.call(way)).await
    }

    async fn count_entries(&self, call: Call) -> Result<u64> {
        let request = Request::one(commands::entries(), Twice::Harmless);
        let mut sum = 0;
        for (node, reply) in self.everywhere(call, &request).await? {
            sum += node.told(&request, commands::count(reply))?;
        }
        Ok(sum)
    }

    /// Asks every server, those that are only read from included, and tries the commands that calls need, on keys
    /// that are not there.
    pub(crate) async fn ping(&self, way: Way) -> Result<()> {
        let call = self.call(way);
        match &self.layout {
            Layout::Servers(servers) => {
                for (place, node) in servers.nodes().iter().enumerate() {
                    let request = Request::many(commands::trials(place == 0), Twice::Harmless);
                    probed(node, &request, node.ask(call, &request).await?, false)?;
                }
            }
            #[cfg(feature = "cluster")]
            Layout::Cluster(cluster) => {
                let request = Request::many(commands::trials(true), Twice::Harmless);
                for (node, reply) in cluster.everywhere(call, &request).await? {
                    probed(&node, &request, reply, true)?;
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn info(&self, way: Way) -> Result<Info> {
        let call = self.call(way);
        let mut info = Info::default().with_entries(self.count_entries(call).await?);
        let request = Request::one(commands::info(), Twice::Harmless);
        for (node, reply) in self.everywhere(call, &request).await? {
            let said = node.told(&request, commands::text(reply))?;
            commands::add_info(&mut info, &node.target.server.to_string(), &said);
        }
        Ok(info)
    }

    /// The reply of each server that takes writes.
    async fn everywhere(&self, call: Call, request: &Request) -> Result<Vec<(Arc<Node>, Value)>> {
        match &self.layout {
            Layout::Servers(servers) => {
                let (node, reply) = servers.ask(call, Access::Write, request).await?;
                Ok(vec![(Arc::clone(node), reply)])
            }
            #[cfg(feature = "cluster")]
            Layout::Cluster(cluster) => cluster.everywhere(call, request).await,
        }
    }

    /// Closes the connections.
    pub(crate) fn close(&self) {
        match &self.layout {
            Layout::Servers(servers) => servers.nodes().iter().for_each(|node| node.close()),
            #[cfg(feature = "cluster")]
            Layout::Cluster(cluster) => cluster.close(),
        }
    }
}

/// What came of the [`commands::trials`] in `request`.
fn probed(node: &Node, request: &Request, reply: Value, in_cluster: bool) -> Result<()> {
    let Commands::Many(trials) = &request.commands else { return Ok(()) };
    let replies = node.told(request, commands::elements(reply, trials.len()))?;
    for (place, reply) in replies.into_iter().enumerate() {
        let tried = if place == 0 { commands::pong(reply) } else { commands::tried(reply, in_cluster) };
        node.told_at(request, place, tried)?;
    }
    Ok(())
}
