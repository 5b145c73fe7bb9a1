//! The operations on many keys: pipelined, one exchange per node and batch, nodes side by side on
//! the async half.

use cache_core::{Expiry, Key, Payload, Result};
use futures_util::future::join_all;
use memcache::exp::ReturnCode;

use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::errors;
use crate::node::Care;
use crate::ops::{LARGEST, is_too_large};
use crate::payload;
use crate::replies::Reply;
use crate::store::MemcachedCache;
use crate::wire::{Command, Request, Store, check_key};

/// A request for values stays below what the system's buffers hold on the way: a server that
/// cannot send its replies reads no more requests.
const LONGEST_ASKING: usize = 64 * 1024;

/// A request with values, whose replies are short, is only kept from taking much memory.
const LONGEST_TELLING: usize = 1 << 20;

impl MemcachedCache {
    pub(crate) async fn do_get_many<C: Connection>(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        let deadline = self.deadline();
        let command = |place: usize| Command::get(keys[place]);
        let groups = self.groups(keys.iter().copied())?;
        let asked = groups
            .iter()
            .map(|(node, places)| self.pipeline::<C>(*node, places, command, LONGEST_ASKING, deadline));
        let mut found: Vec<Option<Payload>> = (0..keys.len()).map(|_| None).collect();
        for ((node, places), replies) in groups.iter().zip(join_all(asked).await) {
            for (&place, reply) in places.iter().zip(replies?) {
                found[place] = self.value(*node, self.meta(*node, reply)?)?;
            }
        }
        Ok(found)
    }

    pub(crate) async fn do_set_many<C: Connection>(
        &self,
        entries: &[(Key<'_>, Payload)],
        expiry: Expiry,
    ) -> Result<Vec<usize>> {
        let deadline = self.deadline();
        let exptime = self.exptime(expiry);
        let too_large = |place: usize| entries[place].1.bytes().len() > LARGEST;
        let command = |place: usize| {
            let (key, value) = &entries[place];
            // Not sent at all, but what was there before goes.
            if too_large(place) {
                return Command::delete(*key);
            }
            Command::set(*key, payload::write(value.clone()), exptime, Store::Always)
        };
        let groups = self.groups(entries.iter().map(|(key, _)| *key))?;
        let told = groups
            .iter()
            .map(|(node, places)| self.pipeline::<C>(*node, places, command, LONGEST_TELLING, deadline));
        let mut failed = Vec::new();
        for ((node, places), replies) in groups.iter().zip(join_all(told).await) {
            for (&place, reply) in places.iter().zip(replies?) {
                if too_large(place) || is_too_large(&reply) {
                    failed.push(place);
                } else if self.meta(*node, reply)?.rc != ReturnCode::Hd {
                    return Err(self.misfit(*node));
                }
            }
        }
        if !failed.is_empty() {
            failed.sort_unstable();
            let keys: Vec<Key<'_>> = failed.iter().map(|&place| entries[place].0).collect();
            self.delete_all::<C>(&keys, deadline).await?;
        }
        Ok(failed)
    }

    pub(crate) async fn do_delete_many<C: Connection>(&self, keys: &[Key<'_>]) -> Result<()> {
        self.delete_all::<C>(keys, self.deadline()).await
    }

    async fn delete_all<C: Connection>(&self, keys: &[Key<'_>], deadline: Deadline) -> Result<()> {
        let command = |place: usize| Command::delete(keys[place]);
        let groups = self.groups(keys.iter().copied())?;
        let told = groups
            .iter()
            .map(|(node, places)| self.pipeline::<C>(*node, places, command, LONGEST_TELLING, deadline));
        for ((node, _), replies) in groups.iter().zip(join_all(told).await) {
            for reply in replies? {
                let deleted = self.meta(*node, reply)?;
                if !matches!(deleted.rc, ReturnCode::Hd | ReturnCode::Nf) {
                    return Err(self.misfit(*node));
                }
            }
        }
        Ok(())
    }

    /// Empties every node; all of them are told, whichever fails.
    pub(crate) async fn do_clear<C: Connection>(&self) -> Result<()> {
        let deadline = self.deadline();
        let request = Request::plain("flush_all\r\n");
        let told = self.ring.nodes.iter().map(|node| node.call::<C>(&request, Care::Idempotent, deadline));
        let mut outcome = Ok(());
        for (node, replies) in self.ring.nodes.iter().zip(join_all(told).await) {
            let done = match replies {
                Err(fault) => Err(errors::of_fault(&node.name, fault, &request, Care::Idempotent, None)),
                Ok(replies) => match replies.as_slice() {
                    [Reply::Line(line)] if line == "OK" => Ok(()),
                    _ => Err(errors::of_misfit(&node.name)),
                },
            };
            outcome = outcome.and(done);
        }
        outcome
    }

    /// The places of `keys` by node. All keys are checked before anything is sent.
    fn groups<'k>(&self, keys: impl Iterator<Item = Key<'k>>) -> Result<Vec<(usize, Vec<usize>)>> {
        let mut groups: Vec<(usize, Vec<usize>)> =
            (0..self.ring.nodes.len()).map(|node| (node, Vec::new())).collect();
        for (place, key) in keys.enumerate() {
            check_key(key)?;
            groups[self.ring.pick(key.as_str())?].1.push(place);
        }
        groups.retain(|(_, places)| !places.is_empty());
        Ok(groups)
    }

    /// Sends the commands of `places` to one node, in requests of about `longest` bytes; the
    /// replies in order.
    async fn pipeline<C: Connection>(
        &self,
        node: usize,
        places: &[usize],
        command: impl Fn(usize) -> Command + Send,
        longest: usize,
        deadline: Deadline,
    ) -> Result<Vec<Reply>> {
        let mut replies = Vec::with_capacity(places.len());
        let mut request = Request::many();
        for (done, &place) in places.iter().enumerate() {
            request.push(command(place))?;
            if request.bytes.len() >= longest || done + 1 == places.len() {
                let whole = std::mem::replace(&mut request, Request::many());
                replies.append(&mut self.call::<C>(node, &whole, Care::Idempotent, deadline, None).await?);
            }
        }
        Ok(replies)
    }
}
