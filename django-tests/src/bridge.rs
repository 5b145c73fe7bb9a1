//! [`Bridge`]: a Python process with Django's caches.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value as Json;

/// The program on the other side, where its requests and answers are described.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/bridge.py");

/// Why a request has no result.
#[derive(Debug)]
pub enum BridgeError {
    /// Django raised this exception. The message may hold a key or a value.
    Raised {
        /// The name of its class.
        class: String,
        /// Its text.
        message: String,
    },
    /// The process cannot be started, has ended, or did not answer in time, and then it is killed.
    Gone(io::Error),
}

impl fmt::Display for BridgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raised { class, .. } => write!(f, "Django raised {class}"),
            Self::Gone(e) => write!(f, "the Python process with Django: {e}"),
        }
    }
}

impl std::error::Error for BridgeError {}

impl From<io::Error> for BridgeError {
    fn from(e: io::Error) -> Self {
        Self::Gone(e)
    }
}

/// A Python process with Django's caches: one request at a time. Started by the first request,
/// and again by the one after its end; killed on drop.
pub struct Bridge {
    python: PathBuf,
    caches: String,
    timeout: Duration,
    process: Mutex<Option<Process>>,
}

impl fmt::Debug for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge").field("python", &self.python).finish_non_exhaustive()
    }
}

impl Bridge {
    /// A bridge to the caches of `caches`, Django's `CACHES`, whose requests may take `timeout`.
    /// Starts nothing yet.
    #[must_use]
    pub fn new(python: &Path, caches: &Json, timeout: Duration) -> Self {
        Self { python: python.to_owned(), caches: caches.to_string(), timeout, process: Mutex::default() }
    }

    /// Sends a request and waits for its result.
    ///
    /// # Errors
    /// What Django raised, or that the process is gone: the next request starts another.
    pub fn call(&self, request: &Json) -> Result<Json, BridgeError> {
        let mut place = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let mut process = match place.take() {
            Some(running) => running,
            None => Process::start(&self.python, &self.caches)?,
        };
        let line = process.ask(request, self.timeout)?;
        *place = Some(process);
        drop(place);
        let mut answer: Json = serde_json::from_str(&line).map_err(io::Error::from)?;
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        match text("error") {
            Some(class) => Err(BridgeError::Raised { class, message: text("message").unwrap_or_default() }),
            None => Ok(answer["result"].take()),
        }
    }
}

struct Process {
    child: Child,
    requests: ChildStdin,
    answers: Receiver<io::Result<String>>,
}

impl Process {
    fn start(python: &Path, caches: &str) -> io::Result<Self> {
        let mut command = Command::new(python);
        // -B: it leaves no compiled files in the source tree.
        command.args(["-B", SCRIPT]).arg(caches).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("it has no pipes"));
        };
        let (sender, receiver) = channel();
        // A pipe cannot be read with a timeout, and a channel can.
        std::thread::spawn(move || {
            for line in BufReader::new(answers).lines() {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, requests, answers: receiver })
    }

    fn ask(&mut self, request: &Json, timeout: Duration) -> io::Result<String> {
        // It reads a request whole before it answers, so neither side waits for the other to read.
        self.requests.write_all(format!("{request}\n").as_bytes())?;
        self.answers.recv_timeout(timeout).map_err(|e| match e {
            RecvTimeoutError::Timeout => io::Error::new(ErrorKind::TimedOut, "no answer in time"),
            RecvTimeoutError::Disconnected => io::Error::new(ErrorKind::UnexpectedEof, "it has ended"),
        })?
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
