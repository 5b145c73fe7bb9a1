//! The operations on many keys: pipelined, one exchange per server and batch, servers side by side on
//! the async half.

use cache_core::{Expiry, Key, Mode, Payload, Result};
use cache_net::{Call, RetrySafety};
use futures_util::future::join_all;
use memcache::exp::ReturnCode;

use crate::client::Client;
use crate::key::check_key;
use crate::operations::{LARGEST, is_too_large};
use crate::payload;
use crate::replies::Reply;
use crate::request::{Command, Request, Store};

/// A request for values stays below the size of the system's buffers: a server that cannot send its replies
/// reads no more requests.
const READ_BATCH_BYTES: usize = 64 * 1024;

/// A request with values has short replies, and is limited only to save memory.
const WRITE_BATCH_BYTES: usize = 1 << 20;

impl Client {
    pub(crate) async fn get_many(&self, mode: Mode, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        let call = self.start(mode);
        let command = |place: usize| Command::get(keys[place]);
        let groups = self.groups(keys.iter().copied())?;
        let batches = groups
            .iter()
            .map(|(server, places)| self.pipeline(call, *server, places, command, READ_BATCH_BYTES));
        let mut found: Vec<Option<Payload>> = (0..keys.len()).map(|_| None).collect();
        for ((server, places), replies) in groups.iter().zip(join_all(batches).await) {
            for (&place, reply) in places.iter().zip(replies?) {
                found[place] = self.value(*server, self.meta(*server, reply)?)?;
            }
        }
        Ok(found)
    }

    pub(crate) async fn set_many(
        &self,
        mode: Mode,
        entries: &[(Key<'_>, Payload)],
        expiry: Expiry,
    ) -> Result<Vec<usize>> {
        let call = self.start(mode);
        let exptime = self.exptime(expiry);
        let too_large = |place: usize| entries[place].1.bytes().len() > LARGEST;
        let command = |place: usize| {
            let (key, value) = &entries[place];
            // The value is not sent, but the older one is removed.
            if too_large(place) {
                return Command::delete(*key);
            }
            Command::set(*key, payload::write(value.clone()), exptime, Store::Always)
        };
        let groups = self.groups(entries.iter().map(|(key, _)| *key))?;
        let batches = groups
            .iter()
            .map(|(server, places)| self.pipeline(call, *server, places, command, WRITE_BATCH_BYTES));
        let mut failed = Vec::new();
        for ((server, places), replies) in groups.iter().zip(join_all(batches).await) {
            for (&place, reply) in places.iter().zip(replies?) {
                if too_large(place) || is_too_large(&reply) {
                    failed.push(place);
                } else if self.meta(*server, reply)?.rc != ReturnCode::Hd {
                    return Err(self.protocol_error(*server));
                }
            }
        }
        if !failed.is_empty() {
            failed.sort_unstable();
            let keys: Vec<Key<'_>> = failed.iter().map(|&place| entries[place].0).collect();
            self.delete_all(call, &keys).await?;
        }
        Ok(failed)
    }

    pub(crate) async fn delete_many(&self, mode: Mode, keys: &[Key<'_>]) -> Result<()> {
        self.delete_all(self.start(mode), keys).await
    }

    async fn delete_all(&self, call: Call, keys: &[Key<'_>]) -> Result<()> {
        let command = |place: usize| Command::delete(keys[place]);
        let groups = self.groups(keys.iter().copied())?;
        let batches = groups
            .iter()
            .map(|(server, places)| self.pipeline(call, *server, places, command, WRITE_BATCH_BYTES));
        for ((server, _), replies) in groups.iter().zip(join_all(batches).await) {
            for reply in replies? {
                let deleted = self.meta(*server, reply)?;
                if !matches!(deleted.rc, ReturnCode::Hd | ReturnCode::Nf) {
                    return Err(self.protocol_error(*server));
                }
            }
        }
        Ok(())
    }

    /// The places of `keys` by server. All keys are checked before anything is sent.
    fn groups<'k>(&self, keys: impl Iterator<Item = Key<'k>>) -> Result<Vec<(usize, Vec<usize>)>> {
        let mut groups: Vec<(usize, Vec<usize>)> =
            (0..self.servers.len()).map(|server| (server, Vec::new())).collect();
        for (place, key) in keys.enumerate() {
            check_key(key)?;
            groups[self.servers.pick(key.as_str())?].1.push(place);
        }
        groups.retain(|(_, places)| !places.is_empty());
        Ok(groups)
    }

    /// Sends the commands of `places` to one server, in requests of about `longest` bytes. Returns the
    /// replies in order.
    async fn pipeline(
        &self,
        call: Call,
        server: usize,
        places: &[usize],
        command: impl Fn(usize) -> Command + Send,
        longest: usize,
    ) -> Result<Vec<Reply>> {
        let mut replies = Vec::with_capacity(places.len());
        let mut request = Request::many();
        for (done, &place) in places.iter().enumerate() {
            request.push(command(place))?;
            if request.len >= longest || done + 1 == places.len() {
                let whole = std::mem::replace(&mut request, Request::many());
                replies.append(&mut self.send(call, server, &whole, RetrySafety::Idempotent).await?);
            }
        }
        Ok(replies)
    }
}
