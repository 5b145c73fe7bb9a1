//! What backends on servers share: connecting by an [`Address`], and one connection for all tasks of a runtime.
//!
//! # The shared connection
//!
//! Requests go out in one order and their replies come back in the same. What many tasks ask at the
//! same time goes out in one system call, and what comes is handed out after one. A task of its
//! own, the driver, reads, and watches the deadlines: a call registers no timer.
//!
//! - **A dropped call leaves the connection as good as it was**: its reply is awaited and thrown away
//!   by the driver. Nobody else can get it.
//! - **A call ends at its deadline.** From then on nobody is given the connection any more; calls that are
//!   under way on it go on until their own deadlines.
//! - **When the connection ends, every call is told** how much of its request had been handed to
//!   the system by then. What did not go out whole was not carried out.
//!
//! - **After `fork` the child opens connections of its own** and never touches its parent's: [`Links`].
//!
//! This crate knows no protocol: a backend says by [`Protocol`] how its replies are read.

mod address;
mod driver;
mod incoming;
mod link;
mod links;
mod names;
mod queue;
mod stream;
mod waiting;

pub use address::Address;
pub use incoming::{Incoming, Malformed};
pub use link::{Fault, Link};
pub use links::{InheritedRuntime, Links};
pub use stream::Stream;
pub use waiting::wait_in_place;

use std::fmt::Debug;

/// How the replies of one connection are read, as their bytes come. No I/O.
pub trait Protocol: Send + 'static {
    /// The replies to one request, those that are still to come included.
    type Answer: Send + 'static;
    /// Why what came are no replies.
    type Nonsense: Debug + Send + 'static;

    /// Where the next bytes go; never empty. Asked for when [`read`](Self::read) has no more.
    fn room(&mut self) -> &mut [u8];

    /// Says that `count` bytes were put at the start of the [`room`](Self::room).
    fn filled(&mut self, count: usize);

    /// Moves what has come into `answer`; true when that is whole.
    ///
    /// # Errors
    /// What came cannot be a part of it. The connection is closed.
    fn read(&mut self, answer: &mut Self::Answer) -> Result<bool, Self::Nonsense>;

    /// Whether every byte that came was a part of an answer.
    fn is_empty(&self) -> bool;

    /// How many bytes of the reply that is coming are still to come, as far as it has said so.
    fn missing(&self) -> usize;
}
