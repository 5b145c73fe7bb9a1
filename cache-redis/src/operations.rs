//! [`Operations`]: every operation, written once for both halves.

use std::borrow::Cow;
use std::sync::Arc;

use cache_core::{Error, ErrorKind, Expiry, Info, Key, Mode, Payload, Presence, Result};
use cache_net::{Call, Limits, RetrySafety};
use redis::{ServerErrorKind, Value};

use crate::commands::{self, Store};
use crate::config::Config;
use crate::node::{Node, understand, value};
use crate::reply::{self, Counted, Wrong};
use crate::request::Request;
#[cfg(feature = "cluster")]
use crate::scripts;
use crate::scripts::{INCR, PERSIST, RENAME, Script};
use crate::topology::{Access, Topology};

/// Redis' own limit for a value, in bytes.
pub(crate) const LARGEST_VALUE: usize = 512 << 20;

#[derive(Debug)]
pub(crate) struct Operations {
    limits: Limits,
    topology: Topology,
}

impl Operations {
    pub(crate) fn new(config: Config) -> Self {
        Self { limits: config.limits, topology: Topology::new(config) }
    }

    /// Whether all keys are on one server, so that a script may name two of them.
    pub(crate) const fn is_one_place(&self) -> bool {
        self.topology.is_one_place()
    }

    fn call(&self, mode: Mode) -> Call {
        Call::new(mode, self.limits.operation_timeout)
    }

    /// Sends a request about `key` and reads the reply with `read`.
    async fn ask<T>(
        &self,
        call: Call,
        access: Access,
        key: Key<'_>,
        request: &Request,
        read: impl FnOnce(Value) -> Result<T, Wrong>,
    ) -> Result<T> {
        let (node, reply) = self.reply(call, access, key, request).await?;
        understand(&node, request, 0, read(reply))
    }

    /// Returns the reply to a request about `key`, and the node that gave it.
    async fn reply(
        &self,
        call: Call,
        access: Access,
        key: Key<'_>,
        request: &Request,
    ) -> Result<(Cow<'_, Arc<Node>>, Value)> {
        let reply = match &self.topology {
            Topology::List(servers) => {
                let reply = servers.call(call, access, request).await;
                reply.map(|(node, reply)| (Cow::Borrowed(node), reply))
            }
            Topology::Sentinel(sentinel) => {
                sentinel.call(call, request).await.map(|(node, reply)| (Cow::Owned(node), reply))
            }
            #[cfg(feature = "cluster")]
            Topology::Cluster(cluster) => {
                let reply = cluster.call(call, access, key, request).await;
                reply.map(|(node, reply)| (Cow::Owned(node), reply))
            }
        };
        reply.map_err(|e| if e.kind() == ErrorKind::OutcomeUnknown { e.with_key(key.as_str()) } else { e })
    }

