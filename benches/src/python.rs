//! [`Python`]: peers that are written in Python, timed in a process of their own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A program of `benches/python` that waits for work. A line `name calls` makes it call the function of that name
/// `calls` times. It answers with the nanoseconds that they took.
#[derive(Debug)]
pub struct Python {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Starts `script` of `benches/python` with `interpreter`. It is ready when this returns.
    ///
    /// # Panics
    /// If it does not start, or says something else than `ready`.
    #[must_use]
    pub fn start(interpreter: &Path, script: &str, args: &[&str]) -> Self {
        let (python, answer) = Self::launch(interpreter, script, args);
        assert_eq!(answer, "ready", "what it prints on standard error says why");
        python
    }

    /// Starts a script whose module may be missing. The script then prints that instead of `ready`, and this
    /// prints it too and returns `None`.
    ///
    /// # Panics
    /// If it does not start, or fails.
    #[must_use]
    pub fn start_if_there(interpreter: &Path, script: &str, args: &[&str]) -> Option<Self> {
        let (python, answer) = Self::launch(interpreter, script, args);
        assert!(!answer.is_empty(), "what it prints on standard error says why");
        if answer == "ready" {
            return Some(python);
        }
        println!("left out: {answer}");
        None
    }

    fn launch(interpreter: &Path, script: &str, args: &[&str]) -> (Self, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
        let mut child = Command::new(interpreter)
            .arg(script)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python must start");
        let orders = child.stdin.take().expect("it was piped");
        let answers = BufReader::new(child.stdout.take().expect("it was piped"));
        let mut python = Self { child, orders, answers };
        let answer = python.answer();
        (python, answer)
    }

    /// Calls the function `name` `calls` times.
    ///
    /// # Panics
    /// If the program has failed.
    pub fn run(&mut self, name: &str, calls: u64) -> Duration {
        writeln!(self.orders, "{name} {calls}").expect("Python must be there");
        self.orders.flush().expect("Python must be there");
        Duration::from_nanos(self.answer().parse().expect("it answers with nanoseconds"))
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("Python must be there");
        line.trim_end().to_owned()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
