//! [`NewEntry`]: an entry's file before it is one.

use cache_core::Payload;

use super::entry::Encoded;
use super::paths::EntryName;
use super::shard::Shard;
use crate::error::FsError;
use crate::temp_file::TempFile;

/// Bodies up to this size are copied behind their head, to be written in one call.
const COPIED: usize = 64 * 1024;

/// An entry's file before it is one, with what may still change in it.
#[derive(Debug)]
pub(crate) struct NewEntry<'a> {
    file: TempFile<'a>,
    encoded: Encoded,
    deadline: i64,
}

impl<'a> NewEntry<'a> {
    pub(crate) fn write(
        shard: &'a Shard<'a>,
        key: &[u8],
        payload: &Payload,
        deadline: i64,
    ) -> Result<Self, FsError> {
        let body = payload.bytes();
        let copied = if body.len() <= COPIED { body.len() } else { 0 };
        let mut encoded = Encoded::new(key, payload, deadline, copied);
        let (near, far) = body.split_at(copied);
        let head_len = encoded.head.len();
        encoded.head.extend_from_slice(near);
        let file = TempFile::write(&shard.dir, [&encoded.head, far])?;
        encoded.head.truncate(head_len);
        Ok(Self { file, encoded, deadline })
    }

    pub(crate) const fn deadline(&self) -> i64 {
        self.deadline
    }

    /// Sets the deadline again: the wait for the lock must not shorten a lifetime.
    pub(crate) fn restamp(&mut self, deadline: i64) -> Result<(), FsError> {
        if deadline != self.deadline {
            let (slot, at) = self.encoded.restamped(deadline);
            self.file.overwrite(&slot, at)?;
            self.deadline = deadline;
        }
        Ok(())
    }

    /// Makes it the entry `name`, over what is `present` there, in one step. Under the lock.
    pub(crate) fn publish(&mut self, name: &EntryName, present: bool) -> Result<(), FsError> {
        self.file.publish(name.as_str(), present)
    }
}
