//! The file system without symbolic links: opening, listing, writing, and the root directory.

use std::fs::DirBuilder;
use std::io::ErrorKind as IoErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

use cache_core::Error;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::Uid;

/// Why a step failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A directory or a temporary file vanished underneath: begin again. What the system said
    /// matters if that does not help.
    Gone(Option<Error>),
    /// Nothing to be done here: the caller's error.
    Failed(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What an error of the system means, with what was tried ("cannot ... PATH").
pub(crate) fn fault(errno: Errno, doing: &str, path: &Path) -> Fault {
    failed(errno.into(), doing, path)
}

fn failed(source: std::io::Error, doing: &str, path: &Path) -> Fault {
    let gone = source.kind() == IoErrorKind::NotFound;
    let error =
        Error::storage(format!("the file cache cannot {doing} {}", path.display())).with_source(source);
    if gone { Fault::Gone(Some(error)) } else { Fault::Failed(error) }
}

/// How often an operation begins again when directories vanish underneath.
const ATTEMPTS: u32 = 20;

/// Runs `op` until nothing vanishes underneath; `forget` is called before it begins again.
pub(crate) fn retry<T>(
    dir: &Path,
    forget: impl Fn(),
    mut op: impl FnMut() -> Result<T, Fault>,
) -> Result<T, Error> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        match op() {
            Ok(done) => return Ok(done),
            Err(Fault::Failed(error)) => return Err(error),
            Err(Fault::Gone(cause)) => last = cause,
        }
        forget();
    }
    let gone = Error::storage(format!(
        "what the file cache makes in {} is gone, {ATTEMPTS} times over: name another directory, or \
         find out what removes it",
        dir.display()
    ));
    Err(match last {
        Some(cause) => gone.with_source(cause),
        None => gone,
    })
}

/// Every file we make.
pub(crate) const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const DIR_MODE: u32 = 0o700;

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

