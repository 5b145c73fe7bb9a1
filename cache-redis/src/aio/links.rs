//! [`Links`]: the connections of async callers to one server, one per runtime.

use std::future::Future;
use std::io;
use std::time::Instant;

use cache_core::Error;
use cache_pipeline::{Fault, InheritedRuntime, Link};
use redis::Value;
use tokio::runtime::Handle;

use super::stream::connect;
use crate::commands::Request;
use crate::failure::{self, Failure};
use crate::node::{Reply, Target};
use crate::refusal::Connection;
use crate::replies::{Answer, Garbled, Replies};

#[derive(Debug, Default)]
pub(crate) struct Links(cache_pipeline::Links<Replies>);

impl Links {
    /// Sends `request` and waits for its reply, all before `deadline`.
    pub(crate) async fn exchange(
        &self,
        target: &Target,
        request: &Request,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let runtime = Handle::try_current().map_err(|e| {
            let message = "the async half of the Redis backend was called outside of a tokio runtime: call it \
                           in one, or use the sync half";
            Failure::before(Error::invalid_cache_backend(message).with_source(e))
        })?;
        let link = match self.0.get(runtime.id()) {
            Some(link) => link,
            None => {
                let unusable =
                    |e: InheritedRuntime| Failure::before(Error::invalid_cache_backend(e.to_string()));
                self.0.check(runtime.id()).map_err(unusable)?;
                let opened = self.0.get_or_open(runtime.id(), open(target, &runtime, deadline));
                let timed_out = || Err(Failure::before(failure::timed_out(&target.server)));
                until(deadline, opened).await.unwrap_or_else(timed_out)?
            }
        };
        let outcome = exchange(&link, target, request, deadline).await;
        let outcome = outcome.map(|value| Reply::new(value, link.opened()));
        // Perhaps it is only slow. But perhaps nothing will ever come of it again.
        if outcome.as_ref().map_or(true, |reply| reply.connection != Connection::Good) {
            self.0.forget(&link);
        }
        outcome
    }

    /// Closes the connections once the calls that are under way have ended.
    pub(crate) fn close(&self) {
        self.0.close();
    }
}

/// Connects and logs in, within what connecting may take.
async fn open(target: &Target, runtime: &Handle, deadline: Instant) -> Result<Link<Replies>, Failure> {
    let deadline = deadline.min(Instant::now() + target.connect_timeout);
    let link = Link::new(runtime, connect(target, deadline).await?, Replies::default());
    if let Some(log_in) = target.log_in() {
        let sent = exchange(&link, target, &log_in, deadline).await;
        let reply = sent.map_err(|failure| Failure { sent: false, ..failure })?;
        target.check_log_in(&log_in, reply).map_err(Failure::before)?;
        link.count_as_new();
    }
    Ok(link)
}

async fn exchange(
    link: &Link<Replies>,
    target: &Target,
    request: &Request,
    deadline: Instant,
) -> Result<Value, Failure> {
    let answer = Answer::to(&request.commands);
    let answered = link.exchange(|out| request.write(out), answer, deadline).await;
    answered.map(Answer::into_value).map_err(|fault| failed(target, fault))
}

fn failed(target: &Target, fault: Fault<Garbled>) -> Failure {
    let server = &target.server;
    // A command that did not go out whole is not carried out.
    let sent = fault.written >= fault.length && fault.length > 0;
    if let Some(garbled) = fault.nonsense {
        return Failure { error: failure::garbled(server, garbled), sent, stale: false };
    }
    if fault.error == io::ErrorKind::TimedOut {
        return Failure { error: failure::timed_out(server), sent, stale: false };
    }
    #[cfg(feature = "tls")]
    if let Some(error) = crate::tls::failed_later(fault.error, server) {
        return Failure { error, sent, stale: false };
    }
    Failure { error: failure::io(io::ErrorKind::UnexpectedEof.into(), server), sent, stale: fault.used }
}

/// The output of `future`, unless the time is over first.
async fn until<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    tokio::time::timeout_at(deadline.into(), future).await.ok()
}
