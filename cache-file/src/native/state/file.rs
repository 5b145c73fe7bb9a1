//! The state file: opening it, and writing it where it is missing or damaged.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Culling, Error};
use cache_fs::{Directory, LockFile, create_file};
use rustix::fd::AsFd;
use rustix::fs::{FileType, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::record::{RECORD, ShardRecord, StateHeader, offset};
use crate::error::FsError;
use crate::fs;
use crate::native::paths::{self, Location, STATE, shard_dirs};

/// How often to open the file again when it vanishes in between.
const ATTEMPTS: u32 = 100;

/// Fills `buffer` from `at`. Returns false if the file ends before.
pub(super) fn read_at(file: impl AsFd, at: u64, buffer: &mut [u8]) -> Result<bool, Errno> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match retry_on_intr(|| rustix::io::pread(&file, &mut *rest, at + done as u64))? {
            0 => return Ok(false),
            read => done += read,
        }
    }
    Ok(true)
}

fn read_header(file: impl AsFd, size: u64) -> Result<Option<StateHeader>, Errno> {
    let mut record = [0; RECORD];
    Ok(if read_at(file, 0, &mut record)? { StateHeader::decode(&record, size) } else { None })
}

/// Returns the size of a state file, checked to be one; `None` if it was unlinked meanwhile.
fn size_of_file(file: impl AsFd, path: &Path) -> Result<Option<u64>, FsError> {
    let stat = rustix::fs::fstat(file).map_err(|e| FsError::new(e, "look at", path))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        let path = path.display();
        return Err(Error::storage(format!(
            "{path} is not a file: remove it, and the cache makes a new one"
        ))
        .into());
    }
    if stat.st_nlink > 1 {
        let path = path.display();
        return Err(Error::storage(format!(
            "{path} is a hard link to a file that may be another user's: remove it, and the cache makes a new one"
        ))
        .into());
    }
    Ok((stat.st_nlink > 0).then_some(u64::try_from(stat.st_size).unwrap_or(0)))
}

/// Returns how many shards the store under `root` has; `None` if no good state file exists. Takes no lock.
pub(crate) fn shards(root: &Directory) -> Result<Option<u32>, FsError> {
    let path = paths::state_path(root);
    let file = match fs::open(root, STATE, OFlags::RDONLY) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(FsError::new(errno, "open", &path)),
    };
    let Some(size) = size_of_file(&file, &path)? else { return Ok(None) };
    let header = read_header(&file, size).map_err(|e| FsError::new(e, "read", &path))?;
    Ok(header.map(|header| header.shards))
}

/// Returns the limits that the store under `root` remembers, if any. Takes no lock.
pub(crate) fn limits(root: &Directory) -> Option<Culling> {
    let file = fs::open(root, STATE, OFlags::RDONLY).ok()?;
    let size = size_of_file(&file, &paths::state_path(root)).ok()??;
    read_header(&file, size).ok()??.limits
}

/// Makes a state file with `wanted` shards where no good one exists. Returns how many shards the store has.
pub(crate) fn create(root: &Arc<Directory>, wanted: u32, timeout: Duration) -> Result<u32, FsError> {
    // The shards of a location are all that differs between this one and the final one.
    let location = Location { root: Arc::clone(root), shards: wanted };
    open(&location, timeout).map(|(_, header)| header.shards)
}

/// Returns the lower bound of the deadlines in a shard, or `None` if it cannot be told. Takes no lock.
pub(super) fn peek_soonest(location: &Location, shard: u32) -> Option<i64> {
    let file = fs::open(&location.root, STATE, OFlags::RDONLY).ok()?;
    let mut record = [0; RECORD];
    let read = read_at(&file, offset(shard), &mut record).ok()?;
    ShardRecord::decode(&record, shard).filter(|_| read).map(|shard| shard.soonest)
}

/// Opens and locks the state file of a location. Writes it where it is missing or damaged.
pub(super) fn open(location: &Location, timeout: Duration) -> Result<(LockFile, StateHeader), FsError> {
    let path = location.state_path();
    let root = &location.root;
    for _ in 0..ATTEMPTS {
        let file = match fs::open(root, STATE, OFlags::RDWR) {
            Err(Errno::NOENT) => match create_file(root, STATE, root.heir()) {
                Err(Errno::EXIST) => continue,
                created => created.map_err(|e| FsError::new(e, "make", &path))?,
            },
            opened => opened.map_err(|e| FsError::new(e, "open", &path))?,
        };
        let file = LockFile::new(file);
        file.lock(&path, timeout)?;
        let Some(size) = size_of_file(&file, &path)? else { continue };
        if let Some(header) = read_header(&file, size).map_err(|e| FsError::new(e, "read", &path))? {
            return Ok((file, header));
        }
        let header = write_anew(location, &file)?;
        return Ok((file, header));
    }
    Err(FsError::Gone(None))
}

/// Writes a new state into `file`, which is locked. The shards that exist decide their number.
pub(super) fn write_anew(location: &Location, file: &LockFile) -> Result<StateHeader, FsError> {
    let path = location.state_path();
    let found = shard_dirs(&location.root)?;
    let shards = found.iter().map(|&(_, of)| of).max().unwrap_or(location.shards);
    let mut records = vec![ShardRecord::EMPTY; shards as usize];
    let mut unlisted = 0;
    for (index, _) in found.iter().filter(|&&(_, of)| of == shards) {
        if let Some(record) = records.get_mut(*index as usize) {
            *record = ShardRecord::TO_LIST;
            unlisted += 1;
        }
    }
    let header = StateHeader { shards, unlisted, total: 0, limits: None };
    let mut bytes = header.encode().to_vec();
    for (index, record) in (0_u32..).zip(records) {
        bytes.extend_from_slice(&record.encode(index));
    }
    rustix::fs::ftruncate(file, 0).map_err(|e| FsError::new(e, "empty", &path))?;
    fs::write_all_at(file, &bytes, 0).map_err(|e| FsError::new(e, "write", &path))?;
    Ok(header)
}
