//! [`Interrupt`]: notes SIGINT and SIGTERM while a command has keys of its own in the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::{Failure, Result};

/// Whether a signal asks the command to end. The second one ends the process at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// From here on a signal is noted, and no longer ends the process.
    pub(crate) fn listen() -> Result<Self> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            interrupt
                .note(signal)
                .map_err(|e| Failure::wrong(format!("signals cannot be listened to: {e}")))?;
        }
        Ok(interrupt)
    }

    fn note(&self, signal: i32) -> std::io::Result<()> {
        // In this order: the first signal finds `asked` unset, the second does not.
        flag::register_conditional_default(signal, Arc::clone(&self.asked))?;
        flag::register_usize(signal, Arc::clone(&self.signal), usize::try_from(signal).unwrap_or_default())?;
        flag::register(signal, Arc::clone(&self.asked))?;
        Ok(())
    }

    /// Whether a signal came.
    pub(crate) fn came(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// What the command ends with where a signal came.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let signal = i32::try_from(self.signal.load(Ordering::Acquire)).unwrap_or_default();
        self.came().then(|| Failure::interrupted(signal))
    }
}
