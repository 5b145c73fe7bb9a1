//! A client of the [toy server](crate::toy_server) with a pool of connections. Correct except for the planted
//! bugs, which only a network client can have.

use std::io::{self, ErrorKind as Io, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cache_core::{BaseCache, Capabilities, Error, ErrorKind, Expiry, Key, Payload, Result};
use conformance_tests::Spec;

use crate::toy_server::{Answer, Ask, Value};

/// What is wrong with the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum WireBug {
    None,
    /// After the first failure it answers as if nothing were stored.
    SilentAfterFailure,
    /// It waits twice as long as it was told.
    Late,
    /// A connection that failed before is used again as it is.
    KeepsDead,
    /// A connection whose reply came too late is used again.
    KeepsBroken,
    /// A reply that ends too early is a miss.
    CutTaken,
    /// Whatever failed is sent again.
    RetriesAll,
    /// Each read may take the whole time.
    TimeoutPerRead,
    /// Waiting for a place in the pool takes as long as it takes.
    WaitsForever,
    /// A call that fails keeps its place in the pool.
    LeaksPlaces,
    /// `get_many` asks for one key after another.
    OneByOne,
}

#[derive(Debug)]
pub(crate) struct Wire {
    bug: WireBug,
    server: SocketAddr,
    timeout: Duration,
    limit: usize,
    pool: Mutex<Pool>,
    freed: Condvar,
    failed: AtomicBool,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<TcpStream>,
    taken: usize,
}

/// What went wrong, and whether the server may have seen the request.
struct Failure {
    error: io::Error,
    sent: bool,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { error, sent: false }
    }
}

impl Wire {
    pub(crate) fn open(bug: WireBug, spec: &Spec) -> Self {
        Self {
            bug,
            server: spec.servers[0],
            timeout: spec.timeout * if bug == WireBug::Late { 2 } else { 1 },
            limit: spec.max_connections,
            pool: Mutex::default(),
            freed: Condvar::new(),
            failed: AtomicBool::new(false),
        }
    }

    fn call(&self, ask: Ask) -> Result<Answer> {
        let deadline = Instant::now() + self.timeout;
        let mut outcome = self.in_place(&ask, deadline);
        if outcome.is_err() && self.bug == WireBug::RetriesAll {
            outcome = self.in_place(&ask, deadline);
        }
        let failure = match outcome {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let silent = self.failed.swap(true, Ordering::SeqCst) && self.bug == WireBug::SilentAfterFailure;
        let cut = failure.error.kind() == Io::UnexpectedEof && self.bug == WireBug::CutTaken;
        if silent || cut {
            return Ok(match ask {
                Ask::Get(keys) => Answer::Values(vec![None; keys.len()]),
                Ask::Incr(..) => Answer::NotFound,
                _ => Answer::Done(false),
            });
        }
        let twice_matters = matches!(ask, Ask::Add(..) | Ask::Incr(..) | Ask::Rename(..));
        let kind =
            if failure.sent && twice_matters { ErrorKind::OutcomeUnknown } else { ErrorKind::Unavailable };
        Err(Error::new(kind, format!("{}: {}", self.server, failure.error)))
    }

    /// Takes a place in the pool for the exchange.
    fn in_place(&self, ask: &Ask, deadline: Instant) -> std::result::Result<Answer, Failure> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        while pool.taken >= self.limit {
            let left = deadline.saturating_duration_since(Instant::now());
            let patience = if self.bug == WireBug::WaitsForever { self.timeout * 20 } else { left };
            if patience.is_zero() {
                return Err(io::Error::new(Io::TimedOut, "no connection is free").into());
            }
            pool = self.freed.wait_timeout(pool, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        pool.taken += 1;
        let idle = pool.idle.pop();
        drop(pool);
        let deadline =
            if self.bug == WireBug::WaitsForever { Instant::now() + self.timeout } else { deadline };
        let outcome = self.exchange(idle, ask, deadline);
        if outcome.is_ok() || self.bug != WireBug::LeaksPlaces {
            self.pool.lock().unwrap_or_else(PoisonError::into_inner).taken -= 1;
            self.freed.notify_one();
        }
        outcome
    }

    fn exchange(
        &self,
        idle: Option<TcpStream>,
        ask: &Ask,
        deadline: Instant,
    ) -> std::result::Result<Answer, Failure> {
        let usable = |stream: &TcpStream| self.bug == WireBug::KeepsDead || is_open(stream);
        let mut stream = match idle.filter(usable) {
            Some(stream) => stream,
            None => TcpStream::connect_timeout(&self.server, left(deadline)?)?,
        };
        let mut request = serde_json::to_vec(ask).map_err(io::Error::from)?;
        request.push(b'\n');
        let outcome = self.answer(&mut stream, &request, deadline);
        let timed_out = outcome.as_ref().is_err_and(|e| matches!(e.kind(), Io::TimedOut | Io::WouldBlock));
        let keep = match self.bug {
            WireBug::KeepsDead => true,
            WireBug::KeepsBroken => outcome.is_ok() || timed_out,
            _ => outcome.is_ok(),
        };
        if keep {
            self.pool.lock().unwrap_or_else(PoisonError::into_inner).idle.push(stream);
        }
        outcome.map_err(|error| Failure { error, sent: true })
    }

    fn answer(&self, stream: &mut TcpStream, request: &[u8], deadline: Instant) -> io::Result<Answer> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(left(deadline)?))?;
        stream.write_all(request)?;
        let (mut reply, mut piece) = (Vec::new(), [0; 16 * 1024]);
        while reply.last() != Some(&b'\n') {
            let patience = if self.bug == WireBug::TimeoutPerRead { self.timeout } else { left(deadline)? };
            stream.set_read_timeout(Some(patience))?;
            let read = stream.read(&mut piece)?;
            if read == 0 {
                return Err(Io::UnexpectedEof.into());
            }
            reply.extend_from_slice(&piece[..read]);
        }
        Ok(serde_json::from_slice(&reply)?)
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Io::TimedOut.into()) } else { Ok(left) }
}

