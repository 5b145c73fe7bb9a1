//! The connection to a server that all tasks of a runtime share.

use std::io;

use cache_pipeline::{Link, Protocol};
use tokio::runtime::Handle;
use tokio::time::timeout_at;

use crate::connection::{Cause, Collected, Fault, accepted};
use crate::deadline::Deadline;
use crate::node::{Care, Node};
use crate::replies::{Nonsense, Replies, Reply};
use crate::suspending::Suspending;
use crate::wire::Request;

/// A longer request has a connection of its own, so that short ones do not wait behind it.
const LONGEST: usize = 64 << 10;

/// Replies in the order of the requests.
pub(crate) struct Pipelined(Replies);

impl Protocol for Pipelined {
    type Answer = Collected;
    type Nonsense = Nonsense;

    fn room(&mut self) -> &mut [u8] {
        self.0.room()
    }

    fn filled(&mut self, count: usize) {
        self.0.filled(count);
    }

    fn read(&mut self, answer: &mut Collected) -> Result<bool, Nonsense> {
        answer.take_first(&mut self.0)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn missing(&self) -> usize {
        self.0.missing()
    }
}

/// Sends `request` on the connection that the tasks of this runtime share; `None` where it would
/// wait behind something long, or others behind it. Sent once more where the connection turned out
/// to have ended, or to lead to a wrong or broken server, and that can do no harm.
pub(crate) async fn exchange(
    node: &Node,
    request: &Request,
    care: Care,
    deadline: Deadline,
) -> Option<Result<Vec<Reply>, Fault>> {
    if request.bytes.len() > LONGEST {
        return None;
    }
    let runtime = match Handle::try_current() {
        Ok(runtime) => runtime,
        Err(_) => return Some(Err(Cause::NoRuntime.into())),
    };
    let mut again = false;
    loop {
        let link = match node.shared.get(runtime.id()) {
            Some(link) => link,
            None => {
                let opened = node.shared.get_or_open(runtime.id(), open(node, &runtime, deadline));
                let late = || Err(Cause::Io(io::ErrorKind::TimedOut.into()));
                match timeout_at(deadline.end().into(), opened).await.unwrap_or_else(|_| late()) {
                    Ok(link) => link,
                    Err(cause) => return Some(Err(cause.into())),
                }
            }
        };
        if link.is_clogged() {
            return None;
        }
        let write = |out: &mut Vec<u8>| out.extend_from_slice(&request.bytes);
        let mut used = true;
        let fault = match link.exchange(write, Collected::of(request), deadline.end()).await {
            Ok(answer) => match accepted(answer.into_replies(), request) {
                Ok(replies) => return Some(Ok(replies)),
                Err(fault) => fault,
            },
            Err(fault) => {
                used = fault.used;
                let cause = fault.nonsense.map_or_else(|| Cause::Io(fault.error.into()), Cause::Nonsense);
                Fault { cause, written: fault.written }
            }
        };
        // Perhaps the server is only slow. But perhaps nothing will ever come of it again.
        node.shared.forget(&link);
        node.distrust();
        if again || !fault.may_repeat(used, request, care) {
            return Some(Err(fault));
        }
        again = true;
    }
}

async fn open(node: &Node, runtime: &Handle, deadline: Deadline) -> Result<Link<Pipelined>, Cause> {
    let connection = node.connect::<Suspending>(deadline).await?;
    Ok(Link::new(runtime, Box::new(connection.into_stream()?), Pipelined(Replies::default())))
}
