//! Bugs of races: operations in two steps, where one step is right.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cache_core::{Error, Payload, Result};

use crate::reference_store::{Entry, Store};
use crate::values::with_bytes;

/// What a system call or a round trip takes between the two steps.
pub(crate) fn gap() {
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(20) {
        std::hint::spin_loop();
    }
    std::thread::yield_now();
}

/// Finds an expired entry, then removes the key's entry even if it has been replaced meanwhile.
pub(crate) fn get_removing_expired(store: &Store, key: &str) -> Option<Payload> {
    let now = store.now();
    let expired = store.lock().entries.get(key).is_some_and(|entry| !entry.is_live(now));
    if expired {
        gap();
        store.lock().entries.remove(key);
    }
    store.get(key)
}

/// Every eighth read answers with the value before.
pub(crate) fn get_stale_at_times(store: &Store, key: &str) -> Option<Payload> {
    let now = store.now();
    let mut map = store.lock();
    map.reads += 1;
    let stale = map.reads.is_multiple_of(8);
    let entry = map.live(key, now)?;
    match &entry.previous {
        Some(previous) if stale => Some(previous.clone()),
        _ => Some(entry.payload.clone()),
    }
}

/// The first half, then the second.
pub(crate) fn set_torn(store: &Store, key: &str, payload: Payload, deadline: Option<u64>) {
    if let Some(old) = store.get(key) {
        let torn = with_bytes(&payload, |new| {
            let half = new.len() / 2;
            let rest = old.bytes().get(half..).unwrap_or_default();
            [&new[..half], rest].concat().into()
        });
        store.put(key, torn, deadline);
        gap();
    }
    store.put(key, payload, deadline);
}

/// Every write goes through the same buffer, which is not locked for long enough.
pub(crate) fn set_through_one_buffer(store: &Store, key: &str, payload: Payload, deadline: Option<u64>) {
    static BUFFER: Mutex<Option<Payload>> = Mutex::new(None);
    let mine = payload.clone();
    *BUFFER.lock().unwrap_or_else(PoisonError::into_inner) = Some(payload);
    gap();
    let written = BUFFER.lock().unwrap_or_else(PoisonError::into_inner).clone();
    store.put(key, written.unwrap_or(mine), deadline);
}

/// Counts, makes room, and inserts, each by itself.
pub(crate) fn put_counting_first(store: &Store, key: &str, payload: Payload, deadline: Option<u64>) {
    let now = store.now();
    if !store.lock().entries.contains_key(key) {
        crate::culling::make_room(&mut store.lock(), store, now);
    }
    gap();
    let mut map = store.lock();
    let used = map.tick();
    map.entries.insert(key.to_owned(), Entry { payload, deadline, used, previous: None });
}

/// Takes the entry out, changes it, and puts it back.
pub(crate) fn touch_in_place(store: &Store, key: &str, deadline: Option<u64>) -> bool {
    let now = store.now();
    if !store.has_key(key) {
        return false;
    }
    let Some(mut entry) = store.lock().entries.remove(key) else { return false };
    gap();
    let live = entry.is_live(now);
    entry.deadline = deadline;
    if live {
        store.lock().entries.entry(key.to_owned()).or_insert(entry);
    }
    live
}

/// Reads the value, and writes it again with the new deadline.
pub(crate) fn touch_writing_back(store: &Store, key: &str, deadline: Option<u64>) -> bool {
    let Some(payload) = store.get(key) else { return false };
    gap();
    store.put(key, payload, deadline);
    true
}

/// Takes the entry away, and puts it under the new key a moment later.
pub(crate) fn rename_removing_first(store: &Store, from: &str, to: &str) -> bool {
    let now = store.now();
    let entry = store.lock().entries.remove(from);
    gap();
    match entry {
        Some(entry) if entry.is_live(now) => {
            store.lock().entries.insert(to.to_owned(), entry);
            true
        }
        _ => false,
    }
}

/// Copies, and removes: two movers may both find the entry.
pub(crate) fn rename_racy(store: &Store, from: &str, to: &str) -> bool {
    let now = store.now();
    let Some(entry) = store.lock().live(from, now).cloned() else { return false };
    gap();
    let mut map = store.lock();
    map.entries.insert(to.to_owned(), entry);
    map.entries.remove(from);
    true
}

/// Reads, adds, and writes; the lifetime stays.
pub(crate) fn incr_racy(store: &Store, key: &str, delta: i64) -> Result<i64> {
    let now = store.now();
    let entry = store.lock().live(key, now).cloned().ok_or_else(|| Error::key_not_found(key))?;
    let Payload::Int(n) = entry.payload else { return Err(Error::not_an_integer(key)) };
    let sum = n.checked_add(delta).ok_or_else(|| Error::overflow(key))?;
    gap();
    store.put(key, Payload::Int(sum), entry.deadline);
    Ok(sum)
}

/// Checks that the key exists; the increment then creates the key if it has gone meanwhile.
pub(crate) fn exists_then_incr(store: &Store, key: &str, delta: i64) -> Result<i64> {
    if !store.has_key(key) {
        return Err(Error::key_not_found(key));
    }
    gap();
    store.add(key, Payload::Int(0), None);
    store.incr(key, delta)
}
