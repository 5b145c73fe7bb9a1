//! The database file: judged where it exists, and made where it is missing.

use std::ffi::{OsStr, OsString};

use cache_core::{Error, ErrorKind};
use cache_fs::{Directory, FileId, LockFile};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::deadline::Deadline;
use crate::error::{SqlError, SqlResult, io};

/// What SQLite has beside a database, by the end of the name.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// How often to open the lock's file again when it vanishes in between.
const ATTEMPTS: u32 = 100;

/// The name of a file beside the database `name`.
pub(crate) fn beside(name: &OsStr, suffix: &str) -> OsString {
    let mut beside = name.to_owned();
    beside.push(suffix);
    beside
}

/// Judges the files that SQLite has beside a database, as far as they exist.
///
/// # Errors
/// If somebody else may write to one of them.
pub(crate) fn judge_companions(dir: &Directory, name: &OsStr) -> Result<(), Error> {
    COMPANIONS.iter().try_for_each(|suffix| dir.file(&beside(name, suffix)).map(drop))
}

/// Finds the database file, or makes it where `create`. Returns whether this process has just made it; `None` where
/// the file does not exist.
pub(crate) fn find(
    dir: &Directory,
    name: &OsStr,
    create: bool,
    deadline: &Deadline,
) -> SqlResult<Option<(FileId, bool)>> {
    judge_companions(dir, name)?;
    let is_new = match dir.file(name)? {
        Some(_) => false,
        None if create => make(dir, name, deadline)?,
        None => return Ok(None),
    };
    match dir.file(name)? {
        Some(file) => Ok(Some((file, is_new))),
        None => Err(SqlError::moved()),
    }
}

/// Makes an empty file with mode 0600, which SQLite gives to -wal and -shm too. Returns false if another
/// process was faster.
///
/// What an older database of this name left beside it goes first: its -shm, still mapped by
/// another process, would mislead the new one. A lock keeps two processes from removing what the
/// other has just made.
fn make(dir: &Directory, name: &OsStr, deadline: &Deadline) -> SqlResult<bool> {
    let _lock = MakersLock::take(dir, name, deadline)?;
    if dir.file(name)?.is_some() {
        return Ok(false);
    }
    for suffix in COMPANIONS {
        let left = beside(name, suffix);
        match rustix::fs::unlinkat(dir, &left, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => {
                let left = dir.path().join(left);
                return Err(io(errno.into(), "removing what an older database left behind,", &left).into());
            }
        }
    }
    Ok(dir.create_file(name)?.is_some())
}

/// The lock of those who make a database: on a file beside it, which others cannot open, and which goes with it.
#[derive(Debug)]
struct MakersLock<'a> {
    dir: &'a Directory,
    name: OsString,
    _held: LockFile,
}

impl<'a> MakersLock<'a> {
    fn take(dir: &'a Directory, database: &OsStr, deadline: &Deadline) -> SqlResult<Self> {
        let name = beside(database, "-lock");
        let path = dir.path().join(&name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        for _ in 0..ATTEMPTS {
            let (file, is_made) = if dir.file(&name)?.is_some() {
                match rustix::fs::openat(dir, &name, flags, Mode::empty()) {
                    Err(Errno::NOENT) => continue,
                    opened => (opened.map_err(|errno| io(errno.into(), "opening the lock", &path))?, false),
                }
            } else {
                match dir.create_file(&name)? {
                    Some(made) => (made, true),
                    None => continue,
                }
            };
            let held = LockFile::new(file);
            if let Err(e) = held.lock(&path, deadline.left()) {
                if is_made && e.kind() == ErrorKind::Storage {
                    // A file system without locks: of no use to anybody.
                    let _ = rustix::fs::unlinkat(dir, &name, AtFlags::empty());
                }
                return Err(e.into());
            }
            let stat = rustix::fs::fstat(&held);
            if stat.is_ok_and(|stat| stat.st_nlink > 0) {
                return Ok(Self { dir, name, _held: held });
            }
            // Who had it has removed it: others lock another one.
        }
        Err(SqlError::moved())
    }
}

impl Drop for MakersLock<'_> {
    fn drop(&mut self) {
        // Before it is unlocked, so that nobody who comes later shares it with one who waits.
        let _ = rustix::fs::unlinkat(self.dir, &self.name, AtFlags::empty());
    }
}
