//! Compare-and-swap loops: signed, checked `incr`, and `rename`.

use std::time::Duration;

use bytes::Bytes;
use cache_core::{Error, Key, Mode, Payload, Result};
use cache_net::{Call, RetrySafety};
use futures_util::future::join;
use memcache::exp::{MetaCommandResult, ReturnCode};

use crate::client::Client;
use crate::exptime;
use crate::key::check_key;
use crate::payload;
use crate::request::{Command, Request, Store};

/// The longest pause after a change that came too late, in microseconds. Pauses grow up to this.
const LONGEST_PAUSE: u64 = 2_000;

/// An item as it was read.
struct Item {
    flags: u32,
    data: Bytes,
    /// Changes with every write to it.
    cas: u64,
    /// The seconds that remain, or `None` if it never expires.
    seconds: Option<i64>,
    /// The place of its server.
    place: usize,
}

impl Client {
    pub(crate) async fn incr(&self, mode: Mode, key: Key<'_>, delta: i64) -> Result<i64> {
        check_key(key)?;
        let call = self.start(mode);
        for round in 0_u32.. {
            let Some(item) = self.item(call, key).await? else { break };
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
                let lifetime = self.lifetime(call, &item, item.place).await?;
                Command::set(key, value, lifetime, Store::Unchanged(item.cas))
            };
            let (place, changed) = self.ask_meta(call, key, command, RetrySafety::Once).await?;
            match changed.rc {
                ReturnCode::Hd => return Ok(sum),
                // Changed or gone in between: looked at again.
                ReturnCode::Ex | ReturnCode::Nf | ReturnCode::Ns => pause(call, round).await,
                _ => return Err(self.protocol_error(place)),
            }
        }
        Err(Error::key_not_found(key.as_str()))
    }

    /// Writes the new key and then removes the old one, each only if nobody else wrote it in between. If it
    /// fails half-way, the value is under one of the two.
    pub(crate) async fn rename(&self, mode: Mode, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        check_key(from)?;
        check_key(to)?;
        let call = self.start(mode);
        // The CAS token of what this call made where nothing was.
        let mut made = None;
        for round in 0_u32.. {
            let (source, target) = join(self.item(call, from), self.cas_token(call, to)).await;
            let (source, target) = (source?, target?);
            let Some(source) = source else {
                // Removed by somebody else: what was made of it goes too.
                self.unmake(call, to, made).await?;
                break;
            };
            let exptime = self.lifetime(call, &source, self.servers.pick(to.as_str())?).await?;
            let value = (source.flags, source.data);
            let command = Command::set(to, value, exptime, Store::WithCas(target));
            let (place, written) = self.ask_meta(call, to, command, RetrySafety::Step).await?;
            match written.rc {
                ReturnCode::Hd => {}
                ReturnCode::Ex | ReturnCode::Nf | ReturnCode::Ns => {
                    pause(call, round).await;
                    continue;
                }
                _ => return Err(self.protocol_error(place)),
            }
            made = if target.is_none() || target == made { written.cas } else { None };
            let command = Command::delete_unchanged(from, source.cas);
            let (place, removed) = self.ask_meta(call, from, command, RetrySafety::Once).await?;
            match removed.rc {
                ReturnCode::Hd => return Ok(true),
                // Written in between: its newest value is what has to move. Or gone.
                ReturnCode::Ex | ReturnCode::Nf => pause(call, round).await,
                _ => return Err(self.protocol_error(place)),
            }
        }
        Ok(false)
    }

    /// Removes the entry that [`rename`](Self::rename) made, if it is unchanged.
    async fn unmake(&self, call: Call, to: Key<'_>, made: Option<u64>) -> Result<()> {
        if let Some(cas) = made {
            let command = Command::delete_unchanged(to, cas);
            self.ask_meta(call, to, command, RetrySafety::Step).await?;
        }
        Ok(())
    }

    /// Returns an item and the CAS token of this state of it.
    ///
    /// A server that counts also puts the new item's token on the old item, which others may be reading
    /// (`do_add_delta` of memcached 1.6). The old value then comes with the new token, and a change guarded
    /// by this token would build on an outdated value. So the token is asked for first, in the same
    /// exchange. If both tokens are equal, the old item was gone before the value was looked up.
    async fn item(&self, call: Call, key: Key<'_>) -> Result<Option<Item>> {
        let place = self.servers.pick(key.as_str())?;
        let mut request = Request::many();
        request.push(Command::get_cas(key))?;
        request.push(Command::get_whole(key))?;
        for round in 0_u32.. {
            let replies = self.send(call, place, &request, RetrySafety::Idempotent).await?;
            let mut replies = replies.into_iter().map(|reply| self.meta(place, reply));
            let (Some(before), Some(found), None) = (replies.next(), replies.next(), replies.next()) else {
                break;
            };
            let before = self.cas_token_in(place, &before?)?;
            let found = found?;
            let seconds = match (found.rc, found.ttl) {
                (ReturnCode::En, _) => return Ok(None),
                (ReturnCode::Va, Some(ttl)) => (ttl >= 0).then_some(ttl),
                _ => break,
            };
            let cas = self.required_cas(place, &found)?;
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
            pause(call, round).await;
        }
        Err(self.protocol_error(place))
    }

    async fn cas_token(&self, call: Call, key: Key<'_>) -> Result<Option<u64>> {
        let asked = self.ask_meta(call, key, Command::get_cas(key), RetrySafety::Idempotent);
        let (place, found) = asked.await?;
        self.cas_token_in(place, &found)
    }

    fn cas_token_in(&self, place: usize, found: &MetaCommandResult) -> Result<Option<u64>> {
        match found.rc {
            ReturnCode::En => Ok(None),
            ReturnCode::Hd => self.required_cas(place, found).map(Some),
            _ => Err(self.protocol_error(place)),
        }
    }

    fn required_cas(&self, place: usize, found: &MetaCommandResult) -> Result<u64> {
        found.cas.filter(|&cas| cas != 0).ok_or_else(|| {
            let server = self.servers.name(place);
            Error::storage(format!(
                "{server} does not number its items (it was started with -C), but incr and incr_version need the numbers"
            ))
        })
    }

    /// Returns the lifetime to send to the server at `place`, so that the item keeps its remaining time. A
    /// date counts on the server's own clock: taken from this machine's, it would shift by the difference of
    /// the clocks with every call.
    async fn lifetime(&self, call: Call, item: &Item, place: usize) -> Result<u32> {
        let Some(left) = item.seconds else { return Ok(exptime::NEVER) };
        // On another server the clock ticks at another moment within the second.
        let left = if place == item.place { left } else { left.saturating_add(1) };
        match exptime::relative(left) {
            Some(relative) => Ok(relative),
            None => Ok(exptime::date(self.seconds_at(call, place).await?, left)),
        }
    }
}

/// Lets others through after a change that came too late: not at all at first, then for longer, by a random
/// time, so that no two callers go on in step.
async fn pause(call: Call, round: u32) {
    if round > 0 {
        let most = (50 << round.min(16)).min(LONGEST_PAUSE);
        call.sleep(Duration::from_micros(fastrand::u64(..most))).await;
    }
}
