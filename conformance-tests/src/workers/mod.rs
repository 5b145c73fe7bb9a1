//! Worker processes: a check runs its own test program again, several times over, on one location.

mod barrier;
mod child;
mod job;
mod spawn;

pub use self::child::Worker;
pub(crate) use self::child::own_job;
pub(crate) use self::job::{Job, Task, answer};
pub use self::spawn::Process;
pub(crate) use self::spawn::in_own_process;
