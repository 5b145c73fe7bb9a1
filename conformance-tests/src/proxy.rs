//! [`Proxy`]: a TCP proxy that treats connections as a bad network does.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What a [`Proxy`] does to its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Passes everything on.
    None,
    /// Closes every connection, new ones at once.
    Refuse,
    /// Accepts requests, passes none on, and answers nothing. A connection that lost bytes this way is closed
    /// when the fault ends, because no network drops bytes out of the middle of a connection.
    Blackhole,
    /// Passes each piece of a reply on this much later.
    Delay(Duration),
    /// Passes replies on byte by byte, each this much after the one before.
    Dribble(Duration),
    /// Passes this many bytes of the next reply on, then closes that connection; the ones after
    /// it are left alone.
    CutReply(usize),
    /// Passes this many bytes of the next request on, then closes that connection; the ones after
    /// it are left alone.
    CutRequest(usize),
    /// Passes this many bytes of the next request on and reads no more of that connection, which
    /// stays open; the ones after it are left alone.
    StallRequest(usize),
}

/// A TCP proxy on a free port of 127.0.0.1, in front of one address. Ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: Mutex<SocketAddr>,
    ended: AtomicBool,
    fault: Mutex<Fault>,
    connections: Mutex<Vec<Arc<Connection>>>,
    accepted: AtomicU64,
    sent: AtomicU64,
    turns: AtomicU64,
}

/// Both ends of a connection, to close it from outside.
#[derive(Debug)]
struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// The last bytes were a reply: a request after it is a new turn.
    replied: AtomicBool,
    /// Whether a blackhole has swallowed some of its bytes.
    lossy: AtomicBool,
}

impl Connection {
    fn close(&self) {
        // It may be closed already.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

impl Proxy {
    /// Starts a proxy in front of `upstream`, with [`Fault::None`].
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            ended: AtomicBool::new(false),
            fault: Mutex::new(Fault::None),
            connections: Mutex::default(),
            accepted: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            turns: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&shared);
        thread::Builder::new().name("proxy".to_owned()).spawn(move || accepting.accept(&listener))?;
        Ok(Self { address, shared })
    }

    /// Returns where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads new connections to `upstream`, as a name does after a failover. Open connections stay where they are.
    pub fn lead_to(&self, upstream: SocketAddr) {
        *self.shared.upstream.lock().unwrap_or_else(PoisonError::into_inner) = upstream;
    }

    /// Applies `fault` from now on, to open connections and to new ones.
    pub fn set(&self, fault: Fault) {
        *self.shared.fault() = fault;
        match fault {
            Fault::Refuse => self.cut(),
            Fault::Blackhole => {}
            _ => self
                .shared
                .connections()
                .iter()
                .filter(|one| one.lossy.load(Ordering::SeqCst))
                .for_each(|one| one.close()),
        }
    }

    /// Closes all open connections.
    pub fn cut(&self) {
        self.shared.connections().drain(..).for_each(|connection| connection.close());
    }

    /// Returns the number of connections so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Returns the number of bytes that clients sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Returns how often a client began to send, at first or after a reply: the round trips so far.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.shared.turns.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the thread that accepts; where that fails it has ended already.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn fault(&self) -> MutexGuard<'_, Fault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((client, _)) = listener.accept() {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            self.accepted.fetch_add(1, Ordering::SeqCst);
            // A connection that cannot be passed on is closed: the client sees why it came.
            let _ = self.connect(client);
        }
    }

    fn connect(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        if *self.fault() == Fault::Refuse {
            return Ok(());
        }
        let upstream = *self.upstream.lock().unwrap_or_else(PoisonError::into_inner);
        let server = TcpStream::connect(upstream)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, from_server) = (client.try_clone()?, server.try_clone()?);
        let connection = Arc::new(Connection {
            client,
            server,
            replied: AtomicBool::new(true),
            lossy: AtomicBool::new(false),
        });
        {
            let mut connections = self.connections();
            connections.retain(|connection| Arc::strong_count(connection) > 1);
            connections.push(Arc::clone(&connection));
        }
        let (shared, one) = (Arc::clone(self), Arc::clone(&connection));
        thread::Builder::new().name("proxy-requests".to_owned()).spawn(move || {
            // However a pump ends, the connection does.
            let _ = shared.pump_requests(from_client, &one);
            one.close();
        })?;
        let (shared, one) = (Arc::clone(self), connection);
        thread::Builder::new().name("proxy-replies".to_owned()).spawn(move || {
            let _ = shared.pump_replies(from_server, &one);
            one.close();
        })?;
        Ok(())
    }

    fn pump_requests(&self, mut from: TcpStream, connection: &Connection) -> io::Result<()> {
        let mut to = connection.server.try_clone()?;
        let mut piece = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut piece)?;
            if read == 0 {
                return Ok(());
            }
            self.sent.fetch_add(read as u64, Ordering::SeqCst);
            if connection.replied.swap(false, Ordering::SeqCst) {
                self.turns.fetch_add(1, Ordering::SeqCst);
            }
            let fault = *self.fault();
            match fault {
                Fault::Refuse => return Ok(()),
                Fault::Blackhole => connection.lossy.store(true, Ordering::SeqCst),
                Fault::CutRequest(left) | Fault::StallRequest(left) if left > read => {
                    let less = left - read;
                    let cut = matches!(fault, Fault::CutRequest(_));
                    *self.fault() = if cut { Fault::CutRequest(less) } else { Fault::StallRequest(less) };
                    to.write_all(&piece[..read])?;
                }
                Fault::CutRequest(left) => {
                    *self.fault() = Fault::None;
                    return to.write_all(&piece[..left]);
                }
                Fault::StallRequest(left) => {
                    *self.fault() = Fault::None;
                    to.write_all(&piece[..left])?;
                    while !self.ended.load(Ordering::SeqCst) {
                        thread::sleep(Duration::from_millis(5));
                    }
                    return Ok(());
                }
                _ => to.write_all(&piece[..read])?,
            }
        }
    }

    fn pump_replies(&self, mut from: TcpStream, connection: &Connection) -> io::Result<()> {
        let mut to = connection.client.try_clone()?;
        let mut piece = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut piece)?;
            if read == 0 {
                return Ok(());
            }
            connection.replied.store(true, Ordering::SeqCst);
            let fault = *self.fault();
            match fault {
                Fault::Refuse => return Ok(()),
                Fault::Blackhole => connection.lossy.store(true, Ordering::SeqCst),
                Fault::Delay(time) => {
                    thread::sleep(time);
                    to.write_all(&piece[..read])?;
                }
                Fault::Dribble(time) => {
                    for byte in &piece[..read] {
                        thread::sleep(time);
                        to.write_all(&[*byte])?;
                    }
                }
                Fault::CutReply(left) if left > read => {
                    *self.fault() = Fault::CutReply(left - read);
                    to.write_all(&piece[..read])?;
                }
                Fault::CutReply(left) => {
                    *self.fault() = Fault::None;
                    return to.write_all(&piece[..left]);
                }
                _ => to.write_all(&piece[..read])?,
            }
        }
    }
}