/// Opens `below` ("", "name" or "directory/name") under the root, without a symbolic link
/// anywhere on the way.
pub(crate) fn open(root: &Path, below: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    if !NO_OPENAT2.load(Ordering::Relaxed) {
        use rustix::fs::{ResolveFlags, openat2};
        let path = if below.is_empty() { root.to_path_buf() } else { root.join(below) };
        let resolve = ResolveFlags::NO_SYMLINKS;
        let opened = retry_on_intr(|| openat2(CWD, &path, flags | SAFE, Mode::empty(), resolve));
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

/// [`open`] one component at a time. The root's parents were resolved when it was first used.
fn open_stepwise(root: &Path, below: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let step = |flags| retry_on_intr(|| rustix::fs::openat(CWD, root, flags | SAFE, Mode::empty()));
    if below.is_empty() {
        return step(flags);
    }
    let mut dir = step(DIRECTORY)?;
    let mut rest = below;
    while let Some((name, after)) = rest.split_once('/') {
        dir = open_at(&dir, name, DIRECTORY)?;
        rest = after;
    }
    open_at(&dir, rest, flags)
}

/// Opens a file for reading as [`open`] does, without a trace of it on the disk.
pub(crate) fn open_to_read(root: &Path, below: &str) -> Result<OwnedFd, Errno> {
    quietly(|quiet| open(root, below, OFlags::RDONLY | quiet))
}

/// Opens a file as [`open_at`] does, without a trace of reading it on the disk.
pub(crate) fn open_file_at(dir: &OwnedFd, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    quietly(|quiet| open_at(dir, name, flags | quiet))
}

/// The owner of a file alone may leave no trace; for others it has to be.
fn quietly(open: impl Fn(OFlags) -> Result<OwnedFd, Errno>) -> Result<OwnedFd, Errno> {
    match open(NO_ATIME) {
        Err(Errno::PERM) => open(OFlags::empty()),
        opened => opened,
    }
}

pub(crate) fn open_dir(root: &Path, below: &str) -> Result<OwnedFd, Errno> {
    open(root, below, DIRECTORY)
}

pub(crate) fn open_at(dir: &OwnedFd, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| rustix::fs::openat(dir, name, flags | SAFE, Mode::empty()))
}

/// Makes a file that was not there.
pub(crate) fn create_at(dir: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | SAFE;
    retry_on_intr(|| rustix::fs::openat(dir, name, flags, FILE_MODE))
}

/// Opens the directory `name` under the root, and makes it first where it is not there.
pub(crate) fn make_dir(root: &Path, name: &str) -> Result<OwnedFd, Errno> {
    let at = open_dir(root, "")?;
    match rustix::fs::mkdirat(&at, name, Mode::from_raw_mode(DIR_MODE)) {
        Ok(()) | Err(Errno::EXIST) => open_at(&at, name, DIRECTORY),
        Err(errno) => Err(errno),
    }
}

/// Whether a regular file of this name is in `dir`.
pub(crate) fn is_file(dir: &OwnedFd, name: &str) -> Result<bool, Errno> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// How many bytes the file of this name has; `None` where it cannot be seen.
pub(crate) fn size_at(dir: &OwnedFd, name: &str) -> Option<u64> {
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    u64::try_from(stat.st_size).ok()
}

/// Removes a name; false where it was not there.
pub(crate) fn unlink(dir: &OwnedFd, name: &str) -> Result<bool, Errno> {
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Calls `each` with the name of everything of type `wanted` in `dir`.
pub(crate) fn list(dir: &OwnedFd, wanted: FileType, mut each: impl FnMut(&[u8])) -> Result<(), Errno> {
    let mut entries = rustix::fs::Dir::read_from(dir)?;
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

/// The root directory as a path without symbolic links, checked; `None` where it is not there.
/// With `create` it is made, parents included, all with mode 0700.
pub(crate) fn settle_root(dir: &Path, create: bool) -> Result<Option<PathBuf>, Fault> {
    if dir.as_os_str().is_empty() {
        return Err(Error::invalid_cache_backend("the cache directory is an empty path: name one").into());
    }
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else {
        // "/" and paths that end in "..": there, and without a name of their own.
        let root = dir.canonicalize().map_err(|e| failed(e, "resolve", dir))?;
        return check_root(&root).map(|()| Some(root));
    };
    let parent = match parent.canonicalize() {
        Ok(parent) => parent,
        Err(e) if e.kind() == IoErrorKind::NotFound && !create => return Ok(None),
        Err(e) if e.kind() == IoErrorKind::NotFound => {
            DirBuilder::new()
                .recursive(true)
                .mode(DIR_MODE)
                .create(parent)
                .map_err(|e| failed(e, "make the directory", parent))?;
            parent.canonicalize().map_err(|e| failed(e, "resolve", parent))?
        }
        Err(e) => return Err(failed(e, "resolve", parent)),
    };
    let root = parent.join(name);
    if create {
        match DirBuilder::new().mode(DIR_MODE).create(&root) {
            Ok(()) => return Ok(Some(root)),
            Err(e) if e.kind() == IoErrorKind::AlreadyExists => {}
            // A read-only place that holds the directory already is good for reading at least.
            Err(_) if root.symlink_metadata().is_ok() => {}
            Err(e) => return Err(failed(e, "make the directory", &root)),
        }
    }
    match check_root(&root) {
        Ok(()) => Ok(Some(root)),
        Err(Fault::Gone(_)) if !create => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn check_root(root: &Path) -> Result<(), Fault> {
    let metadata = root.symlink_metadata().map_err(|e| failed(e, "look at", root))?;
    let refuse = |why: &str| {
        let path = root.display();
        Err(Error::invalid_cache_backend(format!("the cache directory {path} {why}")).into())
    };
    if metadata.is_symlink() {
        return refuse("is a symbolic link, which another user could turn: name the directory itself");
    }
    if !metadata.is_dir() {
        return refuse("is not a directory: name another, or remove what is there");
    }
    let (owner, user) = (metadata.uid(), rustix::process::geteuid());
    // Root looks after the directories of others: a container's volume, `cachectl`.
    if !user.is_root() && owner != user.as_raw() && owner != Uid::ROOT.as_raw() {
        return refuse("belongs to another user, who may put anything into it: name another");
    }
    if metadata.mode() & 0o022 != 0 {
        return refuse("is writable for other users: take the right away (chmod go-w) or name another");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_can_never_be_is_named_with_what_the_system_says() {
        let dir = tempfile::tempdir().unwrap();
        let nowhere = dir.path().join("none/..");
        let error = retry(&nowhere, || (), || settle_root(&nowhere, true)).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("none/..") && message.contains("cannot resolve"), "{message}");
        let system = std::error::Error::source(&error).and_then(std::error::Error::source).unwrap();
        assert!(system.to_string().contains("No such file"), "{system}");
    }

    #[test]
    fn both_ways_of_opening_refuse_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("root");
        std::fs::create_dir_all(root.join("shard")).unwrap();
        std::fs::write(root.join("shard/file"), "x").unwrap();
        std::os::unix::fs::symlink("file", root.join("shard/link")).unwrap();
        std::os::unix::fs::symlink("shard", root.join("linked")).unwrap();
        std::os::unix::fs::symlink(&root, dir.path().join("also")).unwrap();
        let also = dir.path().canonicalize().unwrap().join("also");
        for way in [open, open_stepwise] {
            assert!(way(&root, "shard/file", OFlags::RDONLY).is_ok());
            assert!(way(&root, "", DIRECTORY).is_ok());
            assert_eq!(way(&root, "shard/none", OFlags::RDONLY).unwrap_err(), Errno::NOENT);
            assert_eq!(way(&root, "shard/link", OFlags::RDONLY).unwrap_err(), Errno::LOOP);
            assert!(way(&root, "linked/file", OFlags::RDONLY).is_err());
            assert!(way(&also, "shard/file", OFlags::RDONLY).is_err());
        }
    }
}
