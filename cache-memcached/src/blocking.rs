//! The sync driver: blocking calls with the socket's own timeouts.

use std::future::Future;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use cache_pipeline::wait_in_place;

use crate::connection::{Cause, Collected, Connection, Fault, end_abruptly, nothing_came};
use crate::deadline::Deadline;
use crate::node::{Care, Node};
use crate::pool::Pool;
use crate::replies::{Replies, Reply};
use crate::wire::Request;

/// A connection whose calls block.
pub(crate) struct Blocking {
    stream: TcpStream,
    replies: Replies,
    /// The socket's timeouts, for reading and writing.
    armed: Option<Duration>,
    /// An exchange is going on, or failed.
    busy: bool,
}

impl Blocking {
    /// Sets the socket's timeouts to what is left, where they are longer than that by a
    /// twentieth of an operation: most calls set none.
    fn arm(&mut self, deadline: Deadline) -> io::Result<()> {
        let left = deadline.left()?;
        if self.armed.is_none_or(|armed| armed > left + deadline.operation() / 20) {
            self.set_timeouts(left)?;
        }
        Ok(())
    }

    fn set_timeouts(&mut self, time: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(time))?;
        self.stream.set_write_timeout(Some(time))?;
        self.armed = Some(time);
        Ok(())
    }

    /// Calls `io` until it does something, within the deadline: a timeout set for an earlier call
    /// may end too soon for this one.
    fn within(
        &mut self,
        deadline: Deadline,
        mut action: impl FnMut(&mut Self) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.arm(deadline)?;
        loop {
            match action(self) {
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    self.set_timeouts(deadline.left()?)?;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => self.arm(deadline)?,
                done => return done,
            }
        }
    }

    fn send(&mut self, bytes: &[u8], written: &mut usize, deadline: Deadline) -> io::Result<()> {
        while *written < bytes.len() {
            match self.within(deadline, |this| this.stream.write(&bytes[*written..]))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => *written += count,
            }
        }
        Ok(())
    }

    fn receive(&mut self, request: &Request, deadline: Deadline) -> Result<Vec<Reply>, Cause> {
        let mut collected = Collected::of(request);
        while !collected.take(&mut self.replies).map_err(Cause::Nonsense)? {
            match self.within(deadline, |this| this.stream.read(this.replies.room()))? {
                0 => return Err(Cause::Io(io::ErrorKind::UnexpectedEof.into())),
                count => self.replies.filled(count),
            }
        }
        Ok(collected.into_replies())
    }
}

impl Connection for Blocking {
    #[allow(clippy::unused_async, reason = "threads share no connection")]
    async fn share(_: &Node, _: &Request, _: Care, _: Deadline) -> Option<Result<Vec<Reply>, Fault>> {
        None
    }

    fn pool(node: &Node) -> &Pool<Self> {
        node.blocking()
    }

    async fn connect(node: &Node, deadline: Deadline) -> Result<Self, Cause> {
        let stream = node.address.connect_in_place(deadline.end())?;
        Ok(Self { stream, replies: Replies::default(), armed: None, busy: false })
    }

    async fn exchange(&mut self, request: &Request, deadline: Deadline) -> Result<Vec<Reply>, Fault> {
        self.busy = true;
        let mut written = 0;
        let sent = self.send(&request.bytes, &mut written, deadline).map_err(Cause::Io);
        let replies = sent.and_then(|()| self.receive(request, deadline));
        self.busy = replies.is_err();
        replies.map_err(|cause| Fault { cause, written })
    }

    fn belongs_here(&self) -> bool {
        true
    }

    fn is_quiet(&self) -> bool {
        nothing_came(&self.stream)
    }

    fn check_caller() -> Result<(), Cause> {
        Ok(())
    }

    async fn wait<F: Future<Output: Send> + Send>(event: F, deadline: Deadline) -> Option<F::Output> {
        wait_in_place(event, deadline.end())
    }

    async fn pause(time: Duration) {
        thread::sleep(time);
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        if self.busy {
            end_abruptly(&self.stream);
        }
    }
}
