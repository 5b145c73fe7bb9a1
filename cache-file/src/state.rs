//! The state file: how many entries there are, so that nobody has to list to know.
//!
//! ```text
//!  0  header, 32 bytes            magic "RCFSTAT2", shards u16, unlisted u16, cull_frequency u32,
//!                                 total u48, max_entries u48, CRC-32
//! 32  one record of 32 bytes      count u32, inserts u32, soonest i64, index u32, evicted u64, CRC-32
//!     per shard
//! ```
//!
//! It is changed under its own short lock, always the last one taken. A place is taken before its
//! entry appears and given back after its file is gone, each under the shard's lock: a process
//! killed in between leaves a count too high, which the next listing of the shard puts right, or
//! only the total, which a sweep, a clear and a full store put right.
//!
//! The header remembers the limits, so that a handle that names none adopts them. A `max_entries` of 0 is that
//! nothing is remembered, and the largest number is no limit. An older version's header ("RCFSTAT1": shards u32,
//! unlisted u32, total u64) remembers nothing, and becomes one of these with the next change.
//!
//! What was evicted is counted in the record that a cull writes anyway. An older version writes a 0 there.
//!
//! A file that is missing or damaged is written anew with every existing shard "unlisted"; new
//! keys wait until each such shard was listed under its lock, which counts in everything that was
//! under way.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Culling, Error};
use cache_fs::{Directory, LockFile, create_file};
use rustix::fd::AsFd;
use rustix::fs::{FileType, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::entry::NEVER;
use crate::fs::{self, Fault, fault};
use crate::layout::{self, Location, STATE};
use crate::limits::Limits;

const MAGIC: [u8; 8] = *b"RCFSTAT2";
const OLDER: [u8; 8] = *b"RCFSTAT1";

/// No limit, as the number of 48 bits that it is in the header; what is larger is no limit either.
const UNLIMITED: u64 = (1 << 48) - 1;

const RECORD: usize = 32;
const SUMMED: usize = 28;

/// The count of a shard that must be listed before it is known.
const UNLISTED: u32 = u32::MAX;

/// A shard is swept after this many new keys at the earliest.
const FEWEST_INSERTS: u32 = 16;

/// How often to open the file again when it vanishes in between.
const ATTEMPTS: u32 = 100;

type Record = [u8; RECORD];

fn u32_at(record: &Record, at: usize) -> u32 {
    record.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(record: &Record, at: usize) -> u64 {
    record.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn u16_at(record: &Record, at: usize) -> u32 {
    u32_at(record, at) & 0xffff
}

fn u48_at(record: &Record, at: usize) -> u64 {
    u64_at(record, at) & UNLIMITED
}

fn sealed(mut record: Record) -> Record {
    let sum = crc32fast::hash(&record[..SUMMED]);
    record[SUMMED..].copy_from_slice(&sum.to_le_bytes());
    record
}

fn is_sealed(record: &Record) -> bool {
    u32_at(record, SUMMED) == crc32fast::hash(&record[..SUMMED])
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    shards: u32,
    unlisted: u32,
    total: u64,
    /// What the store remembers, if anything.
    limits: Option<Culling>,
}

impl Header {
    fn encode(self) -> Record {
        let mut record = [0; RECORD];
        record[..8].copy_from_slice(&MAGIC);
        let (shards, unlisted) = (self.shards.to_le_bytes(), self.unlisted.to_le_bytes());
        record[8..10].copy_from_slice(&shards[..2]);
        record[10..12].copy_from_slice(&unlisted[..2]);
        record[16..22].copy_from_slice(&self.total.min(UNLIMITED).to_le_bytes()[..6]);
        if let Some(limits) = self.limits {
            record[12..16].copy_from_slice(&limits.frequency().to_le_bytes());
            let most = limits.limit().unwrap_or(UNLIMITED).min(UNLIMITED);
            record[22..28].copy_from_slice(&most.to_le_bytes()[..6]);
        }
        sealed(record)
    }

    fn decode(record: &Record, size: u64) -> Option<Self> {
        let header = match record.first_chunk() {
            Some(&MAGIC) => Self {
                shards: u16_at(record, 8),
                unlisted: u16_at(record, 10),
                total: u48_at(record, 16),
                limits: remembered(u48_at(record, 22), u32_at(record, 12)),
            },
            Some(&OLDER) => Self {
                shards: u32_at(record, 8),
                unlisted: u32_at(record, 12),
                total: u64_at(record, 16),
                limits: None,
            },
            _ => return None,
        };
        let good =
            is_sealed(record) && layout::is_shard_count(header.shards) && header.unlisted <= header.shards;
        (good && size == file_size(header.shards)).then_some(header)
    }
}

fn remembered(max_entries: u64, frequency: u32) -> Option<Culling> {
    let limits = Culling::DEFAULT.cull_frequency(frequency);
    if max_entries == UNLIMITED { Some(limits.unlimited()) } else { limits.max_entries(max_entries).ok() }
}

const fn file_size(shards: u32) -> u64 {
    RECORD as u64 * (shards as u64 + 1)
}

const fn offset(shard: u32) -> u64 {
    RECORD as u64 * (shard as u64 + 1)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shard {
    count: u32,
    /// New keys since the last sweep.
    inserts: u32,
    /// No entry of the shard expires before this.
    soonest: i64,
    /// Entries that went to make room.
    evicted: u64,
}

impl Shard {
    const EMPTY: Self = Self { count: 0, inserts: 0, soonest: NEVER, evicted: 0 };
    const TO_LIST: Self = Self { count: UNLISTED, soonest: i64::MIN, ..Self::EMPTY };

    const fn is_listed(self) -> bool {
        self.count != UNLISTED
    }

    fn encode(self, index: u32) -> Record {
        let mut record = [0; RECORD];
        record[..4].copy_from_slice(&self.count.to_le_bytes());
        record[4..8].copy_from_slice(&self.inserts.to_le_bytes());
        record[8..16].copy_from_slice(&self.soonest.to_le_bytes());
        record[16..20].copy_from_slice(&index.to_le_bytes());
        record[20..28].copy_from_slice(&self.evicted.to_le_bytes());
        sealed(record)
    }

    fn decode(record: &Record, index: u32) -> Option<Self> {
        let shard = Self {
            count: u32_at(record, 0),
            inserts: u32_at(record, 4),
            soonest: u64_at(record, 8).cast_signed(),
            evicted: u64_at(record, 20),
        };
        (is_sealed(record) && u32_at(record, 16) == index).then_some(shard)
    }
}

/// What became of the wish for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Taken; `sweep` says that the shard is due.
    Taken { sweep: bool },
    /// The store is full; `over` says that it holds more than its limit.
    Full { over: bool },
    /// A shard must be listed first.
    Unlisted,
}

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

/// The state file, open and locked.
#[derive(Debug)]
pub(crate) struct State<'a> {
    file: LockFile,
    header: Header,
    location: &'a Location,
}

fn read_at(file: impl AsFd, at: u64, buffer: &mut [u8]) -> Result<bool, Errno> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match retry_on_intr(|| rustix::io::pread(&file, &mut *rest, at + done as u64))? {
            0 => return Ok(false),
            read => done += read,
        }
    }
    Ok(true)
}

