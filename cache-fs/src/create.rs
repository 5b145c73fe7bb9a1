//! Making files and directories with the right mode and owner.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::io::{Errno, retry_on_intr};

const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const DIR_MODE: Mode = Mode::RWXU;

/// Who owns what this process creates, if that is another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// Returns the owner of the directory that `stat` is of, if this process is root's and the directory is
    /// another user's.
    pub(crate) fn of(stat: &rustix::fs::Stat) -> Option<Self> {
        let is_others = rustix::process::geteuid().is_root() && stat.st_uid != 0;
        is_others.then_some(Self { user: stat.st_uid, group: stat.st_gid })
    }

    /// Gives away what this process has just created.
    fn give(self, made: impl AsFd) -> Result<(), Errno> {
        rustix::fs::fchown(made, Some(Uid::from_raw(self.user)), Some(Gid::from_raw(self.group)))
    }
}

/// Creates a file with mode 0600 that did not exist, open for reading and writing.
///
/// # Errors
/// What the system returns: `EXIST` if the name is taken.
pub fn create_file(
    dir: impl AsFd,
    name: impl rustix::path::Arg,
    owner: Option<Owner>,
) -> Result<OwnedFd, Errno> {
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let name = name.into_c_str()?;
    let file = retry_on_intr(|| rustix::fs::openat(dir.as_fd(), &*name, flags, FILE_MODE))?;
    if let Some(Err(errno)) = owner.map(|owner| owner.give(&file)) {
        // Left behind, it would keep the owner of the directory out.
        let _ = rustix::fs::unlinkat(dir, &*name, rustix::fs::AtFlags::empty());
        return Err(errno);
    }
    Ok(file)
}

/// Makes a directory with mode 0700 unless it exists, and opens it. A symbolic link is not followed.
///
/// # Errors
/// What the system returns.
pub fn make_dir(
    dir: impl AsFd,
    name: impl rustix::path::Arg,
    owner: Option<Owner>,
) -> Result<OwnedFd, Errno> {
    let name = name.into_c_str()?;
    let is_made = match rustix::fs::mkdirat(dir.as_fd(), &*name, DIR_MODE) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(errno) => return Err(errno),
    };
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = retry_on_intr(|| rustix::fs::openat(dir.as_fd(), &*name, flags, Mode::empty()))?;
    if let Some(owner) = owner.filter(|_| is_made)
        // Only what is root's still: the owner of the directory may have put something else there.
        && rustix::fs::fstat(&made)?.st_uid == 0
    {
        owner.give(&made)?;
    }
    Ok(made)
}