/// Whether the server has neither closed the connection nor sent what nobody asked for.
fn is_open(stream: &TcpStream) -> bool {
    let silent = stream.set_nonblocking(true).is_ok()
        && stream.peek(&mut [0]).is_err_and(|e| e.kind() == Io::WouldBlock);
    silent && stream.set_nonblocking(false).is_ok()
}

fn lifetime(expiry: Expiry) -> Option<Duration> {
    match expiry {
        Expiry::Never => None,
        Expiry::After(lifetime) => Some(lifetime),
    }
}

fn unexpected<T>(answer: &Answer) -> Result<T> {
    Err(Error::rejected(format!("the server answers what was not asked: {answer:?}")))
}

impl BaseCache for Wire {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        Ok(self.get_many(&[key])?.into_iter().next().flatten())
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        if self.bug == WireBug::OneByOne && keys.len() > 1 {
            return keys.iter().map(|&key| self.get(key)).collect();
        }
        match self.call(Ask::Get(keys.iter().map(ToString::to_string).collect()))? {
            Answer::Values(values) if values.len() == keys.len() => {
                Ok(values.into_iter().map(|value| value.map(Value::payload)).collect())
            }
            answer => unexpected(&answer),
        }
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.set_many(&[(key, value)], expiry).map(drop)
    }

    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        let values = entries.iter().map(|(key, value)| (key.to_string(), value.into())).collect();
        self.call(Ask::Set(values, lifetime(expiry)))?;
        Ok(Vec::new())
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.done(Ask::Add(key.to_string(), (&value).into(), lifetime(expiry)))
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.done(Ask::Touch(key.to_string(), lifetime(expiry)))
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.done(Ask::Delete(vec![key.to_string()]))
    }

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        self.done(Ask::Delete(keys.iter().map(ToString::to_string).collect())).map(drop)
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        match self.call(Ask::Incr(key.to_string(), delta))? {
            Answer::Sum(sum) => Ok(sum),
            Answer::NotFound => Err(Error::key_not_found(key.as_str())),
            Answer::NotAnInteger => Err(Error::not_an_integer(key.as_str())),
            Answer::Overflow => Err(Error::overflow(key.as_str())),
            answer => unexpected(&answer),
        }
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.done(Ask::Rename(from.to_string(), to.to_string()))
    }

    fn clear(&self) -> Result<()> {
        self.done(Ask::Clear).map(drop)
    }

    fn close(&self) -> Result<()> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).idle.clear();
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::DEFAULT.with_persistent(true).with_cross_process(true)
    }
}

impl Wire {
    fn done(&self, ask: Ask) -> Result<bool> {
        match self.call(ask)? {
            Answer::Done(done) => Ok(done),
            answer => unexpected(&answer),
        }
    }
}
