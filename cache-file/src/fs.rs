//! The file system without symbolic links, below the root directory: opening, listing, writing.

use std::path::Path;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

use cache_core::Error;
use cache_fs::{Directory, Rule};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::error::FsError;

/// A planted FIFO or symbolic link neither hangs nor is followed.
const SAFE: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::RDONLY);

/// The first read after a write would write the time of the read to the disk.
#[cfg(target_os = "linux")]
const NO_ATIME: OFlags = OFlags::NOATIME;
#[cfg(not(target_os = "linux"))]
const NO_ATIME: OFlags = OFlags::empty();

#[cfg(target_os = "linux")]
static NO_OPENAT2: AtomicBool = AtomicBool::new(false);

/// Opens `below` ("name" or "directory/name") under the root, without a symbolic link anywhere
/// on the way.
pub(crate) fn open(root: &Directory, below: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    if !NO_OPENAT2.load(Ordering::Relaxed) {
        use rustix::fs::{ResolveFlags, openat2};
        let resolve = ResolveFlags::NO_SYMLINKS.union(ResolveFlags::BENEATH);
        let opened = retry_on_intr(|| openat2(root, below, flags | SAFE, Mode::empty(), resolve));
        match opened {
            // Somebody else's file, perhaps: `quietly` asks again.
            Err(Errno::PERM) if flags.contains(NO_ATIME) => return Err(Errno::PERM),
            // An old kernel, or a sandbox that does not know the call.
            Err(Errno::NOSYS | Errno::PERM) => NO_OPENAT2.store(true, Ordering::Relaxed),
            opened => return opened,
        }
    }
    open_stepwise(root, below, flags)
}

/// Opens as [`open`] does, one component at a time.
fn open_stepwise(root: &Directory, below: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    match below.split_once('/') {
        None => open_at(root, below, flags),
        Some((dir, name)) => open_at(open_at(root, dir, DIRECTORY)?, name, flags),
    }
}

/// Opens a file for reading as [`open`] does, without a trace of it on the disk.
pub(crate) fn open_to_read(root: &Directory, below: &str) -> Result<OwnedFd, Errno> {
    quietly(|quiet| open(root, below, OFlags::RDONLY | quiet))
}

/// Opens a file as [`open_at`] does, without a trace of reading it on the disk.
pub(crate) fn open_file_at(dir: BorrowedFd<'_>, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    quietly(|quiet| open_at(dir, name, flags | quiet))
}

/// Opens without a trace where that is allowed: only to the owner of a file.
fn quietly(open: impl Fn(OFlags) -> Result<OwnedFd, Errno>) -> Result<OwnedFd, Errno> {
    match open(NO_ATIME) {
        Err(Errno::PERM) => open(OFlags::empty()),
        opened => opened,
    }
}

pub(crate) fn open_dir(root: &Directory, name: &str) -> Result<OwnedFd, Errno> {
    open(root, name, DIRECTORY)
}

fn open_at(dir: impl AsFd, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| rustix::fs::openat(dir.as_fd(), name, flags | SAFE, Mode::empty()))
}

/// Returns whether a regular file of this name is in `dir`.
pub(crate) fn is_file(dir: BorrowedFd<'_>, name: &str) -> Result<bool, Errno> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Returns how many bytes the file of this name has; `None` if it cannot be seen.
pub(crate) fn size_at(dir: BorrowedFd<'_>, name: &str) -> Option<u64> {
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    u64::try_from(stat.st_size).ok()
}

/// Removes a name; false if it was not there.
pub(crate) fn unlink(dir: BorrowedFd<'_>, name: &str) -> Result<bool, Errno> {
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Calls `each` with the name of everything of type `wanted` in `dir`.
pub(crate) fn list(dir: BorrowedFd<'_>, wanted: FileType, mut each: impl FnMut(&[u8])) -> Result<(), Errno> {
    // A descriptor of its own: the root's is held for all calls, and may not be for reading.
    let mut entries = rustix::fs::Dir::new(open_at(dir, ".", DIRECTORY)?)?;
    while let Some(entry) = entries.read() {
        let entry = entry?;
        let name = entry.file_name();
        let file_type = match entry.file_type() {
            // Some file systems do not say.
            FileType::Unknown => match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(_) => continue,
            },
            known => known,
        };
        if file_type == wanted {
            each(name.to_bytes());
        }
    }
    Ok(())
}

pub(crate) fn write_all(file: impl AsFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match retry_on_intr(|| rustix::io::write(&file, bytes))? {
            0 => return Err(Errno::IO),
            written => bytes = bytes.get(written..).unwrap_or_default(),
        }
    }
    Ok(())
}

pub(crate) fn write_all_at(file: impl AsFd, mut bytes: &[u8], mut at: u64) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match retry_on_intr(|| rustix::io::pwrite(&file, bytes, at))? {
            0 => return Err(Errno::IO),
            written => {
                bytes = bytes.get(written..).unwrap_or_default();
                at += written as u64;
            }
        }
    }
    Ok(())
}

/// Opens the root directory, by the rule for directories. Returns `None` if it does not exist; `create`
/// makes it.
pub(crate) fn settle_root(dir: &Path, create: bool) -> Result<Option<Directory>, FsError> {
    if dir.as_os_str().is_empty() {
        return Err(Error::invalid_cache_backend("the cache directory is an empty path: name one").into());
    }
    Ok(Directory::open(dir, Rule::directory(), create)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_opening_refuse_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root");
        let root = settle_root(&path, true).unwrap().unwrap();
        std::fs::create_dir(path.join("shard")).unwrap();
        std::fs::write(path.join("shard/file"), "x").unwrap();
        std::os::unix::fs::symlink("file", path.join("shard/link")).unwrap();
        std::os::unix::fs::symlink("shard", path.join("linked")).unwrap();
        for way in [open, open_stepwise] {
            assert!(way(&root, "shard/file", OFlags::RDONLY).is_ok());
            assert!(way(&root, "shard", DIRECTORY).is_ok());
            assert_eq!(way(&root, "shard/none", OFlags::RDONLY).unwrap_err(), Errno::NOENT);
            assert_eq!(way(&root, "shard/link", OFlags::RDONLY).unwrap_err(), Errno::LOOP);
            assert!(way(&root, "linked/file", OFlags::RDONLY).is_err());
        }
    }
}