    /// Calls a script by its name. A script that the server does not know (yet) is sent whole.
    async fn script<T>(
        &self,
        call: Call,
        script: &Script,
        keys: &[Key<'_>],
        argument: Option<&[u8]>,
        safety: RetrySafety,
        read: impl FnOnce(Value) -> Result<T, Wrong>,
    ) -> Result<T> {
        let Some(&first) = keys.first() else {
            return Err(Error::storage("a script without a key"));
        };
        let names: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
        let mut whole = false;
        loop {
            let request = Request::one(script.cmd(whole, &names, argument), safety);
            let (node, reply) = self.reply(call, Access::Write, first, &request).await?;
            let unknown =
                matches!(&reply, Value::ServerError(e) if e.kind() == Some(ServerErrorKind::NoScript));
            if whole || !unknown {
                return understand(&node, &request, 0, read(reply));
            }
            whole = true;
        }
    }

    pub(crate) async fn get(&self, mode: Mode, key: Key<'_>) -> Result<Option<Payload>> {
        let request = Request::one(commands::get(key), RetrySafety::Idempotent);
        self.ask(self.call(mode), Access::Read, key, &request, reply::payload).await
    }

    pub(crate) async fn has_key(&self, mode: Mode, key: Key<'_>) -> Result<bool> {
        let request = Request::one(commands::exists(key), RetrySafety::Idempotent);
        Ok(self.ask(self.call(mode), Access::Read, key, &request, reply::count).await? > 0)
    }

    pub(crate) async fn set(&self, mode: Mode, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.store(mode, Store::Always, key, &value, expiry).await.map(drop)
    }

    pub(crate) async fn add(&self, mode: Mode, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.store(mode, Store::Absent, key, &value, expiry).await
    }

    /// Returns false if `store` is `Absent` and the key exists.
    async fn store(
        &self,
        mode: Mode,
        store: Store,
        key: Key<'_>,
        value: &Payload,
        expiry: Expiry,
    ) -> Result<bool> {
        let (call, size) = (self.call(mode), value.bytes().len());
        if size > LARGEST_VALUE {
            self.forget(call, key).await?;
            return Err(Error::value_too_large(key.as_str(), size, LARGEST_VALUE));
        }
        let safety = if store == Store::Absent { RetrySafety::Once } else { RetrySafety::Idempotent };
        let request = Request::one(commands::set(store, key, value, expiry), safety);
        let stored = self.ask(call, Access::Write, key, &request, reply::stored).await;
        if let Err(e) = &stored
            && e.kind() == ErrorKind::ValueTooLarge
        {
            self.forget(call, key).await?;
        }
        stored.map_err(|e| if e.kind() == ErrorKind::ValueTooLarge { e.with_key(key.as_str()) } else { e })
    }

    pub(crate) async fn touch(&self, mode: Mode, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        let call = self.call(mode);
        let count = match commands::expire(key, expiry) {
            Some(cmd) => {
                let request = Request::one(cmd, RetrySafety::Idempotent);
                self.ask(call, Access::Write, key, &request, reply::count).await?
            }
            None => self.script(call, &PERSIST, &[key], None, RetrySafety::Idempotent, reply::count).await?,
        };
        Ok(count > 0)
    }

    pub(crate) async fn delete(&self, mode: Mode, key: Key<'_>) -> Result<bool> {
        let request = Request::one(commands::delete(key), RetrySafety::AnswerOnce);
        Ok(self.ask(self.call(mode), Access::Write, key, &request, reply::count).await? > 0)
    }

    /// Removes the old value of a `key` whose new one is too large.
    async fn forget(&self, call: Call, key: Key<'_>) -> Result<()> {
        let request = Request::one(commands::delete(key), RetrySafety::Idempotent);
        self.ask(call, Access::Write, key, &request, reply::count).await.map(drop)
    }

    pub(crate) async fn incr(&self, mode: Mode, key: Key<'_>, delta: i64) -> Result<i64> {
        let mut digits = itoa::Buffer::new();
        let delta = digits.format(delta);
        let (call, delta) = (self.call(mode), Some(delta.as_bytes()));
        match self.script(call, &INCR, &[key], delta, RetrySafety::Once, reply::counted).await? {
            Counted::Sum(sum) => Ok(sum),
            Counted::Absent => Err(Error::key_not_found(key.as_str())),
            Counted::NotAnInteger => Err(Error::not_an_integer(key.as_str())),
            Counted::Overflow => Err(Error::overflow(key.as_str())),
        }
    }

    pub(crate) async fn rename(&self, mode: Mode, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        let call = self.call(mode);
        #[cfg(feature = "cluster")]
        if self.topology.is_apart(from, to) {
            return self.move_across(call, from, to).await;
        }
        let both = [from, to];
        Ok(self.script(call, &RENAME, &both, None, RetrySafety::Once, reply::count).await? > 0)
    }

    /// Moves an entry between servers: copied first and removed then, so that nothing is lost
    /// half-way. What changes meanwhile is copied again.
    #[cfg(feature = "cluster")]
    async fn move_across(&self, call: Call, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        let safety = RetrySafety::Idempotent;
        let mut copied = false;
        loop {
            let read = self.script(call, &scripts::READ, &[from], None, safety, reply::read).await?;
            let Some((data, ttl)) = read else {
                return Ok(copied);
            };
            let request = Request::one(commands::set_raw(to, &data, ttl), safety);
            self.ask(call, Access::Write, to, &request, reply::stored).await?;
            copied = true;
            if self.script(call, &scripts::REMOVE, &[from], Some(&data), safety, reply::count).await? > 0 {
                return Ok(true);
            }
        }
    }

    pub(crate) async fn get_many(&self, mode: Mode, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        let Some(&first) = keys.first() else { return Ok(Vec::new()) };
        let call = self.call(mode);
        if !self.is_one_place() {
            let replies =
                self.topology.each(call, Access::Read, keys, |place| commands::get(keys[place])).await?;
            return replies.into_iter().map(|replied| replied.read(reply::payload)).collect();
        }
        let request = Request::one(commands::get_many(keys), RetrySafety::Idempotent);
        let (node, said) = self.reply(call, Access::Read, first, &request).await?;
        let values = understand(&node, &request, 0, reply::elements(said, keys.len()))?;
        values.into_iter().map(|value| understand(&node, &request, 0, reply::payload(value))).collect()
    }

    /// Returns the indexes of the entries that are too large.
    pub(crate) async fn set_many(
        &self,
        mode: Mode,
        entries: &[(Key<'_>, Payload)],
        expiry: Expiry,
    ) -> Result<Vec<usize>> {
        let call = self.call(mode);
        let fits = |place: &usize| entries[*place].1.bytes().len() <= LARGEST_VALUE;
        let (sent, mut refused): (Vec<usize>, Vec<usize>) = (0..entries.len()).partition(fits);
        let make = |place: usize| {
            let (key, value) = &entries[sent[place]];
            commands::set(Store::Always, *key, value, expiry)
        };
        let keys: Vec<Key<'_>> = sent.iter().map(|&place| entries[place].0).collect();
        for (reply, &place) in
            self.topology.each(call, Access::Write, &keys, make).await?.into_iter().zip(&sent)
        {
            match reply.read(reply::stored) {
                Err(e) if e.kind() == ErrorKind::ValueTooLarge => refused.push(place),
                stored => stored.map(drop)?,
            }
        }
        for &place in &refused {
            self.forget(call, entries[place].0).await?;
        }
        Ok(refused)
    }

    pub(crate) async fn delete_many(&self, mode: Mode, keys: &[Key<'_>]) -> Result<()> {
        let Some(&first) = keys.first() else { return Ok(()) };
        let call = self.call(mode);
        if !self.is_one_place() {
            let replies =
                self.topology.each(call, Access::Write, keys, |place| commands::delete(keys[place])).await?;
            return replies.into_iter().try_for_each(|replied| replied.read(reply::count).map(drop));
        }
        let request = Request::one(commands::delete_many(keys), RetrySafety::Idempotent);
        self.ask(call, Access::Write, first, &request, reply::count).await.map(drop)
    }

    pub(crate) async fn clear(&self, mode: Mode) -> Result<()> {
        let request = Request::one(commands::clear(), RetrySafety::Idempotent);
        for (node, reply) in self.topology.primaries(self.call(mode), &request).await? {
            understand(&node, &request, 0, reply::okay(reply))?;
        }
        Ok(())
    }

    pub(crate) async fn entries(&self, mode: Mode) -> Result<u64> {
        self.count_entries(self.call(mode)).await
    }

    async fn count_entries(&self, call: Call) -> Result<u64> {
        let request = Request::one(commands::entries(), RetrySafety::Idempotent);
        let mut sum = 0;
        for (node, reply) in self.topology.primaries(call, &request).await? {
            sum += understand(&node, &request, 0, reply::count(reply))?;
        }
        Ok(sum)
    }

    /// Asks every server, including replicas, and tries the commands that calls need, on keys
    /// that are not there.
    pub(crate) async fn ping(&self, mode: Mode) -> Result<Presence> {
        let call = self.call(mode);
        let request = Request::many(commands::trials(true), RetrySafety::Idempotent);
        for (node, said) in self.topology.primaries(call, &request).await? {
            check_trials(&node, &request, said, !self.is_one_place())?;
        }
        for node in self.topology.replicas() {
            let request = Request::many(commands::trials(false), RetrySafety::Idempotent);
            check_trials(node, &request, value(node.call(call, &request, request.safety).await)?, false)?;
        }
        Ok(Presence::Exists)
    }

    pub(crate) async fn info(&self, mode: Mode) -> Result<Info> {
        let call = self.call(mode);
        let mut info = Info::default().with_entries(self.count_entries(call).await?);
        let request = Request::one(commands::info(), RetrySafety::Idempotent);
        for (node, reply) in self.topology.primaries(call, &request).await? {
            let said = understand(&node, &request, 0, reply::text(reply))?;
            reply::add_info(&mut info, &node.protocol().to_string(), &said);
        }
        Ok(info)
    }

    /// Closes the connections.
    pub(crate) fn close(&self) {
        self.topology.close();
    }
}

/// Checks the replies to the [`commands::trials`] in `request`.
fn check_trials(node: &Node, request: &Request, said: Value, in_cluster: bool) -> Result<()> {
    let replies = understand(node, request, 0, reply::elements(said, request.len()))?;
    for (place, said) in replies.into_iter().enumerate() {
        let tried = if place == 0 { reply::pong(said) } else { reply::tried(said, in_cluster) };
        understand(node, request, place, tried)?;
    }
    Ok(())
}
