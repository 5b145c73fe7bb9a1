//! The async driver, on tokio.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::{Handle, Id};
use tokio::time::timeout_at;

use crate::connection::{Cause, Collected, Connection, Fault, end_abruptly, nothing_came};
use crate::deadline::Deadline;
use crate::node::{Care, Node};
use crate::pipelined;
use crate::pool::Pool;
use crate::replies::{Replies, Reply};
use crate::wire::Request;

/// A connection whose calls suspend.
pub(crate) struct Suspending {
    /// Until it is taken over by [`into_stream`](Self::into_stream).
    stream: Option<TcpStream>,
    replies: Replies,
    /// Where its socket is watched: another runtime would never see a reply.
    runtime: Id,
    /// An exchange is going on, failed, or was dropped.
    busy: bool,
}

impl Suspending {
    fn over(stream: TcpStream) -> Self {
        Self {
            stream: Some(stream),
            replies: Replies::default(),
            runtime: Handle::current().id(),
            busy: false,
        }
    }

    /// Its stream, on which nothing is under way.
    pub(crate) fn into_stream(mut self) -> io::Result<TcpStream> {
        self.stream.take().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    async fn run(&mut self, request: &Request, written: &mut usize) -> Result<Vec<Reply>, Cause> {
        let stream = self.stream.as_mut().ok_or(Cause::Io(io::ErrorKind::NotConnected.into()))?;
        while *written < request.bytes.len() {
            match stream.write(&request.bytes[*written..]).await? {
                0 => return Err(Cause::Io(io::ErrorKind::WriteZero.into())),
                count => *written += count,
            }
        }
        let mut collected = Collected::of(request);
        while !collected.take(&mut self.replies).map_err(Cause::Nonsense)? {
            match stream.read(self.replies.room()).await? {
                0 => return Err(Cause::Io(io::ErrorKind::UnexpectedEof.into())),
                count => self.replies.filled(count),
            }
        }
        Ok(collected.into_replies())
    }
}

fn too_late<E>(_: E) -> io::Error {
    io::ErrorKind::TimedOut.into()
}

impl Connection for Suspending {
    async fn share(
        node: &Node,
        request: &Request,
        care: Care,
        deadline: Deadline,
    ) -> Option<Result<Vec<Reply>, Fault>> {
        pipelined::exchange(node, request, care, deadline).await
    }

    fn pool(node: &Node) -> &Pool<Self> {
        node.suspending()
    }

    async fn connect(node: &Node, deadline: Deadline) -> Result<Self, Cause> {
        node.shared.check(Handle::current().id())?;
        Ok(Self::over(node.address.connect(deadline.end()).await?))
    }

    async fn exchange(&mut self, request: &Request, deadline: Deadline) -> Result<Vec<Reply>, Fault> {
        self.busy = true;
        let mut written = 0;
        let ended = timeout_at(deadline.end().into(), self.run(request, &mut written)).await;
        let replies = ended.unwrap_or_else(|e| Err(Cause::Io(too_late(e))));
        self.busy = replies.is_err();
        replies.map_err(|cause| Fault { cause, written })
    }

    fn belongs_here(&self) -> bool {
        Handle::try_current().is_ok_and(|handle| handle.id() == self.runtime)
    }

    fn is_quiet(&self) -> bool {
        self.stream.as_ref().is_some_and(nothing_came)
    }

    fn check_caller() -> Result<(), Cause> {
        Handle::try_current().map(drop).map_err(|_| Cause::NoRuntime)
    }

    async fn wait<F: Future<Output: Send> + Send>(event: F, deadline: Deadline) -> Option<F::Output> {
        timeout_at(deadline.end().into(), event).await.ok()
    }

    async fn pause(time: Duration) {
        tokio::time::sleep(time).await;
    }
}

impl Drop for Suspending {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream
            && self.busy
        {
            end_abruptly(stream);
        }
    }
}
