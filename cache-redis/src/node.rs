//! [`Node`]: one server, asked by either half.

use std::time::Duration;

use cache_core::{Error, Result, Way};
use redis::Value;

use crate::aio::Links;
use crate::call::Call;
use crate::commands::{self, Commands, Request, Twice};
use crate::failure::{self, Failure};
#[cfg(feature = "tls")]
use crate::location::Address;
use crate::location::Server;
use crate::options::Settings;
use crate::sync::Pool;

/// How to get to a server.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) server: Server,
    pub(crate) operation_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    #[cfg(feature = "tls")]
    tls: crate::tls::Tls,
}

/// One server with its connections.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) target: Target,
    pool: Pool,
    links: Links,
}

/// A TLS configuration, and the name that the server's certificate must be for.
#[cfg(feature = "tls")]
pub(crate) type TlsName = (std::sync::Arc<rustls::ClientConfig>, rustls::pki_types::ServerName<'static>);
#[cfg(not(feature = "tls"))]
pub(crate) type TlsName = std::convert::Infallible;

impl Target {
    /// `None`: without TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn tls_name(&self) -> Result<Option<TlsName>> {
        match &self.server.address {
            Address::Tcp { host, tls: true, .. } => {
                Ok(Some((self.tls.config()?, crate::tls::server_name(host)?)))
            }
            _ => Ok(None),
        }
    }

    #[cfg(not(feature = "tls"))]
    #[allow(clippy::unnecessary_wraps, reason = "its other half may fail")]
    pub(crate) const fn tls_name(&self) -> Result<Option<TlsName>> {
        Ok(None)
    }

    /// What a new connection begins with, if anything.
    pub(crate) fn log_in(&self) -> Option<Request> {
        let Server { user, password, database, .. } = &self.server;
        let mut cmds = Vec::new();
        if user.is_some() || password.is_some() {
            let mut auth = redis::cmd("AUTH");
            if let Some(user) = user {
                auth.arg(user);
            }
            auth.arg(password.as_ref().map_or("", |password| &password.0));
            cmds.push(auth);
        }
        if *database != 0 {
            let mut select = redis::cmd("SELECT");
            select.arg(*database);
            cmds.push(select);
        }
        (!cmds.is_empty()).then(|| Request::many(cmds, Twice::Harmless))
    }

    /// Whether the server let this client in.
    pub(crate) fn check_log_in(&self, log_in: &Request, reply: Value) -> Result<()> {
        let count = match &log_in.commands {
            Commands::One(_) => 1,
            Commands::Many(pipeline) => pipeline.len(),
        };
        let replies = commands::elements(reply, count)
            .and_then(|replies| replies.into_iter().try_for_each(commands::okay));
        replies.map_err(|wrong| failure::wrong(wrong, &self.server))
    }
}

impl Node {
    pub(crate) fn new(server: Server, settings: &Settings) -> Self {
        let target = Target {
            server,
            operation_timeout: settings.operation_timeout,
            connect_timeout: settings.connect_timeout,
            #[cfg(feature = "tls")]
            tls: settings.tls.clone(),
        };
        Self {
            target,
            pool: Pool::new(settings.max_connections, settings.pool_wait),
            links: Links::default(),
        }
    }

    /// The reply to `request`, which may be the server's own error. Sent a second time where the
    /// first connection turned out to be closed and nothing can happen twice.
    pub(crate) async fn ask(&self, call: Call, request: &Request) -> Result<Value> {
        let mut again = false;
        loop {
            let failure = match self.exchange(call, request).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            let safe = !failure.sent || request.twice == Twice::Harmless;
            if again || !failure.stale || !safe {
                return Err(failure.surface(request.twice, &self.target.server));
            }
            tracing::debug!(target: "cache_redis", server = %self.target.server, "a connection was closed");
            again = true;
        }
    }

    async fn exchange(&self, call: Call, request: &Request) -> Result<Value, Failure> {
        match call.way {
            Way::Sync => self.pool.exchange(&self.target, request, call.deadline),
            Way::Async => self.links.exchange(&self.target, request, call.deadline).await,
        }
    }

    /// An understood reply, or an error that names this server.
    pub(crate) fn told<T>(&self, understood: Result<T, commands::Wrong>) -> Result<T, Error> {
        understood.map_err(|wrong| failure::wrong(wrong, &self.target.server))
    }

    pub(crate) fn close(&self) {
        self.pool.close();
        self.links.close();
    }
}
