//! [`Server`]: one server, and how a request reaches it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use cache_core::{Error, Mode, PerProcess};
use tokio::runtime::Handle;
use tokio::time::timeout_at;

use crate::connection::Connection;
use crate::failure::{Cause, Failure};
use crate::links::{Found, Links};
use crate::pool::Pool;
use crate::reply::Reply;
use crate::target::Target;
use crate::{Address, Call, Limits, Link, Protocol, RetrySafety, Stream, Verdict};

/// A call that brought no answer.
#[derive(Debug)]
pub struct CallError {
    /// What the caller is told.
    pub error: Error,
    /// The server was not reached, or did not answer.
    pub is_unreachable: bool,
}

impl From<CallError> for Error {
    fn from(e: CallError) -> Self {
        e.error
    }
}

/// One server with its connections, which are made when they are needed. See the [rules](crate).
pub struct Server<P: Protocol> {
    target: Target<P>,
    pool: PerProcess<Pool>,
    links: Links<P>,
    /// The last call failed.
    suspect: AtomicBool,
}

impl<P: Protocol> fmt::Debug for Server<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&format_args!("{}", self.target.protocol)).finish()
    }
}

impl<P: Protocol> Server<P> {
    /// A server that speaks `protocol` at `address`. No I/O.
    pub const fn new(protocol: P, address: Address, limits: Limits) -> Self {
        let links = Links::new(limits.max_connections);
        let target = Target { protocol, address, limits, tls: None };
        Self { target, pool: PerProcess::new(), links, suspect: AtomicBool::new(false) }
    }

