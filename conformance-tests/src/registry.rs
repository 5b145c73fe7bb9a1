//! All checks, by name.

use std::future::Future;
use std::pin::Pin;

use crate::checks;
use crate::context::{Mode, T};
use crate::outcome::Outcome;
use crate::workers::Worker;

/// A check or a worker under way.
pub(crate) type Running<'a, R = ()> = Pin<Box<dyn Future<Output = Outcome<R>> + 'a>>;

/// One check of the suite.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    pub(crate) family: &'static str,
    pub(crate) name: &'static str,
    pub(crate) run: fn(&T) -> Running<'_>,
    pub(crate) worker: Option<fn(&Worker) -> Running<'_, String>>,
    /// Runs on backends that store nothing, too.
    pub(crate) storeless: bool,
    /// Means something in async mode alone.
    pub(crate) async_only: bool,
    /// Always under the machine's clock: threads or processes are at work.
    pub(crate) real_time: bool,
    /// Measures what other checks at work would change: runs while no other does.
    pub(crate) alone: bool,
    /// Measures what belongs to a whole process, such as its descriptors: runs in one of its own.
    pub(crate) own_process: bool,
}

impl Check {
    pub(crate) const fn new(family: &'static str, name: &'static str, run: fn(&T) -> Running<'_>) -> Self {
        Self {
            family,
            name,
            run,
            worker: None,
            storeless: false,
            async_only: false,
            real_time: false,
            alone: false,
            own_process: false,
        }
    }

    pub(crate) const fn worker(self, worker: fn(&Worker) -> Running<'_, String>) -> Self {
        Self { worker: Some(worker), real_time: true, ..self }
    }

    pub(crate) const fn storeless(self) -> Self {
        Self { storeless: true, ..self }
    }

    pub(crate) const fn async_only(self) -> Self {
        Self { async_only: true, ..self }
    }

    pub(crate) const fn real_time(self) -> Self {
        Self { real_time: true, ..self }
    }

    pub(crate) const fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    pub(crate) const fn own_process(self) -> Self {
        Self { own_process: true, ..self }
    }

    /// `T::half_second`.
    pub(crate) fn full_name(&self) -> String {
        format!("{}::{}", self.family, self.name)
    }
}

/// Every check that this kit runs.
pub(crate) fn all() -> impl Iterator<Item = &'static Check> {
    checks::FAMILIES.iter().flat_map(|family| family.iter())
}

/// Every check, in each mode that it means something in.
pub(crate) fn runs() -> impl Iterator<Item = (&'static Check, Mode)> {
    let modes = |check: &'static Check| {
        let modes = if check.async_only { &[Mode::Async][..] } else { &[Mode::Sync, Mode::Async] };
        modes.iter().map(move |&mode| (check, mode))
    };
    all().flat_map(modes)
}

/// The check of this full name.
pub(crate) fn find(full_name: &str) -> Option<&'static Check> {
    all().find(|check| check.full_name() == full_name)
}
