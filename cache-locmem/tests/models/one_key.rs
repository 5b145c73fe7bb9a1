//! One key, and every operation on it.

use std::sync::{Arc, Mutex};

use cache_core::Timeout;
use conformance_tests::linearizability::{Call, Event, linearizable};
use shuttle::rand::{Rng, thread_rng};

use crate::modelled::{EVICTIONS, Model, check};

#[test]
fn some_order_of_the_calls_explains_what_all_saw() {
    check(20, "histories: all linearizable", || {
        for eviction in EVICTIONS {
            let model = Model::new(eviction, 4, 3);
            // Shuttle runs one thread at a time, so the order in which they came here is the time.
            let log = Arc::new(Mutex::new((0_u64, Vec::new())));
            let events = Arc::clone(&log);
            model.race(3, move |number, model| {
                let tick = || {
                    let mut log = events.lock().unwrap();
                    log.0 += 1;
                    log.0
                };
                for step in 0..4 {
                    let value = i64::try_from(100 * (number + 1) + 10 * step).unwrap();
                    let begin = tick();
                    let call = call(model, value);
                    let end = tick();
                    events.lock().unwrap().1.push(Event { call, begin, end });
                }
            });
            let events = &log.lock().unwrap().1;
            assert!(linearizable(events), "no order explains {events:#?}");
        }
    });
}

fn call(model: &Model, value: i64) -> Call {
    let key = "k";
    match thread_rng().gen_range(0..8) {
        0 | 1 => Call::Get(model.value(key)),
        2 => Call::HasKey(model.has_key(key).unwrap()),
        3 => {
            model.set(key, value);
            Call::Set(value)
        }
        4 => Call::Add(value, model.add(key, &value, Timeout::Never).unwrap()),
        5 => Call::Incr(1, model.incr(key).ok()),
        6 => Call::Delete(model.delete(key).unwrap()),
        _ => Call::Touch(model.touch(key, Timeout::Never).unwrap()),
    }
}
