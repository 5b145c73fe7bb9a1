//! The bytes of an entry's file as Django writes them, and its name.
//!
//! ```text
//!   pickle of the expiry    a float, seconds since the Unix epoch, or None for never; ours of a
//!                           float is sealed
//!   zlib stream             of the pickled value
//!   anything                what a longer value left; ignored
//! ```
//!
//! The key is not in it: two keys with one MD5 are one entry.

use bytes::Bytes;
use cache_pickle::{Seal, Value};
use md5::{Digest as _, Md5};
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::paths::{self, Role};
use crate::read::{self, Depth, Form};

/// The end of an entry's name, and the hexadecimal digits before it.
const SUFFIX: &str = ".djcache";
const DIGITS: usize = 32;

/// No pickle of an expiry is longer: Python writes up to 21 bytes for its own numbers, and some
/// more for those of libraries.
const LONGEST_HEAD: usize = 512;

/// Python's own default.
const LEVEL: u8 = 6;

/// Returns the name of a key's file.
pub(super) fn file_name(key: &[u8]) -> String {
    paths::file_name(&Md5::digest(key), SUFFIX)
}

pub(super) fn role(name: &[u8]) -> Role {
    paths::role_of(name, DIGITS, SUFFIX)
}

/// What a reader makes of a file. Django locks nothing, so one answer is that a file is unclear.
#[derive(Debug)]
pub(super) enum Lookup {
    /// No regular file.
    Absent,
    /// What no writer leaves behind.
    Damaged,
    /// Good or not: its writer may be at it, or Python alone can judge its expiry. It is missed,
    /// and left alone.
    Unclear,
    Expired,
    Live(Found),
}

impl Lookup {
    pub(super) const fn is_live(&self) -> bool {
        matches!(self, Self::Live(_))
    }
}

/// When an entry expires.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Until {
    Never,
    /// Seconds since the Unix epoch.
    Moment(f64),
    /// An object that works as a number in Python.
    Unclear,
}

/// What a file begins with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Head {
    until: Until,
    len: usize,
}

impl Head {
    /// Returns `None` if the file does not begin with an expiry, or with a damaged one written by this crate.
    fn decode(file: &[u8]) -> Option<Self> {
        if file.first_chunk().is_some_and(is_damaged) {
            return None;
        }
        let start = file.get(..LONGEST_HEAD).unwrap_or(file);
        let (expiry, rest) = Value::read_first(start).ok()?;
        let until = match expiry {
            Value::None => Until::Never,
            Value::Float(seconds) => Until::Moment(seconds),
            Value::Int(seconds) => Until::Moment(seconds as f64),
            Value::Object(_) => Until::Unclear,
            _ => return None,
        };
        Some(Self { until, len: start.len() - rest.len() })
    }

    /// Returns whether the moment is past, by a clock that says `now` microseconds. As in Django, the entry is
    /// still there at the very moment.
    fn is_expired(&self, now: i64) -> bool {
        matches!(self.until, Until::Moment(moment) if moment < now as f64 / 1e6)
    }
}

/// The length of an expiry as this crate writes it, except for entries that never expire.
const OWN_HEAD: usize = 18;

/// Encodes an expiry, in microseconds since the Unix epoch.
pub(super) fn head(deadline: Option<i64>) -> Vec<u8> {
    let Some(us) = deadline else { return b"\x80\x04N.".to_vec() };
    let float = (us as f64 / 1e6).to_be_bytes();
    cache_pickle::seal(&[&b"\x80\x04G"[..], &float, b"."].concat(), NO_NAME)
}

/// The whole of an expiry is the same in any file.
const NO_NAME: &[u8] = b"";

/// Returns whether this is an expiry that this crate wrote and that does not match its seal. Django writes no
/// seals.
fn is_damaged(head: &[u8; OWN_HEAD]) -> bool {
    Seal::of(head, NO_NAME) == Seal::Broken
}

pub(super) fn body(pickle: &[u8]) -> Vec<u8> {
    compress_to_vec_zlib(pickle, LEVEL)
}

/// An entry as it was read.
#[derive(Debug)]
pub(super) struct Found {
    file: Vec<u8>,
    head: Head,
    /// `None` if it was not read, or is longer than the limit.
    pub(super) pickle: Option<Bytes>,
}

impl Found {
    pub(super) fn head(&self) -> &[u8] {
        self.file.get(..self.head.len).unwrap_or_default()
    }

    pub(super) fn body(&self) -> &[u8] {
        self.file.get(self.head.len..).unwrap_or_default()
    }
}

