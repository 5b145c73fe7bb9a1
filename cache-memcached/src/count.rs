//! `incr` and `rename`: what memcached itself cannot do, built on its compare-and-swap.

use std::time::Duration;

use bytes::Bytes;
use cache_core::{Error, Key, Payload, Result};
use futures_util::future::join;
use memcache::exp::{MetaCommandResult, ReturnCode};

use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::exptime;
use crate::node::Care;
use crate::payload;
use crate::store::MemcachedCache;
use crate::wire::{Command, Request, Store, check_key};

/// The longest pause after a change that came too late, in microseconds; it grows up to there.
const LONGEST_PAUSE: u64 = 2_000;

/// An item as it was read.
struct Item {
    flags: u32,
    data: Bytes,
    /// Changes with every write to it.
    cas: u64,
    /// The seconds that remain; `None` is no expiry.
    seconds: Option<i64>,
    /// The node it is on.
    place: usize,
}

impl MemcachedCache {
    pub(crate) async fn do_incr<C: Connection>(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        check_key(key)?;
        let deadline = self.deadline();
        for round in 0_u32.. {
            let Some(item) = self.item::<C>(key, deadline).await? else { break };
            let Some(Payload::Int(number)) = payload::read(item.flags, item.data.clone(), self.max_inflated)
            else {
                return Err(Error::not_an_integer(key.as_str()));
            };
            let sum = number.checked_add(delta).ok_or_else(|| Error::overflow(key.as_str()))?;
            if delta == 0 {
                return Ok(number);
            }
            // The server's own arithmetic has no sign; it keeps the lifetime to the tick.
            let command = if sum >= 0 && payload::counts_natively(item.flags, &item.data) {
                Command::count(key, delta, item.cas)
            } else {
                let value = payload::write(Payload::Int(sum));
                let lifetime = self.lifetime::<C>(&item, item.place, deadline).await?;
                Command::set(key, value, lifetime, Store::Unchanged(item.cas))
            };
            let (place, changed) = self.ask_meta::<C>(key, command, Care::Exact, deadline).await?;
            match changed.rc {
                ReturnCode::Hd => return Ok(sum),
                // Changed or gone in between: looked at again.
                ReturnCode::Ex | ReturnCode::Nf | ReturnCode::Ns => pause::<C>(round).await,
                _ => return Err(self.misfit(place)),
            }
        }
        Err(Error::key_not_found(key.as_str()))
    }

    /// Writes the new key and then removes the old one, each only if nobody else wrote it in
    /// between: whatever fails half-way, the value is under one of the two.
    pub(crate) async fn do_rename<C: Connection>(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        check_key(from)?;
        check_key(to)?;
        let deadline = self.deadline();
        // The number of what this call made where nothing was.
        let mut made = None;
        for round in 0_u32.. {
            let (source, target) = join(self.item::<C>(from, deadline), self.number::<C>(to, deadline)).await;
            let (source, target) = (source?, target?);
            let Some(source) = source else {
                // Removed by somebody else: what was made of it goes too.
                self.unmake::<C>(to, made, deadline).await?;
                break;
            };
            let exptime = self.lifetime::<C>(&source, self.ring.pick(to.as_str())?, deadline).await?;
            let value = (source.flags, source.data);
            let command = Command::set(to, value, exptime, Store::Numbered(target));
            let (place, written) = self.ask_meta::<C>(to, command, Care::Part, deadline).await?;
            match written.rc {
                ReturnCode::Hd => {}
                ReturnCode::Ex | ReturnCode::Nf | ReturnCode::Ns => {
                    pause::<C>(round).await;
                    continue;
                }
                _ => return Err(self.misfit(place)),
            }
            made = if target.is_none() || target == made { written.cas } else { None };
            let command = Command::delete_unchanged(from, source.cas);
            let (place, removed) = self.ask_meta::<C>(from, command, Care::Exact, deadline).await?;
            match removed.rc {
                ReturnCode::Hd => return Ok(true),
                // Written in between: its newest value is what has to move. Or gone.
                ReturnCode::Ex | ReturnCode::Nf => pause::<C>(round).await,
                _ => return Err(self.misfit(place)),
            }
        }
        Ok(false)
    }