    /// The same server, reached over TLS. The host of its address is the name that its certificate must be for.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, tls: crate::tls::Tls) -> Self {
        self.target.tls = Some(tls);
        self
    }

    /// What the server speaks.
    pub const fn protocol(&self) -> &P {
        &self.target.protocol
    }

    /// Where it listens.
    pub const fn address(&self) -> &Address {
        &self.target.address
    }

    /// Sends `request` and returns its answer, which may be the server's own error.
    ///
    /// It is sent a second time, on a new connection, where the first connection had ended while it was idle, or led to a
    /// server that is broken or is not the right one, and where that can do no harm.
    ///
    /// # Errors
    /// No answer came before the call's deadline.
    pub async fn call(
        &self,
        call: Call,
        request: &P::Request,
        safety: RetrySafety,
    ) -> Result<P::Answer, CallError> {
        let mut again = false;
        loop {
            match self.exchange(call, request).await {
                Ok(reply) if again || !reply.may_repeat(safety) => {
                    self.note(false);
                    return Ok(reply.answer);
                }
                Err(failure) if again || !failure.may_repeat(safety) => {
                    self.note(true);
                    let is_unreachable = failure.is_unreachable();
                    let error = failure.into_error(&self.target.protocol, request, safety);
                    return Err(CallError { error, is_unreachable });
                }
                _ => {}
            }
            tracing::debug!(target: "cache_net", server = %self.target.protocol, "a call is sent a second time");
            again = true;
        }
    }

    /// Whether the last call failed: brought no answer, or one after which [`suspect`](Self::suspect) was called.
    pub fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// Says that the server answered and cannot do its work. Until a call to it succeeds, others had better be asked.
    pub fn suspect(&self) {
        self.note(true);
    }

    fn note(&self, suspect: bool) {
        // All cores read this cache line: a write to it is expensive.
        if self.is_suspect() != suspect {
            self.suspect.store(suspect, Ordering::Relaxed);
        }
    }

    async fn exchange(&self, call: Call, request: &P::Request) -> Result<Reply<P>, Failure<P::Malformed>> {
        match call.mode {
            Mode::Blocking => self.exchange_blocking(request, call.deadline),
            Mode::Async => self.exchange_shared(request, call.deadline).await,
        }
    }

    fn exchange_blocking(
        &self,
        request: &P::Request,
        deadline: Instant,
    ) -> Result<Reply<P>, Failure<P::Malformed>> {
        let mut lease = self.pool().lease(&self.target, deadline)?;
        let mut connection = match lease.idle.take() {
            Some(connection) => connection,
            None => Connection::open(&self.target, self.target.until_connected(deadline))?,
        };
        let outcome = connection.exchange::<P>(request, deadline);
        let outcome = outcome.map(|answer| Reply::new(answer, connection.opened));
        match &outcome {
            Ok(Reply { verdict: Verdict::Keep, .. }) => lease.give_back(connection),
            Ok(Reply { verdict: Verdict::Ends, .. }) => {}
            Ok(_) => lease.close_others(),
            Err(failure) if failure.leads_elsewhere() => lease.close_others(),
            Err(_) => {}
        }
        outcome
    }

    async fn exchange_shared(
        &self,
        request: &P::Request,
        deadline: Instant,
    ) -> Result<Reply<P>, Failure<P::Malformed>> {
        let link = self.link(deadline).await?;
        let write = |out: &mut Vec<u8>| P::write(request, out);
        let outcome = link.exchange(write, P::answer_to(request), deadline).await;
        let outcome = outcome.map(|answer| Reply::new(answer, link.opened()));
        match &outcome {
            Ok(Reply { verdict: Verdict::Keep, .. }) => {}
            Ok(Reply { verdict: Verdict::Ends, .. }) => self.links.forget(&link),
            Ok(_) => self.links.forget_all(&link),
            Err(failure) if failure.leads_elsewhere() => self.links.forget_all(&link),
            // Perhaps the server is only slow. But perhaps nothing will ever come on this connection again.
            Err(_) => self.links.forget(&link),
        }
        outcome
    }

    /// A connection that the tasks of this runtime share.
    async fn link(&self, deadline: Instant) -> Result<Arc<Link<P>>, Failure<P::Malformed>> {
        let runtime = Handle::try_current().map_err(|e| {
            let server = &self.target.protocol;
            let error = Error::invalid_cache_backend(format!(
                "the async half of the cache on {server} was called outside of a tokio runtime: call it in one, or use \
                 the sync half"
            ));
            Failure::before(Cause::Unusable(error.with_source(e)))
        })?;
        let congested = match self.links.find(runtime.id()) {
            Found::Free(link) => return Ok(link),
            Found::Congested(link) => Some(link),
            Found::Nothing => None,
        };
        self.links.check(runtime.id()).map_err(|e| Failure::before(Cause::Unusable(e)))?;
        let opened = self.links.open(runtime.id(), self.open(&runtime, deadline));
        let opened = timeout_at(deadline.into(), opened).await;
        match (opened.unwrap_or_else(|_| Err(Failure::before(Cause::TimedOut))), congested) {
            // To wait behind something long is better than nothing.
            (Err(_), Some(link)) if link.is_usable() => Ok(link),
            (opened, _) => opened,
        }
    }

    /// Connects and shakes hands, within what connecting may take.
    async fn open(&self, runtime: &Handle, deadline: Instant) -> Result<Link<P>, Failure<P::Malformed>> {
        let target = &self.target;
        let deadline = target.until_connected(deadline);
        let unreachable = |e| Failure::before(Cause::Unreachable(e));
        let stream = target.address.connect(deadline).await.map_err(unreachable)?;
        let stream: Box<dyn Stream> = match target.tls {
            None => Box::new(stream),
            #[cfg(not(feature = "tls"))]
            Some(never) => match never {},
            #[cfg(feature = "tls")]
            Some(ref tls) => {
                let connector =
                    tls.connector(&target.address).map_err(|e| Failure::before(Cause::Unusable(e)))?;
                let shaken = crate::tls::handshake_async(connector, stream, deadline).await;
                Box::new(shaken.map_err(|e| Failure::before(Cause::NoTls(e)))?)
            }
        };
        let link = Link::new(runtime, stream);
        if let Some(hello) = target.protocol.handshake() {
            let write = |out: &mut Vec<u8>| P::write(&hello, out);
            let shaken = link.exchange(write, P::answer_to(&hello), deadline).await;
            target.check_handshake(&hello, shaken)?;
            link.mark_unused();
        }
        Ok(link)
    }

    /// Closes the connections: idle ones now, the others once their calls have ended. The next call opens new ones.
    pub fn close(&self) {
        self.pool().close();
        self.links.close();
    }

    fn pool(&self) -> &Pool {
        self.pool.get_or_make(|| Pool::new(self.target.limits.max_connections))
    }
}
