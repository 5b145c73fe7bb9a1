//! [`Pool`]: several bridges, so that callers at once meet in Django and not in front of it.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::bridge::{Bridge, BridgeError};

/// How long a request may take. Django lists the directory for each file that it writes, so a thousand
/// take a while on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(40);

/// Processes that serve any cache of Django's, each one request at a time. They are started as
/// callers come at once, and stay.
#[derive(Debug)]
pub struct Pool {
    python: PathBuf,
    free: Mutex<Free>,
    returned: Condvar,
}

#[derive(Debug)]
struct Free {
    idle: Vec<Bridge>,
    left: usize,
}

impl Pool {
    /// A pool of at most `most` processes of this interpreter. Starts none yet.
    #[must_use]
    pub const fn new(python: PathBuf, most: usize) -> Self {
        Self { python, free: Mutex::new(Free { idle: Vec::new(), left: most }), returned: Condvar::new() }
    }

    /// Sends a request to a process that has none, or waits for one. `request` brings the settings
    /// of its cache along.
    ///
    /// # Errors
    /// As [`Bridge::call`].
    pub fn call(&self, request: &Json) -> Result<Json, BridgeError> {
        let bridge = self.take();
        let result = bridge.call(request);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).idle.push(bridge);
        self.returned.notify_one();
        result
    }

    fn take(&self) -> Bridge {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // The one used last has this cache open, probably.
            if let Some(bridge) = free.idle.pop() {
                return bridge;
            }
            if free.left > 0 {
                free.left -= 1;
                return Bridge::new(&self.python, &json!({}), TIMEOUT);
            }
            free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