fn read_header(file: impl AsFd, size: u64) -> Result<Option<Header>, Errno> {
    let mut record = [0; RECORD];
    Ok(if read_at(file, 0, &mut record)? { Header::decode(&record, size) } else { None })
}

/// The size of a state file, checked to be one; `None` where it was unlinked meanwhile.
fn size_of_file(file: impl AsFd, path: &Path) -> Result<Option<u64>, Fault> {
    let stat = rustix::fs::fstat(file).map_err(|e| fault(e, "look at", path))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        let path = path.display();
        return Err(
            Error::storage(format!("{path} is not a file: remove it, the cache makes its own")).into()
        );
    }
    if stat.st_nlink > 1 {
        let path = path.display();
        return Err(Error::storage(format!(
            "{path} is a hard link to a file that may be anybody's: remove it, the cache makes its own"
        ))
        .into());
    }
    Ok((stat.st_nlink > 0).then_some(u64::try_from(stat.st_size).unwrap_or(0)))
}

/// How many shards the store under `root` has; `None` where no good state file says so. No lock.
pub(crate) fn shards(root: &Directory) -> Result<Option<u32>, Fault> {
    let path = layout::state_path(root);
    let file = match fs::open(root, STATE, OFlags::RDONLY) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(fault(errno, "open", &path)),
    };
    let Some(size) = size_of_file(&file, &path)? else { return Ok(None) };
    let header = read_header(&file, size).map_err(|e| fault(e, "read", &path))?;
    Ok(header.map(|header| header.shards))
}

/// The limits that the store under `root` remembers, if it does. No lock.
pub(crate) fn limits(root: &Directory) -> Option<Culling> {
    let file = fs::open(root, STATE, OFlags::RDONLY).ok()?;
    let size = size_of_file(&file, &layout::state_path(root)).ok()??;
    read_header(&file, size).ok()??.limits
}

