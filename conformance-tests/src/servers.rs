//! [`Server`]: a server process that belongs to one test, and the pool that a suite's locations take theirs from.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, geteuid, kill_process, waitid};
use tempfile::TempDir;

use crate::outcome::{Outcome, Stop};

/// How long a server may take until it answers.
const STARTUP: Duration = Duration::from_secs(20);

/// The longest path of a directory that leaves room for a socket's name.
const SHORT_PATH: usize = 60;

/// Makes a server's arguments from its port and its directory.
type Arguments = dyn Fn(u16, &Path) -> Vec<OsString> + Send + Sync;

/// What a server is asked in its own protocol, and the word to expect in its answer.
#[derive(Clone, Copy)]
struct Questions {
    /// The process's number follows the word.
    process: (&'static str, &'static str),
    /// The word says that all entries are gone.
    empty: (&'static str, &'static str),
}

const MEMCACHED: Questions =
    Questions { process: ("stats\r\n", "STAT pid "), empty: ("flush_all\r\n", "OK\r\n") };
const REDIS: Questions =
    Questions { process: ("INFO server\r\n", "process_id:"), empty: ("FLUSHALL\r\n", "+OK\r\n") };

/// A server process of one test, on a free port of 127.0.0.1. Killed when dropped.
pub struct Server {
    program: OsString,
    arguments: Arc<Arguments>,
    questions: Option<Questions>,
    address: SocketAddr,
    dir: TempDir,
    process: Option<Child>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("program", &self.program).field("address", &self.address).finish()
    }
}

impl Server {
    /// Starts `program` with the arguments that `arguments` makes from a free port and a new empty directory,
    /// and waits until it accepts connections.
    ///
    /// # Errors
    /// `NotFound` if the program is not installed. Also when it ends at once, or accepts no connection within
    /// 20 seconds.
    pub fn start(
        program: impl Into<OsString>,
        arguments: impl Fn(u16, &Path) -> Vec<OsString> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start_asking(program.into(), Arc::new(arguments), None)
    }

