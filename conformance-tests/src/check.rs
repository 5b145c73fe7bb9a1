//! [`Check`]: one check of the suite, where it can run, and the macros that enter it in its family's list.

use std::future::Future;
use std::pin::Pin;

use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::workers::Worker;

/// A check or a worker under way.
pub(crate) type Running<'a, R = ()> = Pin<Box<dyn Future<Output = Outcome<R>> + 'a>>;

/// One check of the suite.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    pub(crate) family: &'static str,
    pub(crate) name: &'static str,
    pub(crate) run: fn(&TestContext) -> Running<'_>,
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
    pub(crate) const fn new(
        family: &'static str,
        name: &'static str,
        run: fn(&TestContext) -> Running<'_>,
    ) -> Self {
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

/// An entry of the registry: the check `$name`, of the family `$family`.
macro_rules! check {
    ($family:literal, $name:ident) => {{
        fn run(t: &$crate::context::TestContext) -> $crate::check::Running<'_> {
            Box::pin($name(t))
        }
        $crate::check::Check::new($family, stringify!($name), run)
    }};
}

/// The same, and a function for the processes it starts.
macro_rules! check_with_worker {
    ($family:literal, $name:ident, $worker:ident) => {{
        fn run_worker(w: &$crate::workers::Worker) -> $crate::check::Running<'_, String> {
            Box::pin($worker(w))
        }
        check!($family, $name).worker(run_worker)
    }};
}