/// Makes a state file with `wanted` shards where there is no good one, and says how many there are.
pub(crate) fn create(root: &Arc<Directory>, wanted: u32, timeout: Duration) -> Result<u32, Fault> {
    // The shards of a location are all that differs between this one and the final one.
    let location = Location { root: Arc::clone(root), shards: wanted };
    open_any(&location, timeout).map(|state| state.header.shards)
}

/// The lower bound of the deadlines in a shard, read without a lock; `None` if it cannot be told.
fn peek_soonest(location: &Location, shard: u32) -> Option<i64> {
    let file = fs::open(&location.root, STATE, OFlags::RDONLY).ok()?;
    let mut record = [0; RECORD];
    let read = read_at(&file, offset(shard), &mut record).ok()?;
    Shard::decode(&record, shard).filter(|_| read).map(|shard| shard.soonest)
}

/// Says that an entry with this deadline is about to be in the shard, in a place that it has.
pub(crate) fn expect_deadline(
    location: &Location,
    shard: u32,
    deadline: i64,
    timeout: Duration,
) -> Result<(), Fault> {
    if deadline == NEVER || peek_soonest(location, shard).is_some_and(|soonest| soonest <= deadline) {
        return Ok(());
    }
    let state = State::open(location, timeout)?;
    let record = state.shard(shard)?;
    state.write_shard(shard, Shard { soonest: record.soonest.min(deadline), ..record })
}

fn open_any(location: &Location, timeout: Duration) -> Result<State<'_>, Fault> {
    let path = location.state_path();
    let root = &location.root;
    for _ in 0..ATTEMPTS {
        let file = match fs::open(root, STATE, OFlags::RDWR) {
            Err(Errno::NOENT) => match create_file(root, STATE, root.heir()) {
                Err(Errno::EXIST) => continue,
                created => created.map_err(|e| fault(e, "make", &path))?,
            },
            opened => opened.map_err(|e| fault(e, "open", &path))?,
        };
        let file = LockFile::new(file);
        file.lock(&path, timeout)?;
        let Some(size) = size_of_file(&file, &path)? else { continue };
        if let Some(header) = read_header(&file, size).map_err(|e| fault(e, "read", &path))? {
            return Ok(State { file, header, location });
        }
        let header = write_anew(location, &file)?;
        return Ok(State { file, header, location });
    }
    Err(Fault::Gone(None))
}

/// Of how many shards the shard directories under `root` are, if there are any.
pub(crate) fn shards_by_name(root: &Directory) -> Result<Option<u32>, Fault> {
    Ok(shard_dirs(root)?.iter().map(|&(_, of)| of).max())
}

/// All shard directories under `root`: each one's number, and of how many it is.
pub(crate) fn shard_dirs(root: &Directory) -> Result<Vec<(u32, u32)>, Fault> {
    let mut found = Vec::new();
    fs::list(root.as_fd(), FileType::Directory, |name| found.extend(layout::parse_shard(name)))
        .map_err(|e| fault(e, "list", root.path()))?;
    Ok(found)
}

/// Writes a new state into `file`, which is locked. The shards that are there decide their number.
fn write_anew(location: &Location, file: &LockFile) -> Result<Header, Fault> {
    let path = location.state_path();
    let found = shard_dirs(&location.root)?;
    let shards = found.iter().map(|&(_, of)| of).max().unwrap_or(location.shards);
    let mut records = vec![Shard::EMPTY; shards as usize];
    let mut unlisted = 0;
    for (index, _) in found.iter().filter(|&&(_, of)| of == shards) {
        if let Some(record) = records.get_mut(*index as usize) {
            *record = Shard::TO_LIST;
            unlisted += 1;
        }
    }
    let header = Header { shards, unlisted, total: 0, limits: None };
    let mut bytes = header.encode().to_vec();
    for (index, record) in (0_u32..).zip(records) {
        bytes.extend_from_slice(&record.encode(index));
    }
    rustix::fs::ftruncate(file, 0).map_err(|e| fault(e, "empty", &path))?;
    fs::write_all_at(file, &bytes, 0).map_err(|e| fault(e, "write", &path))?;
    Ok(header)
}

impl<'a> State<'a> {
    /// Opens and locks the state of a location; `Gone` where it has another number of shards.
    pub(crate) fn open(location: &'a Location, timeout: Duration) -> Result<Self, Fault> {
        let state = open_any(location, timeout)?;
        if state.header.shards == location.shards { Ok(state) } else { Err(Fault::Gone(None)) }
    }

