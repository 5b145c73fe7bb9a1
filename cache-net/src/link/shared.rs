//! [`Shared`]: what the callers and the driver of a link share.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite as _;
use tokio::sync::Notify;

use super::queue::{Queue, Wire};
use crate::{Protocol, Stream};

/// A buffer that grew beyond this is given back.
const KEPT_BUFFER: usize = 64 << 10;

/// What callers and the driver share.
pub(super) struct Shared<P: Protocol> {
    queue: Mutex<Queue<P>>,
    /// Held for a system call, and never waited for by callers.
    wire: Mutex<Wire>,
    /// How many bytes were ever written.
    pub(super) written: AtomicU64,
    /// No more calls are to come.
    pub(super) retired: AtomicBool,
    /// A long request or reply is on its way, and others would wait behind it.
    pub(super) congested: AtomicBool,
    /// Fewer calls are under way than may be.
    pub(super) fewer: Notify,
}

impl<P: Protocol> Shared<P> {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            queue: Mutex::new(Queue::default()),
            wire: Mutex::new(Wire { stream: Some(stream), writing: Vec::new(), at: 0, unflushed: false }),
            written: AtomicU64::new(0),
            retired: AtomicBool::new(false),
            congested: AtomicBool::new(false),
            fewer: Notify::new(),
        }
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue<P>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn idle_wire(&self) -> Option<MutexGuard<'_, Wire>> {
        match self.wire.try_lock() {
            Ok(wire) => Some(wire),
            Err(TryLockError::Poisoned(wire)) => Some(wire.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Writes all that waits to be written, as far as the system takes it.
    pub(super) fn poll_write(&self, wire: &mut Wire, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut wire.stream else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        loop {
            if wire.at == wire.writing.len() {
                wire.writing.clear();
                wire.writing.shrink_to(KEPT_BUFFER);
                wire.at = 0;
                let mut queue = self.queue();
                queue.announced = false;
                std::mem::swap(&mut queue.out, &mut wire.writing);
            }
            if wire.writing.is_empty() {
                break;
            }
            let end = wire.writing.len().min(wire.at.saturating_add(stream.longest_write()));
            let written = Pin::new(&mut *stream).poll_write(context, &wire.writing[wire.at..end]);
            let count = match written {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => count,
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                Poll::Pending => return Poll::Pending,
            };
            wire.at += count;
            wire.unflushed = true;
            self.written.fetch_add(count as u64, Ordering::Release);
        }
        if wire.unflushed {
            match Pin::new(&mut *stream).poll_flush(context) {
                Poll::Ready(Ok(())) => wire.unflushed = false,
                other => return other,
            }
        }
        Poll::Ready(Ok(()))
    }
}