    /// Removes what [`do_rename`](Self::do_rename) made, if it is still that.
    async fn unmake<C: Connection>(&self, to: Key<'_>, made: Option<u64>, deadline: Deadline) -> Result<()> {
        if let Some(cas) = made {
            let command = Command::delete_unchanged(to, cas);
            self.ask_meta::<C>(to, command, Care::Part, deadline).await?;
        }
        Ok(())
    }

    /// An item and the number that this state of it has.
    ///
    /// A server that counts puts the new item's number on the old item as well, which others may
    /// be reading (`do_add_delta` of memcached 1.6): the old value then comes with the new number, and a
    /// change that hangs on this number is made of a value that is not there any more. So the number
    /// is asked for first, in the same exchange. Where both are the same, the old item was gone
    /// before the value was looked up.
    async fn item<C: Connection>(&self, key: Key<'_>, deadline: Deadline) -> Result<Option<Item>> {
        let place = self.ring.pick(key.as_str())?;
        let mut request = Request::many();
        request.push(Command::get_number(key))?;
        request.push(Command::get_whole(key))?;
        for round in 0_u32.. {
            let replies = self.call::<C>(place, &request, Care::Idempotent, deadline, Some(key)).await?;
            let mut replies = replies.into_iter().map(|reply| self.meta(place, reply));
            let (Some(before), Some(found), None) = (replies.next(), replies.next(), replies.next()) else {
                break;
            };
            let before = self.number_in(place, &before?)?;
            let found = found?;
            let seconds = match (found.rc, found.ttl) {
                (ReturnCode::En, _) => return Ok(None),
                (ReturnCode::Va, Some(ttl)) => (ttl >= 0).then_some(ttl),
                _ => break,
            };
            let cas = self.cas(place, &found)?;
            if before == Some(cas) {
                let flags = found.client_flags.unwrap_or(0);
                return Ok(Some(Item {
                    flags,
                    data: found.value.unwrap_or_default().into(),
                    cas,
                    seconds,
                    place,
                }));
            }
            pause::<C>(round).await;
        }
        Err(self.misfit(place))
    }

    async fn number<C: Connection>(&self, key: Key<'_>, deadline: Deadline) -> Result<Option<u64>> {
        let asked = self.ask_meta::<C>(key, Command::get_number(key), Care::Idempotent, deadline);
        let (place, found) = asked.await?;
        self.number_in(place, &found)
    }

    fn number_in(&self, place: usize, found: &MetaCommandResult) -> Result<Option<u64>> {
        match found.rc {
            ReturnCode::En => Ok(None),
            ReturnCode::Hd => self.cas(place, found).map(Some),
            _ => Err(self.misfit(place)),
        }
    }

    fn cas(&self, place: usize, found: &MetaCommandResult) -> Result<u64> {
        found.cas.filter(|&cas| cas != 0).ok_or_else(|| {
            let name = &self.ring.nodes[place].name;
            Error::storage(format!(
                "memcached server {name} gives items no number (it was started with -C), and without it \
                 incr and incr_version are not possible"
            ))
        })
    }

    /// What the node at `place` is told, so that the item lives there for as long as it had left.
    /// A date is one of that server's clock: by this machine's it would move by what the two differ
    /// with every call.
    async fn lifetime<C: Connection>(&self, item: &Item, place: usize, deadline: Deadline) -> Result<u32> {
        let Some(left) = item.seconds else { return Ok(exptime::NEVER) };
        // On another server the clock ticks at another moment within the second.
        let left = if place == item.place { left } else { left.saturating_add(1) };
        match exptime::relative(left) {
            Some(told) => Ok(told),
            None => Ok(exptime::date(self.seconds_at::<C>(place, deadline).await?, left)),
        }
    }
}

/// Lets others through after a change that came too late: at once at first, then for longer, and
/// by chance, so that no two go on in step.
async fn pause<C: Connection>(round: u32) {
    if round > 0 {
        let most = (50 << round.min(16)).min(LONGEST_PAUSE);
        C::pause(Duration::from_micros(fastrand::u64(..most))).await;
    }
}
