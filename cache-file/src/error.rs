//! [`FsError`]: why a step on the file system failed, and beginning again where that helps.

use std::path::Path;

use cache_core::Error;
use rustix::io::Errno;

/// Why a step failed.
#[derive(Debug)]
pub(crate) enum FsError {
    /// A directory or a temporary file vanished underneath: begin again. What the system said
    /// matters if that does not help.
    Gone(Option<Error>),
    /// Beginning again does not help: the caller's error.
    Failed(Error),
}

impl From<Error> for FsError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl FsError {
    /// Says what an error of the system means, with what was tried ("cannot ... PATH").
    pub(crate) fn new(errno: Errno, doing: &str, path: &Path) -> Self {
        let error =
            Error::storage(format!("the file cache cannot {doing} {}", path.display())).with_source(errno);
        if errno == Errno::NOENT { Self::Gone(Some(error)) } else { Self::Failed(error) }
    }
}

/// How often an operation begins again when directories vanish underneath.
const ATTEMPTS: u32 = 20;

/// Runs `op` until nothing vanishes underneath. Calls `forget` before it begins again.
pub(crate) fn retry<T>(
    dir: &Path,
    forget: impl Fn(),
    mut op: impl FnMut() -> Result<T, FsError>,
) -> Result<T, Error> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        match op() {
            Ok(done) => return Ok(done),
            Err(FsError::Failed(error)) => return Err(error),
            Err(FsError::Gone(cause)) => last = cause,
        }
        forget();
    }
    let gone = Error::storage(format!(
        "files that the file cache makes in {} were removed, {ATTEMPTS} times over: name another directory, or find out what removes them",
        dir.display()
    ));
    Err(match last {
        Some(cause) => gone.with_source(cause),
        None => gone,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::settle_root;

    #[test]
    fn a_place_that_can_never_be_is_named_with_what_the_system_says() {
        let dir = tempfile::tempdir().unwrap();
        let nowhere = dir.path().join("none/..");
        let error = retry(&nowhere, || (), || settle_root(&nowhere, true)).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("none") && message.contains("No such file"), "{message}");
    }
}
