//! [`Client`]: routes commands to servers, and turns replies into results.

use std::time::Duration;

use bytes::Bytes;
use cache_core::{Clock, Error, Expiry, Key, Mode, Payload, Result};
use cache_net::{Call, CallError, RetrySafety};
use memcache::exp::{MetaCommandResult, ReturnCode};

use crate::error::protocol_error;
use crate::exptime;
use crate::payload;
use crate::replies::{Reply, statistic};
use crate::request::{Command, Request};
use crate::servers::ServerSet;

/// The servers, and how a cache uses them. The modules of the operations implement its methods.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) servers: ServerSet,
    pub(crate) operation_timeout: Duration,
    pub(crate) max_inflated: usize,
    pub(crate) clock: Clock,
}

impl Client {
    /// Starts the clock of an operation.
    pub(crate) fn start(&self, mode: Mode) -> Call {
        Call::new(mode, self.operation_timeout)
    }

    /// Returns the lifetime in the form that is sent to a server.
    pub(crate) fn exptime(&self, expiry: Expiry) -> u32 {
        exptime::of(expiry, self.clock.wall_ms())
    }

    /// Returns the time of the clock of the server at `place`, in seconds since the Unix epoch.
    pub(crate) async fn seconds_at(&self, call: Call, place: usize) -> Result<i64> {
        let replies = self.send(call, place, &Request::stats(), RetrySafety::Idempotent).await?;
        let text = self.text(place, replies)?;
        let shown = statistic(&text, "time").and_then(|time| time.parse().ok());
        shown.ok_or_else(|| self.protocol_error(place))
    }

    /// Sends `request` to the server at `place`, and returns its replies.
    pub(crate) async fn exchange(
        &self,
        call: Call,
        place: usize,
        request: &Request,
        safety: RetrySafety,
    ) -> Result<Vec<Reply>, CallError> {
        let answer = self.servers.at(place).call(call, request, safety).await?;
        answer.into_replies().map_err(|reply| {
            let error = reply.into_error(self.servers.name(place), request.name(), safety);
            CallError { error, is_unreachable: false }
        })
    }

    /// The same, by the rules of ejection.
    pub(crate) async fn send(
        &self,
        call: Call,
        place: usize,
        request: &Request,
        safety: RetrySafety,
    ) -> Result<Vec<Reply>> {
        self.servers.may_ask(place)?;
        let replies = self.exchange(call, place, request, safety).await;
        match &replies {
            Ok(_) => self.servers.answered(place),
            Err(e) if e.is_unreachable => self.servers.failed(place),
            Err(_) => {}
        }
        Ok(replies?)
    }

    /// Sends `command` to the server of `key`. Returns the reply, and the place of the server.
    pub(crate) async fn ask(
        &self,
        call: Call,
        key: Key<'_>,
        command: Command,
        safety: RetrySafety,
    ) -> Result<(usize, Reply)> {
        let place = self.servers.pick(key.as_str())?;
        let mut replies = self.send(call, place, &Request::one(command)?, safety).await?;
        replies.pop().map(|reply| (place, reply)).ok_or_else(|| self.protocol_error(place))
    }

    /// The same, for a command that the server never refuses.
    pub(crate) async fn ask_meta(
        &self,
        call: Call,
        key: Key<'_>,
        command: Command,
        safety: RetrySafety,
    ) -> Result<(usize, MetaCommandResult)> {
        let (place, reply) = self.ask(call, key, command, safety).await?;
        Ok((place, self.meta(place, reply)?))
    }

    /// Returns a reply that is not a refusal.
    pub(crate) fn meta(&self, place: usize, reply: Reply) -> Result<MetaCommandResult> {
        match reply {
            Reply::Meta(meta) => Ok(meta),
            Reply::Refused(e) => Err(e.into_error(self.servers.name(place), "", RetrySafety::Idempotent)),
            Reply::Text(_) => Err(self.protocol_error(place)),
        }
    }

    /// Returns the text of the first reply.
    pub(crate) fn text(&self, place: usize, replies: Vec<Reply>) -> Result<String> {
        match replies.into_iter().next() {
            Some(Reply::Text(text)) => Ok(text),
            _ => Err(self.protocol_error(place)),
        }
    }

    /// Returns true for `HD`, false for `otherwise`.
    pub(crate) fn done(
        &self,
        place: usize,
        reply: &MetaCommandResult,
        otherwise: ReturnCode,
    ) -> Result<bool> {
        match reply.rc {
            ReturnCode::Hd => Ok(true),
            rc if rc == otherwise => Ok(false),
            _ => Err(self.protocol_error(place)),
        }
    }

    /// Returns the value of a found item; a damaged one is a miss.
    pub(crate) fn value(&self, place: usize, found: MetaCommandResult) -> Result<Option<Payload>> {
        match found.rc {
            ReturnCode::En => Ok(None),
            ReturnCode::Va => {
                let data = Bytes::from(found.value.unwrap_or_default());
                Ok(payload::read(found.client_flags.unwrap_or(0), data, self.max_inflated))
            }
            _ => Err(self.protocol_error(place)),
        }
    }

    /// Closes all connections.
    pub(crate) fn close(&self) {
        self.servers.close();
    }

    /// The error of a reply that does not fit its command.
    pub(crate) fn protocol_error(&self, place: usize) -> Error {
        protocol_error(self.servers.name(place))
    }
}