/// Judges what is in `file`. Of a value of more than `most` bytes it says only that it exists. With
/// [`Depth::Head`] the value is taken on trust.
pub(super) fn read(file: &OwnedFd, now: i64, depth: Depth, most: usize) -> Result<Lookup, Errno> {
    let size = match read::form(file)? {
        Form::Alone(size) => size,
        Form::Linked => return Ok(Lookup::Damaged),
        Form::Other => return Ok(Lookup::Absent),
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    // What cannot be compressed becomes longer by a few bytes in each 16 KiB.
    let longest = most.saturating_add(most / 1_024).saturating_add(1_024);
    let depth = if size > longest { Depth::Head } else { depth };
    let length = if depth == Depth::Head { size.min(LONGEST_HEAD) } else { size };
    Ok(decode(read::read(file, length, 0)?, now, depth, most))
}

fn decode(file: Vec<u8>, now: i64, depth: Depth, most: usize) -> Lookup {
    let Some(head) = Head::decode(&file) else { return Lookup::Damaged };
    if head.until == Until::Unclear {
        return Lookup::Unclear;
    }
    if head.is_expired(now) {
        return Lookup::Expired;
    }
    let mut found = Found { file, head, pickle: None };
    if depth == Depth::Whole {
        match decompress_to_vec_zlib_with_limit(found.body(), most) {
            Ok(pickle) => found.pickle = Some(pickle.into()),
            Err(e) if e.status == TINFLStatus::HasMoreOutput => {}
            Err(_) => return Lookup::Damaged,
        }
    }
    Lookup::Live(found)
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1_000;

    fn whole(file: &[u8], now: i64) -> Lookup {
        decode(file.to_vec(), now, Depth::Whole, MOST)
    }

    #[test]
    fn what_is_written_is_read() {
        for deadline in [None, Some(1_700_000_000_123_000), Some(i64::MAX - 1)] {
            let file = [head(deadline), body(b"N.")].concat();
            let Lookup::Live(found) = whole(&file, 1_700_000_000_123_000) else { panic!("{deadline:?}") };
            assert_eq!((found.head(), found.pickle.as_deref()), (&head(deadline)[..], Some(&b"N."[..])));
        }
        assert_eq!(head(Some(1)).len(), head(Some(i64::MAX)).len());
    }

    #[test]
    fn a_moment_is_past_after_it_and_not_at_it() {
        let at = 1_700_000_000_123_000;
        let file = [head(Some(at)), body(b"N.")].concat();
        assert!(whole(&file, at).is_live());
        assert!(matches!(whole(&file, at + 1), Lookup::Expired));
        // Whole seconds as an integer, as a hand-written timeout may be.
        let file = [b"K\x05.".to_vec(), body(b"N.")].concat();
        assert!(whole(&file, 5_000_000).is_live() && matches!(whole(&file, 5_000_001), Lookup::Expired));
    }

    #[test]
    fn damage_is_seen_and_what_follows_the_stream_is_not() {
        for (deadline, until) in [(None, Until::Never), (Some(1_500_000), Until::Moment(1.5))] {
            let file = [head(deadline), body(b"X\x03\0\0\0abc.")].concat();
            for length in 0..file.len() {
                assert!(matches!(whole(&file[..length], 0), Lookup::Damaged), "cut at {length}");
            }
            assert!(whole(&[&file[..], b"what a longer value left"].concat(), 0).is_live());
            for bit in 0..file.len() * 8 {
                let mut flipped = file.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                if let Lookup::Live(found) = whole(&flipped, 0) {
                    // Only the level that the stream says it was compressed with, or the protocol.
                    assert_eq!(found.pickle.as_deref(), Some(&b"X\x03\0\0\0abc."[..]), "bit {bit}");
                    assert_eq!(found.head.until, until, "bit {bit}");
                }
            }
        }
        for head in [&b"\x80\x04\x88."[..], b"\x80\x04]."] {
            assert!(matches!(whole(&[head, &body(b"N.")].concat(), 0), Lookup::Damaged));
        }
    }

    #[test]
    fn what_inflates_to_more_than_the_limit_is_there_and_not_read() {
        let at = |length| [head(None), body(&vec![b'x'; length])].concat();
        let length_of = |seen| match seen {
            Lookup::Live(found) => found.pickle.map(|pickle| pickle.len()),
            other => panic!("{other:?}"),
        };
        assert_eq!(length_of(whole(&at(MOST), 0)), Some(MOST));
        assert_eq!(length_of(whole(&at(MOST + 1), 0)), None);
    }

    #[test]
    fn an_expiry_that_python_alone_can_judge_is_unclear() {
        // A class of a number's, as a library's: `m.Seconds(5.0)`.
        let head = b"\x80\x04\x8c\x01m\x8c\x07Seconds\x93G\x40\x14\0\0\0\0\0\0\x85R.";
        assert!(matches!(whole(&[&head[..], &body(b"N.")].concat(), 0), Lookup::Unclear));
    }

    #[test]
    fn only_names_of_djangos_form_are_entries() {
        let name = file_name(":1:hé".as_bytes());
        assert_eq!(name, "dd168012506bc2a82f8679fed540e5c5.djcache");
        assert_eq!(role(name.as_bytes()), Role::Entry);
        assert_eq!(role(paths::temp_name().as_bytes()), Role::Temporary);
        for foreign in ["", "tmpab12cd34", "x.djcache", &name[1..], &name.to_uppercase(), &name[..32]] {
            assert_eq!(role(foreign.as_bytes()), Role::Foreign, "{foreign}");
        }
    }
}