    /// Starts a memcached with `extra` arguments.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn memcached(extra: &[&str]) -> io::Result<Self> {
        let extra = words(extra);
        let arguments = move |port: u16, _: &Path| {
            let mut all = words(&["-l", "127.0.0.1", "-U", "0", "-t", "2", "-m", "256", "-p"]);
            all.push(port.to_string().into());
            // As root it wants to be told whom to be.
            if geteuid().is_root() {
                all.extend(words(&["-u", "root"]));
            }
            all.extend(extra.iter().cloned());
            all
        };
        Self::start_asking("memcached".into(), Arc::new(arguments), Some(MEMCACHED))
    }

    /// Starts a Redis that keeps nothing on disk, with `extra` arguments.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn redis(extra: &[&str]) -> io::Result<Self> {
        let extra = words(extra);
        let arguments = move |port: u16, dir: &Path| {
            let mut all = words(&["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
            all.push(port.to_string().into());
            all.extend(["--dir".into(), dir.into()]);
            all.extend(extra.iter().cloned());
            all
        };
        Self::start_asking("redis-server".into(), Arc::new(arguments), Some(REDIS))
    }

    fn start_asking(
        program: OsString,
        arguments: Arc<Arguments>,
        questions: Option<Questions>,
    ) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("server-").tempdir_in(short_directory())?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut server = Self { program, arguments, questions, address, dir, process: None };
        // A port that was free may be taken the next moment: then another is tried.
        for tries_left in (0..5).rev() {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
            server.address = free;
            match server.launch() {
                Err(e) if e.kind() != ErrorKind::NotFound && tries_left > 0 => server.kill(),
                other => return other.map(|()| server),
            }
        }
        Ok(server)
    }

    /// Returns where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its own directory, whose path is short enough for a unix socket in it. It is removed afterwards.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Pauses it (SIGSTOP): connections stay open, but nothing answers. Returns once all its threads have
    /// stopped.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
        let Some(pid) = self.process.as_ref().and_then(pid_of) else { return };
        let begun = Instant::now();
        // What is waited for stays to be found, by a second call too.
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while let Ok(None) = waitid(WaitId::Pid(pid), stopped) {
            if begun.elapsed() > STARTUP {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Resumes it after [`Server::pause`].
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it (SIGKILL), and waits until it has ended.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may be gone already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Kills it and starts it again, empty, on the same port.
    ///
    /// # Errors
    /// When it does not come up again.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        self.launch()
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.process.as_ref().and_then(pid_of) {
            // It may be gone already.
            let _ = kill_process(pid, signal);
        }
    }

    fn launch(&mut self) -> io::Result<()> {
        let mut command = Command::new(&self.program);
        command.args((self.arguments)(self.address.port(), self.dir.path()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().map_err(|e| named(&self.program, &e))?;
        let number = process.id();
        self.process = Some(process);
        let begun = Instant::now();
        loop {
            let ended = self.process.as_mut().map(Child::try_wait).transpose()?.flatten();
            if let Some(status) = ended {
                let text = format!("{} ended at once, with {status}", self.program.display());
                return Err(io::Error::other(text));
            }
            match self.answers(number) {
                Ok(()) => return Ok(()),
                Err(e) if begun.elapsed() > STARTUP => return Err(named(&self.program, &e)),
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Whether it accepts connections, and is not another program on the same port.
    fn answers(&self, number: u32) -> io::Result<()> {
        let Some(Questions { process: (question, word), .. }) = self.questions else {
            return TcpStream::connect(self.address).map(drop);
        };
        let answer = ask(self.address, question, "\r\n")?;
        // A server that wants a password first does not say.
        let Some((_, rest)) = answer.split_once(word) else { return Ok(()) };
        let said = rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok());
        if said == Some(number) { Ok(()) } else { Err(io::Error::other("another process answers")) }
    }

    /// Removes all entries; false if it does not know how.
    fn empty(&self) -> bool {
        let Some(Questions { empty: (question, word), .. }) = self.questions else { return false };
        ask(self.address, question, word).is_ok_and(|answer| answer.contains(word))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn pid_of(process: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(process.id()).ok()?)
}

fn named(program: &OsString, e: &io::Error) -> io::Error {
    io::Error::new(e.kind(), format!("{}: {e}", program.display()))
}

/// The directory for temporary files, or one with a shorter path.
fn short_directory() -> PathBuf {
    let usual = std::env::temp_dir();
    let short = Path::new("/tmp");
    if usual.as_os_str().len() > SHORT_PATH && short.is_dir() { short.to_owned() } else { usual }
}

/// Sends a line and returns the answer up to `end` in it.
fn ask(address: SocketAddr, question: &str, end: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, STARTUP)?;
    stream.set_read_timeout(Some(STARTUP))?;
    stream.write_all(question.as_bytes())?;
    let (mut answer, mut piece) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let read = stream.read(&mut piece)?;
        answer.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&answer);
        if read == 0 || text.contains(end) {
            return Ok(text.into_owned());
        }
    }
}

/// Whether this is a CI run (the variable `CI` is set), where a missing program is a failure.
fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// Returns the server for a test that needs one. Outside CI, returns `None` and prints the reason to standard
/// error if the server's program is not installed.
///
/// # Panics
/// When the server did not start, and in a CI run (the variable `CI` is set) also when its
/// program is missing: a test that needs it cannot go on.
#[must_use]
#[allow(clippy::panic, clippy::print_stderr, reason = "it decides how a test ends, and says why")]
pub fn or_skip(server: io::Result<Server>) -> Option<Server> {
    match server {
        Ok(server) => Some(server),
        Err(e) if e.kind() == ErrorKind::NotFound && !in_ci() => {
            eprintln!("skipped: {e}");
            None
        }
        Err(e) => panic!("a server for this test: {e}"),
    }
}

/// Starts one server for a location.
type Start = dyn Fn() -> io::Result<Server> + Send + Sync;

/// The servers of a suite. Each location takes its own, and returns them, empty, for the next.
pub(crate) struct ServerPool {
    per_location: usize,
    start: Box<Start>,
    idle: Mutex<Vec<Server>>,
}

impl ServerPool {
    pub(crate) fn new(per_location: usize, start: Box<Start>) -> Self {
        Self { per_location, start, idle: Mutex::default() }
    }

    /// Takes servers for one location. If their program is missing, the check is skipped by hand and fails in
    /// CI.
    pub(crate) fn take(&self) -> Outcome<Vec<Server>> {
        (0..self.per_location)
            .map(|_| {
                let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                idle.map_or_else(|| (self.start)(), Ok).map_err(|e| match e.kind() {
                    ErrorKind::NotFound if !in_ci() => Stop::Skipped(e.to_string()),
                    _ => Stop::broken(format_args!("a server for it does not start: {e}")),
                })
            })
            .collect()
    }

    /// Takes back servers that were neither paused nor killed.
    pub(crate) fn give_back(&self, servers: Vec<Server>) {
        let emptied: Vec<Server> = servers.into_iter().filter(Server::empty).collect();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(emptied);
    }

    /// Stops the servers that no location uses.
    pub(crate) fn stop(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
