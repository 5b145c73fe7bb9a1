//! Reading a file that may be anything: what it is, and its bytes.

#[cfg(feature = "django")]
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::buffer::spare_capacity;
use rustix::fd::OwnedFd;
use rustix::fs::FileType;
use rustix::io::{Errno, retry_on_intr};

/// How much of a file to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The body is read and its checksum compared.
    Whole,
    /// The body of a file over 64 KiB is taken on trust; of a smaller one it costs nothing more.
    Head,
}

/// What a file is before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A regular file of this many bytes with one name, or with none if it was replaced since it was opened.
    Alone(u64),
    /// A regular file that has another name as well, perhaps outside: no writer makes one, and what
    /// is read or changed would be somebody else's.
    Linked,
    /// Not a regular file.
    Other,
}

pub(crate) fn form(file: &OwnedFd) -> Result<Form, Errno> {
    let stat = rustix::fs::fstat(file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(Form::Other);
    }
    Ok(if stat.st_nlink > 1 { Form::Linked } else { Form::Alone(u64::try_from(stat.st_size).unwrap_or(0)) })
}

/// Returns how long ago the file was written; zero where that is in the future.
#[cfg(feature = "django")]
pub(crate) fn age_of(file: &OwnedFd) -> Result<Duration, Errno> {
    let stat = rustix::fs::fstat(file)?;
    let written = Duration::new(
        u64::try_from(stat.st_mtime).unwrap_or(0),
        u32::try_from(stat.st_mtime_nsec).unwrap_or(0).min(999_999_999),
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(now.saturating_sub(written))
}

/// Reads up to `length` bytes from `at`: fewer where the file ends before.
pub(crate) fn read(file: &OwnedFd, length: usize, at: u64) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let from = at + bytes.len() as u64;
        if retry_on_intr(|| rustix::io::pread(file, spare_capacity(&mut bytes), from))? == 0 {
            break;
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}
