//! [`Plan`]: what a new key waits for in a full store, and the sum that decides it.

use super::State;
use super::record::{RECORD, ShardRecord, StateHeader, offset};
use crate::error::FsError;
use crate::native::limits::Limits;

/// What to do so that a new key finds a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// There is room.
    Room,
    /// List this shard.
    List(u32),
    /// Something in this shard has expired, as far as known, or it is this one's turn.
    Cull(u32),
}

impl State<'_> {
    /// Sets the total right, to the sum of what the shards hold. Reads all records, and so costs 30 µs
    /// at the most. A process killed between the total and a shard's count leaves the total wrong.
    pub(crate) fn add_up(&mut self) -> Result<(), FsError> {
        self.added_up().map(drop)
    }

    fn added_up(&mut self) -> Result<Vec<(u32, ShardRecord)>, FsError> {
        let mut bytes = vec![0; RECORD * self.header.shards as usize];
        self.read(offset(0), &mut bytes)?;
        let mut shards = Vec::with_capacity(self.header.shards as usize);
        let (mut total, mut unlisted) = (0, 0);
        for (index, record) in (0_u32..).zip(bytes.as_chunks::<RECORD>().0) {
            let Some(shard) = ShardRecord::decode(record, index) else { return self.renew() };
            if shard.is_listed() {
                total += u64::from(shard.count);
            } else {
                unlisted += 1;
            }
            shards.push((index, shard));
        }
        let header = StateHeader { total, unlisted, ..self.header };
        if header != self.header {
            self.write_header(header)?;
        }
        Ok(shards)
    }

    /// Decides what to do for a new key in the shard `own`. Adds up first; called only when the store is
    /// full or a shard unlisted.
    pub(crate) fn plan(&mut self, own: u32, now: i64, limits: Option<&Limits>) -> Result<Plan, FsError> {
        let shards = self.added_up()?;
        if let Some(&(first, _)) = shards.iter().find(|(_, shard)| !shard.is_listed()) {
            return Ok(Plan::List(first));
        }
        if limits.is_none_or(|limits| self.excess(limits).is_none()) {
            return Ok(Plan::Room);
        }
        let filled = || shards.iter().filter(|(_, shard)| shard.count > 0);
        // The shard that has waited longest, and where none has anything expired: this one, else
        // the next.
        let expired = filled().filter(|(_, s)| s.soonest <= now).min_by_key(|(i, s)| (s.soonest, *i != own));
        let turn = || filled().min_by_key(|(i, _)| i.wrapping_sub(own));
        Ok(expired.or_else(turn).map_or(Plan::Room, |&(index, _)| Plan::Cull(index)))
    }
}
