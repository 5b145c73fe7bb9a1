//! Finding a host's addresses without waiting longer than the call may take.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::connection::Connection;
use crate::deadline::Deadline;

/// What the last lookup of a host gave.
type Answer = Result<Vec<SocketAddr>, (io::ErrorKind, String)>;

/// Looks one host up. The system's resolver cannot be interrupted, so it runs in a thread: one at
/// a time, for everybody who waits.
pub(crate) struct Lookup {
    host: String,
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    running: Mutex<bool>,
    answer: watch::Sender<Option<Answer>>,
}

impl Lookup {
    pub(crate) fn new(host: &str, port: u16) -> Self {
        let shared = Shared { running: Mutex::new(false), answer: watch::Sender::new(None) };
        Self { host: host.to_owned(), port, shared: Arc::new(shared) }
    }

    /// The host's addresses: at least one.
    pub(crate) async fn addresses<C: Connection>(&self, deadline: Deadline) -> io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, self.port)]);
        }
        // Before the look at `running`: an answer that comes in between is not missed.
        let mut answer = self.shared.answer.subscribe();
        self.run_if_idle()?;
        let timed_out = || io::Error::new(io::ErrorKind::TimedOut, "the name was not looked up in time");
        C::wait(answer.changed(), deadline).await.ok_or_else(timed_out)?.map_err(io::Error::other)?;
        let found = answer.borrow().clone();
        match found {
            Some(Ok(found)) if !found.is_empty() => Ok(found),
            Some(Err((kind, text))) => Err(io::Error::new(kind, text)),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        }
    }

    fn run_if_idle(&self) -> io::Result<()> {
        let mut running = self.shared.running.lock().unwrap_or_else(PoisonError::into_inner);
        if *running {
            return Ok(());
        }
        let (host, port, shared) = (self.host.clone(), self.port, Arc::clone(&self.shared));
        std::thread::Builder::new().name("memcached-lookup".to_owned()).spawn(move || {
            let found = (host.as_str(), port).to_socket_addrs();
            let answer = found.map(Iterator::collect).map_err(|e| (e.kind(), e.to_string()));
            // First this: whoever comes from now on asks anew.
            *shared.running.lock().unwrap_or_else(PoisonError::into_inner) = false;
            shared.answer.send_replace(Some(answer));
        })?;
        *running = true;
        Ok(())
    }
}