    /// All entries, or `None` while shards are unlisted.
    pub(crate) const fn total(&self) -> Option<u64> {
        if self.header.unlisted == 0 { Some(self.header.total) } else { None }
    }

    fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        match read_at(&self.file, at, buffer) {
            Ok(true) => Ok(()),
            // Cut short since it was opened: it is written anew on the next try.
            Ok(false) => Err(Fault::Gone(None)),
            Err(errno) => Err(fault(errno, "read", &self.location.state_path())),
        }
    }

    fn write(&self, record: &Record, at: u64) -> Result<(), Fault> {
        fs::write_all_at(&self.file, record, at).map_err(|e| fault(e, "write", &self.location.state_path()))
    }

    fn shard(&self, index: u32) -> Result<Shard, Fault> {
        let mut record = [0; RECORD];
        self.read(offset(index), &mut record)?;
        match Shard::decode(&record, index) {
            Some(shard) => Ok(shard),
            None => self.renew(),
        }
    }

    /// After damage: everything is listed again.
    fn renew<T>(&self) -> Result<T, Fault> {
        write_anew(self.location, &self.file)?;
        Err(Fault::Gone(None))
    }

    fn write_shard(&self, index: u32, shard: Shard) -> Result<(), Fault> {
        self.write(&shard.encode(index), offset(index))
    }

    fn write_header(&mut self, header: Header) -> Result<(), Fault> {
        self.header = header;
        self.write(&header.encode(), 0)
    }

    /// Takes a place in a shard, under the shard's lock, for an entry with this deadline, unless the store is
    /// full by the `limits` of the handle, which it remembers from then on.
    ///
    /// `has_paid`: this call has removed two entries at the least. In a store that holds more than its
    /// limit, because that was lowered, it may take a place for one: so each new entry makes it smaller.
    pub(crate) fn take(
        &mut self,
        index: u32,
        deadline: i64,
        limits: Option<&Limits>,
        has_paid: bool,
    ) -> Result<Place, Fault> {
        let shard = self.shard(index)?;
        if self.header.unlisted > 0 || !shard.is_listed() {
            return Ok(Place::Unlisted);
        }
        if let Some(limits) = limits
            && let Some(limit) = self.limit(limits)?
        {
            let over = self.header.total > limit;
            if self.header.total >= limit && !(over && has_paid) {
                return Ok(Place::Full { over });
            }
        }
        let count = shard.count.saturating_add(1).min(UNLISTED - 1);
        let inserts = shard.inserts.saturating_add(1);
        // The total first: a process killed here leaves it too high, and never too low.
        self.write_header(Header { total: self.header.total.saturating_add(1), ..self.header })?;
        self.write_shard(index, Shard { count, inserts, soonest: shard.soonest.min(deadline), ..shard })?;
        // As many new ones as there were: what a sweep reads is then paid for by the inserts.
        let sweep = inserts >= count.saturating_sub(inserts).max(FEWEST_INSERTS);
        Ok(Place::Taken { sweep })
    }

    /// The most entries, which the store remembers from then on.
    fn limit(&mut self, limits: &Limits) -> Result<Option<u64>, Fault> {
        let (in_force, is_new) = limits.in_force(self.header.limits, self.header.total);
        if is_new {
            if let Some(before) = self.header.limits {
                let store = self.location.root.path().display();
                tracing::info!(target: "cache_file", %store, %before, now = %in_force, "this program changes the limits");
            }
            self.write_header(Header { limits: Some(in_force), ..self.header })?;
        }
        limits.have_been_said();
        Ok(in_force.limit())
    }

    /// The limits in force, and how many entries have to go so that a new one has a place; `None` where it has one.
    pub(crate) fn excess(&self, limits: &Limits) -> Option<(Culling, u64)> {
        let total = self.total()?;
        let (in_force, _) = limits.in_force(self.header.limits, total);
        let limit = in_force.limit()?;
        (total >= limit).then(|| (in_force, total - limit + 1))
    }

    /// Gives places of a shard back, under the shard's lock.
    pub(crate) fn give_back(&mut self, index: u32, places: u32) -> Result<(), Fault> {
        self.freed(index, places, 0)
    }

    /// The same of entries that went to make room.
    pub(crate) fn evicted(&mut self, index: u32, places: u32) -> Result<(), Fault> {
        self.freed(index, places, places)
    }

    fn freed(&mut self, index: u32, places: u32, evicted: u32) -> Result<(), Fault> {
        let shard = self.shard(index)?;
        if !shard.is_listed() {
            return Ok(());
        }
        let (count, evicted) =
            (shard.count.saturating_sub(places), shard.evicted.saturating_add(evicted.into()));
        self.write_shard(index, Shard { count, evicted, ..shard })?;
        self.write_header(Header { total: self.header.total.saturating_sub(places.into()), ..self.header })
    }

    /// How many entries went to make room, since the state was written anew. A damaged record counts for none.
    pub(crate) fn evictions(&self) -> Result<u64, Fault> {
        let mut bytes = vec![0; RECORD * self.header.shards as usize];
        self.read(offset(0), &mut bytes)?;
        let shards = (0_u32..).zip(bytes.as_chunks::<RECORD>().0);
        let shards = shards.filter_map(|(index, record)| Shard::decode(record, index));
        Ok(shards.fold(0, |sum, shard| sum.saturating_add(shard.evicted)))
    }

    /// Whether something in the shard may have expired by `now`.
    pub(crate) fn may_hold_expired(&self, index: u32, now: i64) -> Result<bool, Fault> {
        Ok(self.shard(index)?.soonest <= now)
    }

    /// What a listing of a shard found, under the shard's lock; `soonest` where it was looked for.
    pub(crate) fn listed(&mut self, index: u32, count: u64, soonest: Option<i64>) -> Result<(), Fault> {
        let before = self.shard(index)?;
        let count = u32::try_from(count).unwrap_or(UNLISTED - 1);
        let soonest = soonest.unwrap_or(before.soonest);
        self.write_shard(index, Shard { count, inserts: 0, soonest, ..before })?;
        let (was, unlisted) = if before.is_listed() {
            (before.count, self.header.unlisted)
        } else {
            (0, self.header.unlisted.saturating_sub(1))
        };
        let total = self.header.total.saturating_sub(was.into()).saturating_add(count.into());
        self.write_header(Header { total, unlisted, ..self.header })
    }

    /// Sets the total right: the sum of what the shards hold. Reads all records, and so costs 30 µs
    /// at the most. A process killed between the total and a shard's count leaves the total wrong.
    pub(crate) fn add_up(&mut self) -> Result<(), Fault> {
        self.added_up().map(drop)
    }

    fn added_up(&mut self) -> Result<Vec<(u32, Shard)>, Fault> {
        let mut bytes = vec![0; RECORD * self.header.shards as usize];
        self.read(offset(0), &mut bytes)?;
        let mut shards = Vec::with_capacity(self.header.shards as usize);
        let (mut total, mut unlisted) = (0, 0);
        for (index, record) in (0_u32..).zip(bytes.as_chunks::<RECORD>().0) {
            let Some(shard) = Shard::decode(record, index) else { return self.renew() };
            if shard.is_listed() {
                total += u64::from(shard.count);
            } else {
                unlisted += 1;
            }
            shards.push((index, shard));
        }
        let header = Header { total, unlisted, ..self.header };
        if header != self.header {
            self.write_header(header)?;
        }
        Ok(shards)
    }

    /// What to do for a new key in the shard `own`. Adds up first; called only when the store is
    /// full or a shard unlisted.
    pub(crate) fn plan(&mut self, own: u32, now: i64, limits: Option<&Limits>) -> Result<Plan, Fault> {
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

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use cache_core::{BaseCache as _, CacheBuilder, Clock, NamedLimits, Timeout};

    /// As a process leaves it that is killed between its two writes of [`State::take`].
    fn leave_total_too_high(location: &Location) {
        let mut state = State::open(location, Duration::from_secs(1)).unwrap();
        let total = state.header.total + 1;
        state.write_header(Header { total, ..state.header }).unwrap();
    }

    #[test]
    fn sweeps_and_clears_put_right_what_a_killed_process_left() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_path_buf();
        let store = Arc::new(Store::new(
            root,
            Limits::new(NamedLimits::NONE, true),
            Clock::system(),
            Duration::from_secs(5),
        ));
        let cache = CacheBuilder::from_arc(Arc::clone(&store)).build().unwrap();
        cache.set("key", &1, Timeout::Never).unwrap();
        let location = store.location(false).unwrap().unwrap();
        let entries = || store.entries().unwrap();
        leave_total_too_high(&location);
        assert_eq!(entries(), Some(2));
        store.sweep_shards().unwrap();
        assert_eq!(entries(), Some(1));
        leave_total_too_high(&location);
        cache.clear().unwrap();
        assert_eq!(entries(), Some(0));
    }
}
