//! [`Lookup`]: judging what is in an entry's file.

#[cfg(test)]
mod fuzz;

use bytes::{Buf as _, Bytes};
use cache_core::Payload;
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::entry::{self, HEADER, Header};
use super::paths::EntryName;
use crate::read::{Depth, Form, form, read};

/// Larger files are not read, and no memory is set aside for them, before their header is good.
const AT_ONCE: usize = 64 * 1024;

/// What a reader makes of a file.
#[derive(Debug)]
pub(crate) enum Lookup<T> {
    /// Nothing of this key: no regular file, or one that holds another key.
    Absent,
    /// Not what was written, or not where.
    Damaged,
    Expired,
    Live(T),
}

impl<T> Lookup<T> {
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Lookup<U> {
        match self {
            Self::Absent => Lookup::Absent,
            Self::Damaged => Lookup::Damaged,
            Self::Expired => Lookup::Expired,
            Self::Live(found) => Lookup::Live(f(found)),
        }
    }

    pub(crate) const fn is_live(&self) -> bool {
        matches!(self, Self::Live(_))
    }
}

/// An entry: its header and its body, which is empty if it was not read.
pub(crate) struct Found {
    pub(crate) header: Header,
    pub(crate) payload: Payload,
}

/// Judges the entry of `key` in `file`.
///
/// One `fstat`, one `read` up to 64 KiB, one allocation that the payload then owns.
pub(crate) fn entry(file: &OwnedFd, key: &[u8], now: i64, depth: Depth) -> Result<Lookup<Found>, Errno> {
    let size = match form(file)? {
        Form::Alone(size) => size,
        Form::Linked => return Ok(Lookup::Damaged),
        Form::Other => return Ok(Lookup::Absent),
    };
    if size > AT_ONCE as u64 {
        return large(file, size, key, now, depth);
    }
    let bytes = read(file, usize::try_from(size).unwrap_or(AT_ONCE), 0)?;
    Ok(whole(bytes, size, key, now))
}

/// Judges the header of an entry whose key is not known. It is `Damaged` where `name` is not the name of its
/// key.
pub(crate) fn header(file: &OwnedFd, now: i64, depth: Depth, name: &[u8]) -> Result<Lookup<Header>, Errno> {
    let size = match form(file)? {
        Form::Alone(size) => size,
        Form::Linked => return Ok(Lookup::Damaged),
        Form::Other => return Ok(Lookup::Absent),
    };
    let bytes = read(file, HEADER, 0)?;
    let Some(header) = Header::decode(&bytes, size) else { return Ok(Lookup::Damaged) };
    if depth == Depth::Whole {
        let Ok(length) = usize::try_from(size) else { return Ok(Lookup::Damaged) };
        let content = read(file, length - HEADER, HEADER as u64)?;
        let key = content.get(..header.key_len).unwrap_or_default();
        if !header.vouches_for(&content) || EntryName::of(key).as_str().as_bytes() != name {
            return Ok(Lookup::Damaged);
        }
    }
    Ok(if header.is_expired(now) { Lookup::Expired } else { Lookup::Live(header) })
}

fn whole(bytes: Vec<u8>, size: u64, key: &[u8], now: i64) -> Lookup<Found> {
    let decoded = Header::decode(&bytes, size).filter(|_| bytes.len() as u64 == size);
    let Some(header) = decoded else { return Lookup::Damaged };
    if !header.vouches_for(bytes.get(HEADER..).unwrap_or_default()) {
        return Lookup::Damaged;
    }
    if bytes.get(HEADER..HEADER + header.key_len) != Some(key) {
        return Lookup::Absent;
    }
    if header.is_expired(now) {
        return Lookup::Expired;
    }
    let mut body = Bytes::from(bytes);
    // Not a slice: moving the beginning needs no second allocation.
    body.advance(HEADER + header.key_len);
    match entry::payload(&header, body) {
        Some(payload) => Lookup::Live(Found { header, payload }),
        None => Lookup::Damaged,
    }
}

fn large(file: &OwnedFd, size: u64, key: &[u8], now: i64, depth: Depth) -> Result<Lookup<Found>, Errno> {
    let head = read(file, HEADER + key.len(), 0)?;
    let Some(header) = Header::decode(&head, size) else { return Ok(Lookup::Damaged) };
    if header.key_len != key.len() || head.get(HEADER..) != Some(key) {
        // Another key, or a damaged one: only the checksum could tell, and either is a miss.
        return Ok(Lookup::Absent);
    }
    if header.is_expired(now) {
        return Ok(Lookup::Expired);
    }
    if depth == Depth::Head {
        let payload = entry::payload(&header, Bytes::new());
        return Ok(payload.map_or(Lookup::Damaged, |payload| Lookup::Live(Found { header, payload })));
    }
    let Ok(length) = usize::try_from(size) else { return Ok(Lookup::Damaged) };
    Ok(whole(read(file, length, 0)?, size, key, now))
}
