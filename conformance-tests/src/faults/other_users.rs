//! Runs a test's process as another user of the machine. Only root can.

use std::fs::{Permissions, set_permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use super::test_again;

/// A directory that each user may look into, for what belongs to some of them. `None`, and a word on why, where
/// this process is not root's.
#[must_use]
pub fn place_for_users() -> Option<TempDir> {
    let made = if rustix::process::geteuid().is_root() {
        tempfile::tempdir().and_then(|dir| {
            set_permissions(dir.path(), Permissions::from_mode(0o755))?;
            Ok(dir)
        })
    } else {
        Err(io::Error::other("only root can make what belongs to others"))
    };
    or_skipped(made)
}

/// Runs the test `name` of this program as a worker of the user of this number, to its end. `None`, and a word on
/// why, where that user cannot run it. See [`test_again`].
#[must_use]
pub fn run_as(user: u32, name: &str, job: &str) -> Option<Output> {
    or_skipped(command(user, name, job).and_then(|mut command| command.output()))
}

/// As [`run_as`], and does not wait for its end. Its output is thrown away.
#[must_use]
pub fn start_as(user: u32, name: &str, job: &str) -> Option<Child> {
    let start = |mut command: Command| command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn();
    or_skipped(command(user, name, job).and_then(start))
}

fn command(user: u32, name: &str, job: &str) -> io::Result<Command> {
    let mut command = test_again(name, job)?;
    // The current directory may be one that the user cannot enter.
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).uid(user).gid(user).current_dir("/");
    Ok(command)
}

#[allow(clippy::print_stderr, reason = "a test that cannot be made says why")]
fn or_skipped<T>(made: io::Result<T>) -> Option<T> {
    made.map_err(|e| eprintln!("skipped: {e}")).ok()
}
