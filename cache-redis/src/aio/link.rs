//! [`Link`]: one connection that many tasks use at once.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError, Value};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::stream::{Fate, Stream, Watched};
use crate::commands::{Commands, Request};
use crate::failure::{self, Failure};
use crate::location::Address;
use crate::node::Target;

/// How many requests may wait to be written before senders wait.
const QUEUE: usize = 1024;

/// A connection, logged in, and the task that drives it. Dropping the last clone of the `Arc` ends
/// the task and closes the connection.
pub(super) struct Link {
    connection: MultiplexedConnection,
    fate: Arc<Fate>,
    driver: AbortHandle,
    used: AtomicBool,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Says that the driver is gone, also when its runtime dropped it.
struct Dead(Arc<Fate>);

impl Drop for Dead {
    fn drop(&mut self) {
        self.0.dead.store(true, Ordering::Release);
    }
}

impl Link {
    /// Connects and logs in. Waits without end: the caller has the deadline.
    pub(super) async fn open(target: &Target, runtime: &Handle, deadline: Instant) -> Result<Self, Failure> {
        let server = &target.server;
        let inner = connect(target).await?;
        let fate = Arc::new(Fate::default());
        let stream = Watched { inner, fate: Arc::clone(&fate) };
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        // Deadlines are ours: one per call, not one per reply.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(QUEUE);
        let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config)
            .await
            .map_err(|_| Failure::before(failure::garbled(server)))?;
        let dead = Dead(Arc::clone(&fate));
        let driver = runtime.spawn(async move {
            let _dead = dead;
            driver.await;
        });
        let link = Self { connection, fate, driver: driver.abort_handle(), used: AtomicBool::new(false) };
        if let Some(log_in) = target.log_in() {
            let sent = link.exchange(target, &log_in, deadline).await;
            let reply = sent.map_err(|failure| Failure { sent: false, ..failure })?;
            target.check_log_in(&log_in, reply).map_err(Failure::before)?;
            link.used.store(false, Ordering::Relaxed);
        }
        Ok(link)
    }

    pub(super) fn is_dead(&self) -> bool {
        self.fate.dead.load(Ordering::Acquire)
    }

    /// Sends `request` and waits for its reply until `deadline`. Dropping the future leaves the
    /// connection as good as it was: the reply is awaited and thrown away by the driver.
    pub(super) async fn exchange(
        &self,
        target: &Target,
        request: &Request,
        deadline: Instant,
    ) -> Result<Value, Failure> {
        let mut connection = self.connection.clone();
        let used = self.used.swap(true, Ordering::Relaxed);
        let sent = async {
            match &request.commands {
                Commands::One(cmd) => connection.send_packed_command(cmd).await,
                Commands::Many(pipeline) => {
                    connection.send_packed_commands(pipeline, 0, pipeline.len()).await.map(Value::Array)
                }
            }
        };
        match until(deadline, sent).await {
            Some(Ok(value)) => Ok(value),
            Some(Err(e)) => Err(self.failed(target, used, &e)),
            None => Err(Failure { error: failure::timed_out(&target.server), sent: true, stale: false }),
        }
    }

    fn failed(&self, target: &Target, used: bool, e: &RedisError) -> Failure {
        let server = &target.server;
        if e.kind() == ErrorKind::Parse && !self.fate.ended.load(Ordering::Acquire) {
            return Failure { error: failure::garbled(server), sent: true, stale: false };
        }
        let error = failure::io(io::ErrorKind::UnexpectedEof.into(), server);
        Failure { error, sent: true, stale: used }
    }
}

/// The output of `future`, unless the time is over first.
pub(super) async fn until<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    tokio::time::timeout_at(deadline.into(), future).await.ok()
}

async fn connect(target: &Target) -> Result<Box<dyn Stream>, Failure> {
    let failed = |e| Failure::before(failure::io(e, &target.server));
    match &target.server.address {
        Address::Tcp { host, port, .. } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
            stream.set_nodelay(true).map_err(failed)?;
            match target.tls_name().map_err(Failure::before)? {
                None => Ok(Box::new(stream)),
                #[cfg(feature = "tls")]
                Some((config, name)) => {
                    let connector = tokio_rustls::TlsConnector::from(config);
                    Ok(Box::new(connector.connect(name, stream).await.map_err(failed)?))
                }
            }
        }
        #[cfg(unix)]
        Address::Unix(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await.map_err(failed)?)),
        #[cfg(not(unix))]
        Address::Unix(_) => {
            Err(failed(io::Error::new(io::ErrorKind::Unsupported, "no unix sockets on this system")))
        }
    }
}
