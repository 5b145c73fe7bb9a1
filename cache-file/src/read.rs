//! Reading an entry's file, and judging what is in it.

#[cfg(feature = "django")]
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Buf as _, Bytes};
use cache_core::Payload;
use rustix::buffer::spare_capacity;
use rustix::fd::OwnedFd;
use rustix::fs::FileType;
use rustix::io::{Errno, retry_on_intr};

use crate::entry::{self, HEADER, Header};

#[cfg(test)]
mod fuzz;

/// Larger files are not read, and no memory is set aside for them, before their header is good.
const AT_ONCE: usize = 64 * 1024;

/// What a reader makes of a file.
#[derive(Debug)]
pub(crate) enum Seen<T> {
    /// Nothing of this key: no regular file, or one that holds another key.
    Absent,
    /// Not what was written, or not where.
    Damaged,
    Expired,
    Live(T),
}

impl<T> Seen<T> {
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Seen<U> {
        match self {
            Self::Absent => Seen::Absent,
            Self::Damaged => Seen::Damaged,
            Self::Expired => Seen::Expired,
            Self::Live(found) => Seen::Live(f(found)),
        }
    }

    pub(crate) const fn is_live(&self) -> bool {
        matches!(self, Self::Live(_))
    }
}

/// How much of a file to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The body is read and its checksum compared.
    Whole,
    /// The body of a file over 64 KiB is taken on trust; of a smaller one it costs nothing more.
    Head,
}

/// An entry: its header and its body, which is empty where it was not read.
pub(crate) struct Found {
    pub(crate) header: Header,
    pub(crate) payload: Payload,
}

/// The entry of `key` in `file`, which is at its beginning.
///
/// One `fstat`, one `read` up to 64 KiB, one allocation that the payload then owns.
pub(crate) fn entry(file: &OwnedFd, key: &[u8], now: i64, depth: Depth) -> Result<Seen<Found>, Errno> {
    let size = match form(file)? {
        Form::Alone(size) => size,
        Form::Linked => return Ok(Seen::Damaged),
        Form::Other => return Ok(Seen::Absent),
    };
    if size > AT_ONCE as u64 {
        return large(file, size, key, now, depth);
    }
    let bytes = read(file, usize::try_from(size).unwrap_or(AT_ONCE), 0)?;
    Ok(whole(bytes, size, key, now))
}

/// The header of an entry whose key is not known; `Damaged` where the file's name is not `name`'s.
pub(crate) fn header(file: &OwnedFd, now: i64, depth: Depth, name: &[u8]) -> Result<Seen<Header>, Errno> {
    let size = match form(file)? {
        Form::Alone(size) => size,
        Form::Linked => return Ok(Seen::Damaged),
        Form::Other => return Ok(Seen::Absent),
    };
    let bytes = read(file, HEADER, 0)?;
    let Some(header) = Header::decode(&bytes, size) else { return Ok(Seen::Damaged) };
    if depth == Depth::Whole {
        let Ok(length) = usize::try_from(size) else { return Ok(Seen::Damaged) };
        let content = read(file, length - HEADER, HEADER as u64)?;
        let key = content.get(..header.key_len).unwrap_or_default();
        if !header.vouches_for(&content) || crate::layout::EntryName::of(key).as_str().as_bytes() != name {
            return Ok(Seen::Damaged);
        }
    }
    Ok(if header.is_expired(now) { Seen::Expired } else { Seen::Live(header) })
}

/// What a file is before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A regular file of so many bytes, with one name; with none once another is in its place.
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

/// How long ago the file was written; nothing where that is in the future.
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

/// Up to `length` bytes from `at`: fewer where the file ends before.
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

fn whole(bytes: Vec<u8>, size: u64, key: &[u8], now: i64) -> Seen<Found> {
    let decoded = Header::decode(&bytes, size).filter(|_| bytes.len() as u64 == size);
    let Some(header) = decoded else { return Seen::Damaged };
    if !header.vouches_for(bytes.get(HEADER..).unwrap_or_default()) {
        return Seen::Damaged;
    }
    if bytes.get(HEADER..HEADER + header.key_len) != Some(key) {
        return Seen::Absent;
    }
    if header.is_expired(now) {
        return Seen::Expired;
    }
    let mut body = Bytes::from(bytes);
    // Not a slice: moving the beginning needs no second allocation.
    body.advance(HEADER + header.key_len);
    match entry::payload(&header, body) {
        Some(payload) => Seen::Live(Found { header, payload }),
        None => Seen::Damaged,
    }
}

fn large(file: &OwnedFd, size: u64, key: &[u8], now: i64, depth: Depth) -> Result<Seen<Found>, Errno> {
    let head = read(file, HEADER + key.len(), 0)?;
    let Some(header) = Header::decode(&head, size) else { return Ok(Seen::Damaged) };
    if header.key_len != key.len() || head.get(HEADER..) != Some(key) {
        // Another key, or a damaged one: only the checksum could tell, and either is a miss.
        return Ok(Seen::Absent);
    }
    if header.is_expired(now) {
        return Ok(Seen::Expired);
    }
    if depth == Depth::Head {
        let payload = entry::payload(&header, Bytes::new());
        return Ok(payload.map_or(Seen::Damaged, |payload| Seen::Live(Found { header, payload })));
    }
    let Ok(length) = usize::try_from(size) else { return Ok(Seen::Damaged) };
    Ok(whole(read(file, length, 0)?, size, key, now))
}
