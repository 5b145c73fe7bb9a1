//! [`Node`]: one server, and how a request reaches it.

use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
use std::sync::atomic::{AtomicBool, Ordering};

use cache_core::PerProcess;
use cache_pipeline::{Address, Links};

use crate::blocking::Blocking;
use crate::connection::{Cause, Connection, Fault, accepted};
use crate::deadline::Deadline;
use crate::pipelined::Pipelined;
use crate::pool::Pool;
use crate::refusal::Refusal;
use crate::replies::{Nonsense, Reply};
use crate::servers::Server;
use crate::suspending::Suspending;
use crate::wire::Request;

/// The first memcached whose meta protocol is the one spoken here.
const OLDEST_VERSION: [u32; 3] = [1, 6, 10];

/// What may happen to a request that is sent twice, and what is known of one without a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// Twice is the same as once, the answer included.
    Idempotent,
    /// The second answer could be wrong; nobody counts on the first.
    Once,
    /// Twice is wrong, and so is "it did not happen".
    Exact,
    /// Twice is the same as once, but "it did not happen" is wrong.
    Part,
}

impl Care {
    /// Whether it may be sent again without knowing what became of it.
    pub(crate) const fn again(self) -> bool {
        matches!(self, Self::Idempotent | Self::Part)
    }

    /// Whether a caller must be told when nobody knows what became of it.
    pub(crate) const fn exact(self) -> bool {
        matches!(self, Self::Exact | Self::Part)
    }
}

/// One server: its connections, made when they are needed.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) address: Address,
    /// It has said its version, and no connection has failed since.
    checked: AtomicBool,
    max_connections: usize,
    blocking: PerProcess<Pool<Blocking>>,
    suspending: PerProcess<Pool<Suspending>>,
    pub(crate) shared: Links<Pipelined>,
}

impl Node {
    pub(crate) fn new(server: Server, max_connections: usize) -> Self {
        Self {
            name: server.name,
            address: server.address,
            checked: AtomicBool::new(false),
            max_connections,
            blocking: PerProcess::new(),
            suspending: PerProcess::new(),
            shared: Links::default(),
        }
    }

    /// Sends `request` and returns its replies. A connection that had ended while it was idle, and one that leads
    /// to a wrong or broken server, are replaced: the name is looked up anew, and the request is sent once more where
    /// that can do no harm.
    pub(crate) async fn call<C: Connection>(
        &self,
        request: &Request,
        care: Care,
        deadline: Deadline,
    ) -> Result<Vec<Reply>, Fault> {
        C::check_caller()?;
        if let Some(done) = C::share(self, request, care, deadline).await {
            return done;
        }
        let place = C::pool(self).place(deadline).await?;
        let mut again = false;
        loop {
            let (idle, ended) = if again { (None, false) } else { place.idle() };
            if ended {
                self.distrust();
            }
            let used = idle.is_some();
            let mut connection = match idle {
                Some(connection) => connection,
                None => self.connect(deadline).await?,
            };
            let fault = match connection.exchange(request, deadline).await {
                Ok(replies) => match accepted(replies, request) {
                    Ok(replies) => {
                        place.give_back(connection);
                        return Ok(replies);
                    }
                    Err(fault) => fault,
                },
                Err(fault) => fault,
            };
            self.distrust();
            if fault.is_lost(used) || fault.is_misled() {
                // What else is idle was lost with it, or leads to the same server.
                C::pool(self).clear();
            }
            if again || !fault.may_repeat(used, request, care) {
                return Err(fault);
            }
            again = true;
        }
    }

    /// The connections of sync calls.
    pub(crate) fn blocking(&self) -> &Pool<Blocking> {
        self.blocking.get_or_make(|| Pool::new(self.max_connections))
    }

    /// The connections of async calls that are used by one call at a time.
    pub(crate) fn suspending(&self) -> &Pool<Suspending> {
        self.suspending.get_or_make(|| Pool::new(self.max_connections))
    }

    /// Closes all idle connections.
    pub(crate) fn close(&self) {
        self.blocking().clear();
        self.suspending().clear();
        self.shared.close();
    }

    /// Nothing is taken for granted of the server any more.
    pub(crate) fn distrust(&self) {
        self.checked.store(false, Ordering::Relaxed);
    }

    pub(crate) async fn connect<C: Connection>(&self, deadline: Deadline) -> Result<C, Cause> {
        let deadline = deadline.for_connecting();
        let mut connection = C::connect(self, deadline).await?;
        if !self.checked.load(Ordering::Relaxed) {
            check_version(&mut connection, deadline).await?;
            self.checked.store(true, Ordering::Relaxed);
        }
        Ok(connection)
    }
}

/// Refuses a server that is too old, before it is sent anything: one that does not know `ms` reads
/// the value after it as commands.
async fn check_version<C: Connection>(connection: &mut C, deadline: Deadline) -> Result<(), Cause> {
    let request = Request::plain("version\r\n");
    let replies = connection.exchange(&request, deadline).await;
    let said = match replies.map_err(|fault| fault.cause) {
        Ok(replies) => match replies.into_iter().next() {
            Some(Reply::Line(line)) => line,
            Some(Reply::Refused(reason)) => return Err(Cause::Refused(reason)),
            _ => String::new(),
        },
        Err(Cause::Nonsense(Nonsense::NotUnderstood(reason))) if Refusal::of(&reason) == Refusal::Broken => {
            reason
        }
        Err(Cause::Io(e)) if [UnexpectedEof, ConnectionReset, BrokenPipe].contains(&e.kind()) => {
            return Err(Cause::ClosedAtOnce(e));
        }
        Err(cause) => return Err(cause),
    };
    if version(&said).is_some_and(|version| version >= OLDEST_VERSION) {
        return Ok(());
    }
    Err(Cause::Version(said))
}

/// The numbers of `VERSION 1.6.18`, whatever follows them.
fn version(line: &str) -> Option<[u32; 3]> {
    let mut numbers = line.strip_prefix("VERSION ")?.splitn(3, '.').map(|part| {
        let digits = part.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        digits.parse().ok()
    });
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (line, expected) in [
            ("VERSION 1.6.18", Some([1, 6, 18])),
            ("VERSION 1.6.21_14_ga1b2", Some([1, 6, 21])),
            ("VERSION 1.6.9-beta1", Some([1, 6, 9])),
            ("VERSION 1.4.34", Some([1, 4, 34])),
            ("VERSION 2.0", None),
            ("VERSION x.y.z", None),
            ("ERROR", None),
            ("", None),
        ] {
            assert_eq!(version(line), expected, "{line}");
        }
    }
}
