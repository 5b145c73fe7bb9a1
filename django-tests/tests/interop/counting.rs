//! Both sides increment one counter at once.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cache_core::ErrorKind;
use serde_json::json;

use crate::Pair;

/// How many times each side increments.
const TIMES: i64 = 2_000;

/// The same where Django's increment is a get and a set, with locks and files.
const TIMES_SLOW: i64 = 200;

/// None is lost, where Django's own increment is one step of the store's. Elsewhere Django reads
/// and then writes, so it loses what others add in between, and others see what it puts back: then
/// what is lost is printed, and nothing more is asserted than that the counter is still there.
pub(crate) fn at_once(pair: &Pair) {
    let times = if pair.counts { TIMES } else { TIMES_SLOW };
    pair.rust.set("counter", &0_i64, Duration::from_secs(3_600)).unwrap();
    pair.django("get", json!({ "key": "counter" }));
    let start = SystemTime::now() + Duration::from_millis(200);
    let at = start.duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let (mut by_rust, mut by_django) = (0, 0);
    std::thread::scope(|scope| {
        let django = scope.spawn(|| {
            pair.try_django("count", json!({ "key": "counter", "times": times, "at": at })).map(drop)
        });
        while SystemTime::now() < start {
            std::hint::spin_loop();
        }
        for _ in 0..times {
            match pair.rust.incr("counter") {
                Ok(_) => by_rust += 1,
                // Django's set of a file or a row may be seen as a removal and an addition.
                Err(e) if !pair.counts && e.kind() == ErrorKind::KeyNotFound => {}
                Err(e) => panic!("{}: {e}", pair.name),
            }
        }
        match django.join().unwrap() {
            Ok(()) => by_django = times,
            Err(e) if pair.counts => panic!("{}: {e:?}", pair.name),
            Err(e) => println!("{}: Django stopped counting: {e}", pair.name),
        }
    });
    let sum = pair.rust.get::<i64>("counter").unwrap().unwrap();
    let all = by_rust + by_django;
    println!("{}: the counter is at {sum} after {all} increments by both sides at once", pair.name);
    if pair.counts {
        assert_eq!((all, sum), (2 * times, 2 * times));
    } else {
        assert!(sum > 0);
    }
}
