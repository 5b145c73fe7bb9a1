//! [`Removed`]: what a call takes out of the store, to be dropped once no lock is held.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use cache_core::Payload;
use hashbrown::HashTable;

use crate::entry::Entry;

/// Values that have left the store. Dropping one may run its owner's code, which may call the store or panic. Make
/// this **before** locking a shard, so that it is dropped after the lock.
///
/// All are dropped, whatever one of them does. Then the first panic goes on.
#[derive(Default)]
pub(crate) struct Removed {
    value: Option<Payload>,
    /// One needs no memory of its own.
    one: Option<Box<Entry>>,
    #[allow(clippy::vec_box, reason = "they come as they are from the table")]
    more: Vec<Box<Entry>>,
    tables: Vec<HashTable<Box<Entry>>>,
}

impl Removed {
    /// Takes a value without an entry: what was set over, or was not stored.
    pub(crate) fn value(&mut self, value: Payload) {
        debug_assert!(self.value.is_none(), "a call replaces one value");
        self.value = Some(value);
    }

    pub(crate) fn entry(&mut self, entry: Box<Entry>) {
        if self.one.is_none() {
            self.one = Some(entry);
        } else {
            self.more.push(entry);
        }
    }

    pub(crate) fn all(&mut self, entries: HashTable<Box<Entry>>) {
        if !entries.is_empty() {
            self.tables.push(entries);
        }
    }
}

impl Drop for Removed {
    #[inline]
    fn drop(&mut self) {
        if self.value.is_some() || self.one.is_some() || !self.tables.is_empty() {
            self.drop_all();
        }
    }
}

impl Removed {
    fn drop_all(&mut self) {
        let mut first = None;
        let mut contain = |drop_it: &mut dyn FnMut()| {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(drop_it)) {
                first.get_or_insert(panic);
            }
        };
        let mut value = self.value.take();
        contain(&mut || drop(value.take()));
        let entries = self.one.take().into_iter().chain(self.more.drain(..));
        for entry in entries.chain(self.tables.drain(..).flatten()) {
            let mut entry = Some(entry);
            contain(&mut || drop(entry.take()));
        }
        // A second panic would end the process.
        if let Some(panic) = first
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}
