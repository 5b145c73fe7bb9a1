//! The limit on entries, and the places below it.

use std::time::Duration;

use crate::modelled::{EVICTIONS, Model, check};

const MAX: u64 = 3;

#[test]
fn never_more_than_the_limit_and_every_one_is_readable() {
    check(29, "sets in a full store: never above max_entries", || {
        for (eviction, frequency) in [(EVICTIONS[0], 3), (EVICTIONS[1], u32::MAX), (EVICTIONS[0], 0)] {
            let model = Model::new(eviction, MAX, frequency);
            model.race(3, |number, model| {
                for step in 0..3 {
                    model.set(&format!("t{number}-{step}"), step);
                    let counted = model.counted();
                    assert!(counted <= MAX, "{counted} entries");
                }
            });
            let all = (0..3).flat_map(|number| (0..3).map(move |step| format!("t{number}-{step}")));
            let found = all.filter(|key| model.value(key).is_some()).count() as u64;
            assert_eq!(found, model.counted(), "all that is counted can be read");
            assert!((1..=MAX).contains(&found), "{found} entries");
        }
    });
}

#[test]
fn what_has_expired_makes_room_before_anything_that_lives() {
    check(29, "expired entries make room: 0 live ones lost", || {
        for eviction in EVICTIONS {
            let model = Model::new(eviction, 4, 3);
            (0..4).for_each(|n| model.set_for_a_second(&format!("old{n}")));
            model.time.advance(Duration::from_secs(2));
            let key = |number: usize, step: i64| format!("t{number}-{step}");
            model.race(2, move |number, model| {
                for step in 0..2 {
                    model.set(&key(number, step), step);
                    assert_eq!(model.value(&key(number, step)), Some(step), "just set");
                }
            });
            for number in 0..2 {
                for step in 0..2 {
                    assert_eq!(model.value(&key(number, step)), Some(step), "t{number}-{step} in the end");
                }
            }
        }
    });
}

#[test]
fn two_that_find_the_store_full_cull_once() {
    check(29, "two sets in a full store: one cull", || {
        for (frequency, left) in [(2, 5), (0, 2)] {
            let model = Model::with_shards(1, EVICTIONS[0], 6, frequency);
            (0..6).for_each(|n| model.set(&format!("old{n}"), n));
            model.race(2, |number, model| model.set(&format!("new{number}"), 1));
            assert_eq!(model.counted(), left, "after one cull with cull_frequency {frequency}");
            assert!(model.value("new0").is_some() && model.value("new1").is_some());
        }
    });
}

#[test]
fn removal_in_every_way_gives_each_place_back_once() {
    check(29, "delete, clear, expiry and cull at once: places exact", || {
        for eviction in EVICTIONS {
            let model = Model::new(eviction, MAX, 3);
            model.set_for_a_second("old");
            model.set("k", 1);
            model.time.advance(Duration::from_secs(2));
            model.race(4, |number, model| match number {
                0 => drop(model.delete("old").unwrap()),
                1 => model.clear().unwrap(),
                2 => drop(model.delete("k").unwrap()),
                _ => ["a", "b", "c"].iter().for_each(|key| model.set(key, 1)),
            });
            let found = ["old", "k", "a", "b", "c"].iter().filter(|key| model.value(key).is_some());
            assert_eq!(found.count() as u64, model.counted());
            model.clear().unwrap();
            assert_eq!(model.counted(), 0);
            for n in 0..10 {
                model.set(&format!("new{n}"), n);
                assert!(model.counted() <= MAX);
            }
        }
    });
}
