//! One shard: its directory, its lock, and the temporary files through which entries appear.

use std::path::PathBuf;
use std::time::Duration;

use cache_core::Payload;
use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::entry::Encoded;
use crate::fs::{self, Fault, fault};
use crate::layout::{self, EntryName, Location};
use crate::lock;
use crate::read::{self, Depth, Found, Seen};
use crate::state::State;

/// Bodies up to this size are copied behind their head, to be written in one call.
const COPIED: usize = 64 * 1024;

/// A shard's directory, opened for one call: so its lock excludes every other call.
#[derive(Debug)]
pub(crate) struct Shard<'a> {
    pub(crate) location: &'a Location,
    pub(crate) index: u32,
    pub(crate) dir: OwnedFd,
    timeout: Duration,
}

impl<'a> Shard<'a> {
    pub(crate) const fn new(location: &'a Location, index: u32, dir: OwnedFd, timeout: Duration) -> Self {
        Self { location, index, dir, timeout }
    }

    fn dir_path(&self) -> PathBuf {
        self.location.shard_path(self.index)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir_path().join(name)
    }

    pub(crate) fn fault(&self, errno: Errno, doing: &str, name: &str) -> Fault {
        fault(errno, doing, &self.path(name))
    }

    /// Locks the shard against every other writer, until this value is dropped or unlocked.
    /// Does nothing where it is locked.
    pub(crate) fn lock(&self) -> Result<(), Fault> {
        lock::lock(&self.dir, &self.dir_path(), self.timeout)
    }

    pub(crate) fn unlock(&self) -> Result<(), Fault> {
        lock::unlock(&self.dir, &self.dir_path())
    }

    pub(crate) fn state(&self) -> Result<State<'a>, Fault> {
        State::open(self.location, self.timeout)
    }

    /// Whether an entry's file is there, good or not: what has a place.
    pub(crate) fn has_file(&self, name: &EntryName) -> Result<bool, Fault> {
        fs::is_file(&self.dir, name.as_str()).map_err(|e| self.fault(e, "look at", name.as_str()))
    }

    /// What is under a key, and its file.
    pub(crate) fn look(
        &self,
        name: &EntryName,
        key: &[u8],
        now: i64,
        depth: Depth,
        flags: OFlags,
    ) -> Result<Seen<(OwnedFd, Found)>, Fault> {
        let name = name.as_str();
        let file = match fs::open_file_at(&self.dir, name, flags) {
            Ok(file) => file,
            Err(errno) if is_no_entry(errno) => return Ok(Seen::Absent),
            Err(errno) => return Err(self.fault(errno, "open", name)),
        };
        let seen = read::entry(&file, key, now, depth).map_err(|e| self.fault(e, "read", name))?;
        Ok(seen.map(|found| (file, found)))
    }

    /// Removes an entry's file and gives its place back. Under the lock.
    pub(crate) fn remove(&self, name: &EntryName) -> Result<(), Fault> {
        let name = name.as_str();
        if fs::unlink(&self.dir, name).map_err(|e| self.fault(e, "remove", name))? {
            self.give_back(1);
        }
        Ok(())
    }

    /// Gives places back whose entries are gone. It happened, so a failure is not the caller's: a
    /// count too high is put right by the next listing.
    pub(crate) fn give_back(&self, places: u32) {
        let given = self.state().and_then(|mut state| state.give_back(self.index, places));
        if let Err(Fault::Failed(error)) = given {
            tracing::warn!(target: "cache_file", %error, "the count of entries is too high for now");
        }
    }
}

/// Whether an open failed because no entry of ours is there: nothing, or something planted.
pub(crate) const fn is_no_entry(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::ISDIR | Errno::NOTDIR)
}

/// A file that is not an entry yet; removed unless it was published.
///
/// It stays locked while its writer lives: a sweep can tell those that a killed process left.
#[derive(Debug)]
pub(crate) struct Temp<'a> {
    shard: &'a Shard<'a>,
    name: String,
    file: OwnedFd,
    encoded: Encoded,
    deadline: i64,
    published: bool,
}

impl<'a> Temp<'a> {
    pub(crate) fn write(
        shard: &'a Shard<'a>,
        key: &[u8],
        payload: &Payload,
        deadline: i64,
    ) -> Result<Self, Fault> {
        let body = payload.bytes();
        let copied = if body.len() <= COPIED { body.len() } else { 0 };
        let encoded = Encoded::new(key, payload, deadline, copied);
        let (name, file) = loop {
            let name = layout::temp_name();
            match fs::create_at(&shard.dir, &name) {
                Ok(file) if lock::try_lock(&file).map_err(|e| shard.fault(e, "lock", &name))? => {
                    break (name, file);
                }
                // A sweep found it before its lock: it removes it.
                Ok(_) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(shard.fault(errno, "make", &name)),
            }
        };
        let mut temp = Self { shard, name, file, encoded, deadline, published: false };
        temp.fill(body, copied).map_err(|e| shard.fault(e, "write", &temp.name))?;
        Ok(temp)
    }

    fn fill(&mut self, body: &[u8], copied: usize) -> Result<(), Errno> {
        let (near, far) = body.split_at(copied);
        let size = (self.encoded.head.len() + body.len()) as u64;
        preallocate(&self.file, size)?;
        let head_len = self.encoded.head.len();
        self.encoded.head.extend_from_slice(near);
        fs::write_all(&self.file, &self.encoded.head)?;
        self.encoded.head.truncate(head_len);
        fs::write_all(&self.file, far)
    }

    pub(crate) const fn deadline(&self) -> i64 {
        self.deadline
    }

    /// Sets the deadline anew: the wait for the lock must not shorten a lifetime.
    pub(crate) fn restamp(&mut self, deadline: i64) -> Result<(), Fault> {
        if deadline != self.deadline {
            let (slot, at) = self.encoded.restamped(deadline);
            fs::write_all_at(&self.file, &slot, at).map_err(|e| self.shard.fault(e, "write", &self.name))?;
            self.deadline = deadline;
        }
        Ok(())
    }

    /// Makes it the entry `name`, over whatever is there, in one step. Under the lock.
    pub(crate) fn publish(&mut self, name: &EntryName) -> Result<(), Fault> {
        let dir = &self.shard.dir;
        rustix::fs::renameat(dir, &self.name, dir, name.as_str())
            .map_err(|e| self.shard.fault(e, "put a new value in the place of", name.as_str()))?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Temp<'_> {
    fn drop(&mut self) {
        if !self.published {
            // Where even this fails, the next sweep of the shard removes it.
            let _ = fs::unlink(&self.shard.dir, &self.name);
        }
    }
}

/// Takes the blocks before the bytes come: a rename over a present file is then spared the flush
/// of delayed allocation that common file systems do for it, which is most of its cost.
#[cfg(target_os = "linux")]
fn preallocate(file: &OwnedFd, size: u64) -> Result<(), Errno> {
    use rustix::fs::{FallocateFlags, fallocate};
    match rustix::io::retry_on_intr(|| fallocate(file, FallocateFlags::empty(), 0, size)) {
        Err(Errno::NOTSUP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        done => done,
    }
}

#[cfg(not(target_os = "linux"))]
fn preallocate(_: &OwnedFd, _: u64) -> Result<(), Errno> {
    Ok(())
}
