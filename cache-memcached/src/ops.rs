//! The operations on one key, written once for both halves of the API.

use bytes::Bytes;
use cache_core::{Error, ErrorKind, Expiry, Key, Payload, Result};
use memcache::exp::{MetaCommandResult, ReturnCode};

use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::errors;
use crate::exptime;
use crate::node::Care;
use crate::payload;
use crate::replies::Reply;
use crate::store::MemcachedCache;
use crate::wire::{Command, Request, Store, check_key};

/// No server takes an item beyond this, whatever it is told (`-I` ends there): it is not sent.
pub(crate) const LARGEST: usize = 1 << 30;

impl MemcachedCache {
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::start(self.limits)
    }

    pub(crate) fn exptime(&self, expiry: Expiry) -> u32 {
        exptime::of(expiry, self.clock.wall_ms())
    }

    /// Sends a request to the node at `place`; errors name it and `key`.
    pub(crate) async fn call<C: Connection>(
        &self,
        place: usize,
        request: &Request,
        care: Care,
        deadline: Deadline,
        key: Option<Key<'_>>,
    ) -> Result<Vec<Reply>> {
        self.ring.may_ask(place)?;
        let node = &self.ring.nodes[place];
        match node.call::<C>(request, care, deadline).await {
            Ok(replies) => {
                self.ring.answered(place);
                Ok(replies)
            }
            Err(fault) => {
                if fault.cause.is_out_of_reach() {
                    self.ring.failed(place);
                }
                Err(errors::of_fault(&node.name, fault, request, care, key))
            }
        }
    }

    /// Sends a command about `key` to its node; the reply, and the node's place.
    pub(crate) async fn ask<C: Connection>(
        &self,
        key: Key<'_>,
        command: Command,
        care: Care,
        deadline: Deadline,
    ) -> Result<(usize, Reply)> {
        let place = self.ring.pick(key.as_str())?;
        let request = Request::one(command)?;
        let mut replies = self.call::<C>(place, &request, care, deadline, Some(key)).await?;
        replies.pop().map(|reply| (place, reply)).ok_or_else(|| self.misfit(place))
    }

    /// The same, for a command that the server does or does not, and never refuses.
    pub(crate) async fn ask_meta<C: Connection>(
        &self,
        key: Key<'_>,
        command: Command,
        care: Care,
        deadline: Deadline,
    ) -> Result<(usize, MetaCommandResult)> {
        let (place, reply) = self.ask::<C>(key, command, care, deadline).await?;
        Ok((place, self.meta(place, reply)?))
    }

    pub(crate) fn meta(&self, place: usize, reply: Reply) -> Result<MetaCommandResult> {
        match reply {
            Reply::Meta(meta) => Ok(meta),
            Reply::Refused(reason) => Err(errors::of_refusal(&self.ring.nodes[place].name, &reason)),
            Reply::Line(_) => Err(self.misfit(place)),
        }
    }

    pub(crate) fn misfit(&self, place: usize) -> Error {
        errors::of_misfit(&self.ring.nodes[place].name)
    }

    /// What a found item means; a damaged one is a miss.
    pub(crate) fn value(&self, place: usize, found: MetaCommandResult) -> Result<Option<Payload>> {
        match found.rc {
            ReturnCode::En => Ok(None),
            ReturnCode::Va => {
                let data = Bytes::from(found.value.unwrap_or_default());
                Ok(payload::read(found.client_flags.unwrap_or(0), data, self.max_inflated))
            }
            _ => Err(self.misfit(place)),
        }
    }

    pub(crate) async fn do_get<C: Connection>(&self, key: Key<'_>) -> Result<Option<Payload>> {
        check_key(key)?;
        let asked = self.ask_meta::<C>(key, Command::get(key), Care::Idempotent, self.deadline());
        let (place, found) = asked.await?;
        self.value(place, found)
    }

    pub(crate) async fn do_set<C: Connection>(
        &self,
        key: Key<'_>,
        value: Payload,
        expiry: Expiry,
    ) -> Result<()> {
        self.store::<C>(key, value, expiry, Store::Always, Care::Idempotent).await.map(drop)
    }

    pub(crate) async fn do_add<C: Connection>(
        &self,
        key: Key<'_>,
        value: Payload,
        expiry: Expiry,
    ) -> Result<bool> {
        self.store::<C>(key, value, expiry, Store::Absent, Care::Exact).await
    }

    pub(crate) async fn do_touch<C: Connection>(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        check_key(key)?;
        let command = Command::touch(key, self.exptime(expiry));
        let asked = self.ask_meta::<C>(key, command, Care::Idempotent, self.deadline());
        let (place, touched) = asked.await?;
        self.done(place, &touched, ReturnCode::En)
    }

    pub(crate) async fn do_delete<C: Connection>(&self, key: Key<'_>) -> Result<bool> {
        check_key(key)?;
        // Sent a second time it would say "not found" of what the first has removed.
        let asked = self.ask_meta::<C>(key, Command::delete(key), Care::Once, self.deadline());
        let (place, deleted) = asked.await?;
        self.done(place, &deleted, ReturnCode::Nf)
    }

    pub(crate) async fn do_has_key<C: Connection>(&self, key: Key<'_>) -> Result<bool> {
        check_key(key)?;
        let asked = self.ask_meta::<C>(key, Command::has(key), Care::Idempotent, self.deadline());
        let (place, found) = asked.await?;
        self.done(place, &found, ReturnCode::En)
    }

    /// True for `HD`, false for `otherwise`.
    fn done(&self, place: usize, reply: &MetaCommandResult, otherwise: ReturnCode) -> Result<bool> {
        match reply.rc {
            ReturnCode::Hd => Ok(true),
            rc if rc == otherwise => Ok(false),
            _ => Err(self.misfit(place)),
        }
    }

    async fn store<C: Connection>(
        &self,
        key: Key<'_>,
        value: Payload,
        expiry: Expiry,
        store: Store,
        care: Care,
    ) -> Result<bool> {
        check_key(key)?;
        let deadline = self.deadline();
        let value = payload::write(value);
        let size = value.1.len();
        if size > LARGEST {
            return Err(self.too_large::<C>(key, size, deadline).await);
        }
        let command = Command::set(key, value, self.exptime(expiry), store);
        let (place, reply) = self.ask::<C>(key, command, care, deadline).await?;
        if is_too_large(&reply) {
            return Err(self.too_large::<C>(key, size, deadline).await);
        }
        let stored = self.meta(place, reply)?;
        self.done(place, &stored, ReturnCode::Ns)
    }

    /// The error of a value that is too large, when what was there before is gone.
    pub(crate) async fn too_large<C: Connection>(
        &self,
        key: Key<'_>,
        size: usize,
        deadline: Deadline,
    ) -> Error {
        // memcached itself removes it since 1.4; where that is so, nothing is there to remove.
        if let Err(e) = self.ask_meta::<C>(key, Command::delete(key), Care::Idempotent, deadline).await {
            return e;
        }
        let message = format!(
            "a value of {size} bytes is more than the memcached server takes; with the key, an item has at \
             most 1 MiB unless the server was started with -I"
        );
        Error::new(ErrorKind::ValueTooLarge, message).with_key(key.as_str())
    }
}

/// Whether the server refused a value for its size.
pub(crate) fn is_too_large(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(reason) if reason.contains("too large"))
}
