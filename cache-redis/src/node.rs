//! [`Node`]: one server, asked by either half.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cache_core::{Result, Way};
use redis::Value;

use crate::aio::Links;
use crate::call::Call;
use crate::commands::{self, Commands, Request, Twice, Wrong};
use crate::failure::Failure;
use crate::location::{Address, Server};
use crate::options::Settings;
use crate::refusal::{self, Connection};
use crate::sync::Pool;

/// A connection younger than this is kept, whatever its server says: opened again at once, it would lead to the same
/// server. It bounds how often a server that is loading is connected to.
const YOUNG: Duration = Duration::from_millis(250);

/// How to get to a server.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) server: Server,
    pub(crate) address: cache_pipeline::Address,
    pub(crate) operation_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    #[cfg(feature = "tls")]
    tls: crate::tls::Tls,
}

/// A reply, and what becomes of the connection that it came on.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) value: Value,
    pub(crate) connection: Connection,
}

impl Reply {
    /// `value` came on a connection that was made at `opened`.
    pub(crate) fn new(value: Value, opened: Instant) -> Self {
        let connection = match refusal::connection_after(&value) {
            Connection::Elsewhere if opened.elapsed() < YOUNG => Connection::Good,
            other => other,
        };
        Self { value, connection }
    }
}

/// The reply to one command of several.
pub(crate) struct Replied {
    pub(crate) node: Arc<Node>,
    pub(crate) request: Arc<Request>,
    /// Where the command stands in `request`.
    pub(crate) place: usize,
    pub(crate) value: Value,
}

impl Replied {
    /// What `read` makes of it.
    pub(crate) fn read<T>(self, read: impl FnOnce(Value) -> Result<T, Wrong>) -> Result<T> {
        self.node.told_at(&self.request, self.place, read(self.value))
    }
}

/// One server with its connections.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) target: Target,
    pool: Pool,
    links: Links,
    /// The last call to it failed.
    suspect: AtomicBool,
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
        let refused = |place| move |wrong| refusal::error(wrong, &self.server, log_in, place);
        let replies = commands::elements(reply, count).map_err(refused(0))?;
        replies
            .into_iter()
            .enumerate()
            .try_for_each(|(place, reply)| commands::okay(reply).map_err(refused(place)))
    }
}

impl Node {
    pub(crate) fn new(server: Server, settings: &Settings) -> Self {
        let address = match &server.address {
            Address::Tcp { host, port, .. } => {
                cache_pipeline::Address::Tcp { host: host.clone(), port: *port }
            }
            Address::Unix(path) => cache_pipeline::Address::Unix(path.clone()),
        };
        let target = Target {
            server,
            address,
            operation_timeout: settings.operation_timeout,
            connect_timeout: settings.connect_timeout,
            #[cfg(feature = "tls")]
            tls: settings.tls.clone(),
        };
        Self {
            target,
            pool: Pool::new(settings.max_connections, settings.pool_wait),
            links: Links::default(),
            suspect: AtomicBool::new(false),
        }
    }

    /// The reply to `request`, which may be the server's own error. Sent a second time, on a new connection, where
    /// the first turned out to be closed, or led to a server that is no longer the right one, and nothing can
    /// happen twice.
    pub(crate) async fn ask(&self, call: Call, request: &Request) -> Result<Value> {
        let mut again = false;
        loop {
            let failure = match self.exchange(call, request).await {
                Ok(reply)
                    if reply.connection == Connection::Elsewhere
                        && !again
                        && request.may_follow_a_refusal() =>
                {
                    tracing::debug!(target: "cache_redis", server = %self.target.server, "a server refused its work");
                    again = true;
                    continue;
                }
                Ok(reply) => {
                    self.note(false);
                    return Ok(reply.value);
                }
                Err(failure) => failure,
            };
            let safe = !failure.sent || request.twice == Twice::Harmless;
            if again || !failure.stale || !safe {
                self.note(true);
                return Err(failure.surface(request.twice, &self.target.server));
            }
            tracing::debug!(target: "cache_redis", server = %self.target.server, "a connection was closed");
            again = true;
        }
    }

    /// Whether it did not answer when it was asked last.
    #[cfg(feature = "cluster")]
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// It answered, and cannot do its work.
    #[cfg(feature = "cluster")]
    pub(crate) fn suspect(&self) {
        self.note(true);
    }

    fn note(&self, suspect: bool) {
        if self.suspect.load(Ordering::Relaxed) != suspect {
            self.suspect.store(suspect, Ordering::Relaxed);
        }
    }

    async fn exchange(&self, call: Call, request: &Request) -> Result<Reply, Failure> {
        match call.way {
            Way::Sync => self.pool.exchange(&self.target, request, call.deadline),
            Way::Async => self.links.exchange(&self.target, request, call.deadline).await,
        }
    }

    /// What is understood of the reply to `request`, or an error that names this server and the command.
    pub(crate) fn told<T>(&self, request: &Request, understood: Result<T, Wrong>) -> Result<T> {
        self.told_at(request, 0, understood)
    }

    /// The same, of the reply to the command at `place`.
    pub(crate) fn told_at<T>(
        &self,
        request: &Request,
        place: usize,
        understood: Result<T, Wrong>,
    ) -> Result<T> {
        understood.map_err(|wrong| refusal::error(wrong, &self.target.server, request, place))
    }

    pub(crate) fn close(&self) {
        self.pool.close();
        self.links.close();
    }
}
