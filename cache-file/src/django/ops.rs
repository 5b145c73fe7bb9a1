//! The operations on one key.

use std::time::Duration;

use cache_core::{Error, Expiry, Key, Payload, Result};
use cache_fs::{Directory, LockFile};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::DjangoStore;
use super::entry::{self, Found, Seen};
use crate::dir::{AT_ONCE, Dir, TempFile, is_no_entry};
use crate::fs::{self, Fault};
use crate::read::{self, Depth, Form};

/// How long to wait before each further look at a young file that seems to be damaged. More than
/// one, since Django's `touch` lets go of its lock before Python writes the last bytes of its buffer.
const PAUSES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(4), Duration::from_millis(16)];

/// A file that was written less than so long ago may be in the middle of a `touch` of Django's,
/// between two writes without a lock, for as long as Python's threads keep each other waiting.
const YOUNG: Duration = Duration::from_secs(2);

impl DjangoStore {
    fn head(&self, expiry: Expiry) -> Vec<u8> {
        entry::head(expiry.deadline_us(self.now()))
    }

    /// The live entry of a key. Takes no lock, unless it looks damaged.
    pub(super) fn find(&self, key: Key<'_>, depth: Depth) -> Result<Option<Found>> {
        let name = entry::file_name(key.as_bytes());
        self.retry(|| {
            let Some(root) = self.root(false)? else { return Ok(None) };
            let file = match fs::open_to_read(&root, &name) {
                Ok(file) => file,
                Err(Errno::NOENT) if root.is_removed() => return Err(Fault::Gone(None)),
                Err(errno) if is_no_entry(errno) => return Ok(None),
                Err(errno) => return Err(fs::fault(errno, "open", &root.path().join(&name))),
            };
            match entry::read(&file, self.now(), depth, self.most) {
                Ok(Seen::Live(found)) => Ok(Some(found)),
                Ok(Seen::Damaged) => Ok(self.find_again(&root, &name, depth)),
                Ok(_) => Ok(None),
                Err(errno) => Err(fs::fault(errno, "read", &root.path().join(&name))),
            }
        })
    }

    /// A failure on the way leaves the entry to others, and is a miss as damage is.
    fn find_again(&self, root: &Directory, name: &str, depth: Depth) -> Option<Found> {
        let dir = Dir::root(root, self.lock_timeout);
        let mut seen = self.look(&dir, name, depth).ok()?;
        if matches!(seen, Seen::Damaged) {
            dir.lock().ok()?;
            seen = self.look(&dir, name, depth).ok()?;
        }
        match seen {
            Seen::Live(found) => return Some(found),
            Seen::Damaged => {
                let removed = self.unlink(&dir, name).is_ok();
                tracing::warn!(target: "cache_file", file = name, removed, "a damaged entry");
            }
            Seen::Absent | Seen::Unclear | Seen::Expired => {}
        }
        None
    }

    /// What is under a name. Waits a moment for one who writes it in place.
    pub(super) fn look(&self, dir: &Dir<'_>, name: &str, depth: Depth) -> Result<Seen, Fault> {
        let mut seen = self.look_once(dir, name, depth, false)?;
        for pause in PAUSES {
            if !matches!(seen, Seen::Unclear) {
                break;
            }
            std::thread::sleep(pause);
            seen = self.look_once(dir, name, depth, true)?;
        }
        Ok(seen)
    }

    /// What is under a name now; with `locked` when nobody holds its file's lock.
    pub(super) fn look_once(
        &self,
        dir: &Dir<'_>,
        name: &str,
        depth: Depth,
        locked: bool,
    ) -> Result<Seen, Fault> {
        let Some(file) = dir.open_file(name, OFlags::RDONLY)?.map(LockFile::new) else {
            return Ok(Seen::Absent);
        };
        if locked {
            dir.lock_to_read(&file, name)?;
        }
        let fd = file.descriptor();
        let seen = entry::read(fd, self.now(), depth, self.most).map_err(|e| dir.fault(e, "read", name))?;
        // Who writes in place writes to a file of this one name.
        let is_alone = || read::form(fd).is_ok_and(|form| matches!(form, Form::Alone(_)));
        let is_young = || is_alone() && read::age_of(fd).is_ok_and(|age| age < YOUNG);
        Ok(if matches!(seen, Seen::Damaged) && is_young() { Seen::Unclear } else { seen })
    }

    /// Removes an entry's file. Under the lock.
    pub(super) fn unlink(&self, dir: &Dir<'_>, name: &str) -> Result<bool, Fault> {
        let removed = dir.unlink(name)?;
        if removed {
            self.count().removed(1);
        }
        Ok(removed)
    }

