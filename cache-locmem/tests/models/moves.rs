//! Entries that move between two shards.

use crate::modelled::{EVICTIONS, Model, check};

#[test]
fn moves_in_both_directions_end_and_lose_nothing() {
    check(20, "moves between two shards: 0 deadlocks, 0 lost", || {
        for eviction in EVICTIONS {
            let model = Model::new(eviction, 8, 3);
            // Version 1 of the one goes to 2 while version 2 of the other goes to 1; which shards
            // they are in is another matter in each run.
            let later = model.with_version(2);
            model.set("up", 1);
            later.set("down", &2, cache_core::Timeout::Never).unwrap();
            model.race(4, |number, model| match number {
                0 => drop(model.incr_version("up")),
                1 => drop(model.with_version(2).decr_version("down")),
                2 => drop(model.incr_version("down")),
                _ => drop(model.with_version(2).decr_version("up")),
            });
            for (key, value) in [("up", 1), ("down", 2)] {
                let found: Vec<i64> =
                    [model.value(key), later.get(key).unwrap()].into_iter().flatten().collect();
                assert_eq!(found, [value], "{key} is in one place");
            }
            assert_eq!(model.counted(), 2);
        }
    });
}

#[test]
fn a_move_onto_a_key_that_others_write_counts_right() {
    check(29, "a move onto a written key: every place given back", || {
        for eviction in EVICTIONS {
            let model = Model::new(eviction, 2, 3);
            model.set("k", 1);
            model.race(3, |number, model| match number {
                0 => drop(model.incr_version("k")),
                1 => model.with_version(2).set("k", &2, cache_core::Timeout::Never).unwrap(),
                _ => drop(model.delete("k").unwrap()),
            });
            let found = [model.value("k"), model.with_version(2).get("k").unwrap()];
            assert_eq!(model.counted(), found.iter().flatten().count() as u64, "of {found:?}");
            model.clear().unwrap();
            assert_eq!(model.counted(), 0, "places that nobody gave back");
        }
    });
}
