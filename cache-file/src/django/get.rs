//! Reading an entry: [`DjangoStore::find`].

use std::time::Duration;

use cache_core::{Key, Result};
use cache_fs::{Directory, LockFile};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::DjangoStore;
use super::entry::{self, Found, Lookup};
use crate::entry_dir::{EntryDir, is_no_entry};
use crate::error::FsError;
use crate::fs;
use crate::read::{self, Depth, Form};

/// How long to wait before each further look at a young file that seems to be damaged. More than
/// one, since Django's `touch` lets go of its lock before Python writes the last bytes of its buffer.
const PAUSES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(4), Duration::from_millis(16)];

/// A file that was written less than this long ago may be in the middle of a `touch` of Django's,
/// between two writes without a lock, for as long as Python's threads keep each other waiting.
const YOUNG: Duration = Duration::from_secs(2);

impl DjangoStore {
    /// Finds the live entry of a key. Takes no lock, unless the entry looks damaged.
    pub(super) fn find(&self, key: Key<'_>, depth: Depth) -> Result<Option<Found>> {
        let name = entry::file_name(key.as_bytes());
        self.retry(|| {
            let Some(root) = self.root(false)? else { return Ok(None) };
            let file = match fs::open_to_read(&root, &name) {
                Ok(file) => file,
                Err(Errno::NOENT) if root.is_removed() => return Err(FsError::Gone(None)),
                Err(errno) if is_no_entry(errno) => return Ok(None),
                Err(errno) => return Err(FsError::new(errno, "open", &root.path().join(&name))),
            };
            match entry::read(&file, self.now(), depth, self.most) {
                Ok(Lookup::Live(found)) => Ok(Some(found)),
                Ok(Lookup::Damaged) => Ok(self.find_again(&root, &name, depth)),
                Ok(_) => Ok(None),
                Err(errno) => Err(FsError::new(errno, "read", &root.path().join(&name))),
            }
        })
    }

    /// Looks again, in the end under the lock. A failure on the way leaves the entry to others, and is a miss as damage is.
    fn find_again(&self, root: &Directory, name: &str, depth: Depth) -> Option<Found> {
        let dir = EntryDir::root(root, self.lock_timeout);
        let mut seen = self.look(&dir, name, depth).ok()?;
        if matches!(seen, Lookup::Damaged) {
            dir.lock().ok()?;
            seen = self.look(&dir, name, depth).ok()?;
        }
        match seen {
            Lookup::Live(found) => return Some(found),
            Lookup::Damaged => {
                let removed = self.unlink(&dir, name).is_ok();
                tracing::warn!(target: "cache_file", file = name, removed, "a damaged entry");
            }
            Lookup::Absent | Lookup::Unclear | Lookup::Expired => {}
        }
        None
    }

    /// Looks what is under a name. Waits a moment for a writer that changes it in place.
    pub(super) fn look(&self, dir: &EntryDir<'_>, name: &str, depth: Depth) -> Result<Lookup, FsError> {
        let mut seen = self.look_once(dir, name, depth, false)?;
        for pause in PAUSES {
            if !matches!(seen, Lookup::Unclear) {
                break;
            }
            std::thread::sleep(pause);
            seen = self.look_once(dir, name, depth, true)?;
        }
        Ok(seen)
    }

    /// Looks once what is under a name; with `locked` when nobody holds the lock of its file.
    pub(super) fn look_once(
        &self,
        dir: &EntryDir<'_>,
        name: &str,
        depth: Depth,
        locked: bool,
    ) -> Result<Lookup, FsError> {
        let Some(file) = dir.open_file(name, OFlags::RDONLY)?.map(LockFile::new) else {
            return Ok(Lookup::Absent);
        };
        if locked {
            dir.lock_to_read(&file, name)?;
        }
        let fd = file.descriptor();
        let seen = entry::read(fd, self.now(), depth, self.most).map_err(|e| dir.error(e, "read", name))?;
        // Who writes in place writes to a file of this one name.
        let is_alone = || read::form(fd).is_ok_and(|form| matches!(form, Form::Alone(_)));
        let is_young = || is_alone() && read::age_of(fd).is_ok_and(|age| age < YOUNG);
        Ok(if matches!(seen, Lookup::Damaged) && is_young() { Lookup::Unclear } else { seen })
    }
}