    /// Stores; with `add` only if no live entry is there. True if it did.
    pub(super) fn put(&self, key: Key<'_>, value: &Payload, expiry: Expiry, add: bool) -> Result<bool> {
        // Spares the temporary file; whether it is absent is decided under the lock.
        if add && self.find(key, Depth::Whole)?.is_some() {
            return Ok(false);
        }
        let pickle = cache_pickle::from_payload(key, value)?;
        if pickle.len() > self.most {
            if !add {
                self.remove(key)?;
            }
            return Err(Error::value_too_large(key.as_str(), pickle.len(), self.most));
        }
        let (name, body) = (entry::file_name(key.as_bytes()), entry::body(&pickle));
        self.in_made_dir(|dir| {
            let head = self.head(expiry);
            let mut temp = TempFile::write(dir, [&head, &body])?;
            dir.lock()?;
            if add && self.look(dir, &name, Depth::Whole)?.is_live() {
                return Ok(false);
            }
            // The wait for the lock must not shorten a lifetime.
            let now = self.head(expiry);
            if now != head && now.len() == head.len() {
                temp.overwrite(&now, 0)?;
            }
            let is_new = !dir.has_file(&name)?;
            if is_new {
                self.make_room(dir)?;
            }
            temp.publish(&name, !is_new)?;
            if is_new {
                self.added(dir);
            }
            Ok(true)
        })
    }

    /// Puts another file in the place of a live entry's; `None` where there is none. `change`
    /// gives its head, its body and the result.
    fn replace<T: Copy>(
        &self,
        key: Key<'_>,
        change: impl Fn(&Found) -> Result<(Vec<u8>, Vec<u8>, T)>,
    ) -> Result<Option<T>> {
        let name = entry::file_name(key.as_bytes());
        self.in_dir(None, |dir| {
            dir.lock()?;
            let found = match self.look(dir, &name, Depth::Whole)? {
                Seen::Live(found) => found,
                Seen::Absent | Seen::Unclear => return Ok(None),
                Seen::Damaged | Seen::Expired => return self.unlink(dir, &name).map(|_| None),
            };
            let (head, body, result) = change(&found)?;
            TempFile::write(dir, [&head, &body])?.publish(&name, true)?;
            Ok(Some(result))
        })
    }

    pub(super) fn renew(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        let renewed = self.replace(key, |found| match found.pickle {
            Some(_) => Ok((self.head(expiry), found.body().to_vec(), ())),
            None => Err(self.too_long(key)),
        })?;
        Ok(renewed.is_some())
    }

    pub(super) fn count_on(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        let counted = self.replace(key, |found| {
            let number = match found.pickle.clone().map(cache_pickle::to_payload) {
                Some(Payload::Int(number)) => number,
                _ => return Err(Error::not_an_integer(key.as_str())),
            };
            let sum = number.checked_add(delta).ok_or_else(|| Error::overflow(key.as_str()))?;
            let pickle = cache_pickle::from_payload(key, &Payload::Int(sum))?;
            Ok((found.head().to_vec(), entry::body(&pickle), sum))
        })?;
        counted.ok_or_else(|| Error::key_not_found(key.as_str()))
    }

    pub(super) fn remove(&self, key: Key<'_>) -> Result<bool> {
        let name = entry::file_name(key.as_bytes());
        self.in_dir(false, |dir| {
            dir.lock()?;
            self.remove_from(dir, &name)
        })
    }

    /// Opens the directory once, and locks it as often as it takes not to keep others waiting.
    pub(super) fn remove_many(&self, keys: &[Key<'_>]) -> Result<()> {
        let names: Vec<_> = keys.iter().map(|key| entry::file_name(key.as_bytes())).collect();
        self.in_dir((), |dir| {
            for some in names.chunks(AT_ONCE) {
                dir.lock()?;
                some.iter().try_for_each(|name| self.remove_from(dir, name).map(drop))?;
                dir.unlock()?;
            }
            Ok(())
        })
    }

    /// Removes an entry, expired or not; true if it was live. Under the lock.
    fn remove_from(&self, dir: &Dir<'_>, name: &str) -> Result<bool, Fault> {
        match self.look_once(dir, name, Depth::Head, false)? {
            Seen::Absent => Ok(false),
            Seen::Damaged | Seen::Expired => self.unlink(dir, name).map(|_| false),
            Seen::Live(_) | Seen::Unclear => self.unlink(dir, name),
        }
    }

    /// One rename, since the file does not hold its key.
    pub(super) fn move_entry(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        let [old, new] = [from, to].map(|key| entry::file_name(key.as_bytes()));
        self.in_dir(false, |dir| {
            dir.lock()?;
            if !self.look(dir, &old, Depth::Whole)?.is_live() {
                return Ok(false);
            }
            let replaces = dir.has_file(&new)?;
            dir.rename(&old, &new)?;
            if replaces {
                self.count().removed(1);
            }
            Ok(true)
        })
    }
}
