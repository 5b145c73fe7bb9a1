//! [`Resolver`]: hosts are looked up without a caller waiting longer than it may, nor many threads.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use cache_core::{Mode, PerProcess};
use tokio::sync::watch;
use tokio::time::timeout_at;

use crate::park::wait_in_place;

/// Finds the addresses of a host, each with port 0.
type Resolve = fn(&str) -> io::Result<Vec<SocketAddr>>;

/// What a look-up gave.
type Answer = Result<Vec<SocketAddr>, (io::ErrorKind, String)>;

/// The look-ups that are under way, by host.
type Running = HashMap<String, watch::Receiver<Option<Answer>>>;

/// Looks hosts up, each one once at a time for all who ask for it meanwhile.
///
/// The system's resolver cannot be interrupted, so it runs on a thread that nobody joins: it delays no
/// caller beyond its deadline, and the end of no runtime or process.
pub(crate) struct Resolver {
    resolve: Resolve,
    /// A child of `fork` has none of the threads that its parent waits for.
    running: Arc<PerProcess<Mutex<Running>>>,
}

/// The system's resolver, for all connections of the process.
pub(crate) static SYSTEM: LazyLock<Resolver> =
    LazyLock::new(|| Resolver::new(|host| (host, 0).to_socket_addrs().map(Iterator::collect)));

/// Ends a look-up, however it ends.
struct Ending(Arc<PerProcess<Mutex<Running>>>, String);

impl Drop for Ending {
    fn drop(&mut self) {
        locked(&self.0).remove(&self.1);
    }
}

fn locked(running: &PerProcess<Mutex<Running>>) -> MutexGuard<'_, Running> {
    running.get().lock().unwrap_or_else(PoisonError::into_inner)
}

impl Resolver {
    pub(crate) fn new(resolve: Resolve) -> Self {
        Self { resolve, running: Arc::default() }
    }

    /// Returns the addresses of `host` with `port`, in the resolver's order: at least one.
    pub(crate) async fn look_up(
        &self,
        mode: Mode,
        (host, port): (&str, u16),
        deadline: Instant,
    ) -> io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let mut answer = self.begin(host)?;
        let answered = answer.wait_for(Option::is_some);
        let answered = match mode {
            Mode::Blocking => wait_in_place(answered, deadline),
            Mode::Async => timeout_at(deadline.into(), answered).await.ok(),
        };
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the name was not looked up in time");
        // The other end goes without an answer when the resolver panics.
        match answered.ok_or_else(late)?.map_err(io::Error::other)?.as_ref() {
            Some(Ok(found)) if !found.is_empty() => {
                let mut found = found.clone();
                found.iter_mut().for_each(|address| address.set_port(port));
                Ok(found)
            }
            Some(Err((kind, text))) => Err(io::Error::new(*kind, text.clone())),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        }
    }

    /// The look-up of `host` that is under way, or a new one.
    fn begin(&self, host: &str) -> io::Result<watch::Receiver<Option<Answer>>> {
        let mut running = locked(&self.running);
        if let Some(answer) = running.get(host) {
            return Ok(answer.clone());
        }
        let (sender, answer) = watch::channel(None);
        let (resolve, ending) = (self.resolve, Ending(Arc::clone(&self.running), host.to_owned()));
        thread::Builder::new().name("cache-lookup".to_owned()).spawn(move || {
            let found = resolve(&ending.1).map_err(|e| (e.kind(), e.to_string()));
            // Before the answer is sent: callers from now on start a new look-up.
            drop(ending);
            sender.send_replace(Some(found));
        })?;
        running.insert(host.to_owned(), answer.clone());
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use cache_core::poll_now;

    const SOON: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_secs(20);

    fn one_thread() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn a_hanging_resolver_holds_one_thread_and_delays_nobody() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let names = Arc::new(Resolver::new(|_| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            loop {
                thread::park();
            }
        }));
        let callers: Vec<_> = (0..25)
            .map(|_| {
                let names = Arc::clone(&names);
                thread::spawn(move || {
                    poll_now(names.look_up(Mode::Blocking, ("hangs", 1), Instant::now() + SOON))
                })
            })
            .collect();
        let runtime = one_thread();
        runtime.block_on(async {
            let calls = (0..25).map(|_| {
                let names = Arc::clone(&names);
                tokio::spawn(
                    async move { names.look_up(Mode::Async, ("hangs", 2), Instant::now() + SOON).await },
                )
            });
            for call in calls.collect::<Vec<_>>() {
                assert_eq!(call.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
            }
        });
        // The resolver hangs for ever: this would wait for it.
        drop(runtime);
        for caller in callers {
            assert_eq!(caller.join().unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
        assert_eq!(ASKED.load(Ordering::SeqCst), 1, "threads for one name");
    }

    #[test]
    fn each_round_of_callers_asks_anew() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let names = Resolver::new(|_| {
            let asked = ASKED.fetch_add(1, Ordering::SeqCst);
            Ok(vec![(Ipv4Addr::new(127, 0, 0, u8::try_from(asked).unwrap()), 0).into()])
        });
        let runtime = one_thread();
        // Often, since one that asks at once is to find that the look-up before it is over.
        for n in 0..=u8::MAX {
            let mode = if n % 2 == 0 { Mode::Blocking } else { Mode::Async };
            let found = runtime.block_on(names.look_up(mode, ("moves", 7), Instant::now() + LONG)).unwrap();
            let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, n), 7));
            assert_eq!(found, [address], "round {n} was told what an earlier one was");
        }
    }

    #[test]
    fn what_a_resolver_says_is_told() {
        for (resolve, kind) in [
            ((|_| Err(io::ErrorKind::NotFound.into())) as Resolve, io::ErrorKind::NotFound),
            (|_| Ok(Vec::new()), io::ErrorKind::NotFound),
            (|_| panic!("a resolver that fails"), io::ErrorKind::Other),
        ] {
            let names = Resolver::new(resolve);
            for _ in 0..2 {
                let said = poll_now(names.look_up(Mode::Blocking, ("h", 1), Instant::now() + LONG));
                assert_eq!(said.unwrap_err().kind(), kind);
            }
        }
        let found =
            poll_now(SYSTEM.look_up(Mode::Blocking, ("localhost", 7), Instant::now() + LONG)).unwrap();
        assert!(
            !found.is_empty() && found.iter().all(|found| found.ip().is_loopback() && found.port() == 7),
            "{found:?}"
        );
    }
}
