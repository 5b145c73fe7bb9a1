//! Damaged files: always a miss, never an error or a wrong value. Every damage of one entry is tried in
//! `tests/faults`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a failure is a panic")]

mod common;

use std::fs;
use std::time::Duration;

use cache_core::{BaseCache as _, Bytes};
use common::{cache, entry_files, only_file, state_file};

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn damage_beyond_what_is_read_at_once_is_a_miss() {
    let (_dir, backend, cache) = cache(|o| o);
    let value = Bytes::from((0..300_000_u32).map(|n| (n / 7) as u8).collect::<Vec<_>>());
    for at in [0, 5, 9, 17, 33, 60, 82, 70_000, 299_999] {
        cache.set_bytes("big", value.clone(), HOUR).unwrap();
        assert_eq!(cache.get_bytes("big").unwrap(), Some(value.clone()));
        let file = only_file(backend.dir());
        let mut bytes = fs::read(&file).unwrap();
        bytes[at] ^= 0x40;
        fs::write(&file, &bytes).unwrap();
        assert_eq!(cache.get_bytes("big").unwrap(), None, "{at}");
        assert!(cache.add("big", "new", HOUR).unwrap(), "{at}");
    }
}

#[test]
fn a_header_that_promises_more_than_there_is_allocates_nothing() {
    let (_dir, backend, cache) = cache(|o| o);
    cache.set("k", "v", HOUR).unwrap();
    let file = fs::OpenOptions::new().write(true).open(only_file(backend.dir())).unwrap();
    // A sparse terabyte: reading it, or setting memory aside for it, would end the test.
    file.set_len(1 << 40).unwrap();
    assert_eq!(cache.get::<String>("k").unwrap(), None);
    assert!(!cache.has_key("k").unwrap());
}

#[test]
fn a_file_of_another_key_is_a_miss_and_not_handed_out() {
    let (_dir, backend, cache) = cache(|o| o);
    cache.set("a", "of a", HOUR).unwrap();
    let a = only_file(backend.dir());
    cache.set("b", "of b", HOUR).unwrap();
    let b = entry_files(backend.dir()).into_iter().find(|file| *file != a).unwrap();
    fs::copy(&a, &b).unwrap();
    assert_eq!(cache.get::<String>("b").unwrap(), None);
    assert!(!cache.has_key("b").unwrap() && !cache.touch("b", HOUR).unwrap() && !cache.delete("b").unwrap());
    assert!(cache.add("b", "new b", HOUR).unwrap());
    assert_eq!(cache.get::<String>("b").unwrap().as_deref(), Some("new b"));
    assert_eq!(cache.get::<String>("a").unwrap().as_deref(), Some("of a"));
    fs::copy(&a, &b).unwrap();
    assert_eq!((backend.purge_expired().unwrap(), backend.entries().unwrap()), (Some(1), Some(1)));
}

#[test]
fn a_sweep_finds_damage_that_nobody_read() {
    let (_dir, backend, cache) = cache(|o| o);
    for n in 0..10 {
        cache.set(&format!("k{n}"), "0123456789", HOUR).unwrap();
    }
    for file in entry_files(backend.dir()).iter().take(3) {
        let mut bytes = fs::read(file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(file, bytes).unwrap();
    }
    assert_eq!((backend.purge_expired().unwrap(), backend.entries().unwrap()), (Some(3), Some(7)));
}

#[test]
fn a_state_file_in_any_condition_is_made_good_and_no_entry_is_lost() {
    for limit in [20, 2_000] {
        let (_dir, backend, cache) = cache(|o| o.max_entries(limit));
        for n in 0..20 {
            cache.set(&format!("k{n}"), &n, HOUR).unwrap();
        }
        let state = state_file(backend.dir());
        let good = fs::read(&state).unwrap();
        let mut conditions: Vec<Option<Vec<u8>>> = vec![None, Some(vec![]), Some(vec![0; good.len()])];
        conditions.push(Some(good[..good.len() - 1].to_vec()));
        conditions.push(Some([&good[..], &[0]].concat()));
        conditions.extend((0..64 * 8).map(|bit| {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            Some(flipped)
        }));
        for (case, condition) in conditions.into_iter().enumerate() {
            match &condition {
                None => fs::remove_file(&state).unwrap(),
                Some(bytes) => fs::write(&state, bytes).unwrap(),
            }
            if case % 2 == 0 {
                cache.close().unwrap();
            }
            assert_eq!(cache.get::<i32>("k3").unwrap(), Some(3), "case {case}");
            // An overwrite heals the record only when it needs it; a new key always does.
            cache.set("k4", &4, HOUR).unwrap();
            if limit > 20 {
                assert!(cache.add("extra", &1, HOUR).unwrap(), "case {case}");
                assert!(cache.delete("extra").unwrap());
            } else {
                cache.delete("k5").unwrap();
                cache.set("k5", &5, HOUR).unwrap();
            }
            assert_eq!(backend.entries().unwrap(), Some(20), "case {case}");
            assert_eq!(entry_files(backend.dir()).len(), 20, "case {case}");
        }
    }
}
