//! [`Wake`]: the first caller of a key computes, and wakes the others: nothing is kept, nothing expires.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex};

use tokio::sync::Notify;

use super::{ByTasks, ByThreads};

pub(crate) const NAME: &str = "bare wake-up";

/// The least that waking all waiters takes: one event of the system for threads, and tokio's for tasks.
#[derive(Default)]
pub(crate) struct Wake(Mutex<HashMap<String, Arc<Flight>>>);

#[derive(Default)]
struct Flight {
    value: Mutex<Option<u64>>,
    threads: Condvar,
    tasks: Notify,
}

impl Flight {
    fn land(&self, value: u64) -> u64 {
        *self.value.lock().unwrap() = Some(value);
        self.threads.notify_all();
        self.tasks.notify_waiters();
        value
    }
}

impl Wake {
    /// The flight of the key, and whether the caller is the first in it.
    fn board(&self, key: &str) -> (Arc<Flight>, bool) {
        let mut flights = self.0.lock().unwrap();
        match flights.get(key) {
            Some(flight) => (Arc::clone(flight), false),
            None => (Arc::clone(flights.entry(key.to_owned()).or_default()), true),
        }
    }
}

impl ByThreads for Wake {
    fn get(&self, key: &str, function: impl FnOnce() -> u64) -> u64 {
        let (flight, leads) = self.board(key);
        if leads {
            return flight.land(function());
        }
        let value = flight.value.lock().unwrap();
        let value = flight.threads.wait_while(value, |value| value.is_none()).unwrap();
        value.expect("it has landed")
    }
}

impl ByTasks for Wake {
    async fn aget(&self, key: &str, function: impl Future<Output = u64> + Send) -> u64 {
        let (flight, leads) = self.board(key);
        if leads {
            return flight.land(function.await);
        }
        loop {
            let landed = flight.tasks.notified();
            let value = *flight.value.lock().unwrap();
            match value {
                Some(value) => return value,
                None => landed.await,
            }
        }
    }
}
