//! Storing a value: [`DjangoStore::store`].

use cache_core::{Error, Expiry, Key, Payload, Result};

use super::DjangoStore;
use super::entry;
use crate::layout::Over;
use crate::read::Depth;
use crate::temp_file::TempFile;

impl DjangoStore {
    /// Encodes the expiry, as a file begins with it.
    pub(super) fn head(&self, expiry: Expiry) -> Vec<u8> {
        entry::head(expiry.deadline_us(self.now()))
    }

    /// Stores a value, and returns whether it did.
    pub(super) fn store(&self, key: Key<'_>, value: &Payload, expiry: Expiry, over: Over) -> Result<bool> {
        // Spares the temporary file. Whether the entry is absent is decided under the lock.
        if over == Over::Keep && self.find(key, Depth::Whole)?.is_some() {
            return Ok(false);
        }
        let pickle = cache_pickle::from_payload(key, value)?;
        if pickle.len() > self.most {
            if over == Over::Replace {
                self.remove(&[key])?;
            }
            return Err(Error::value_too_large(key.as_str(), pickle.len(), self.most));
        }
        let (name, body) = (entry::file_name(key.as_bytes()), entry::body(&pickle));
        let mut again = false;
        self.in_made_dir(|dir| {
            // A sweep may have found the file before its own lock, and removed it: none can under this lock.
            if std::mem::replace(&mut again, true) {
                dir.lock()?;
            }
            let head = self.head(expiry);
            let mut temp = TempFile::write(dir, [&head, &body])?;
            dir.lock()?;
            if over == Over::Keep && self.look(dir, &name, Depth::Whole)?.is_live() {
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
}
