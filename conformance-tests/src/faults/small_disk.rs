//! [`SmallDisk`]: mounts a small file system that fills up.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A mounted tmpfs of a few bytes. Unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    /// Mounts one that holds `bytes`, rounded up to pages.
    ///
    /// # Errors
    /// When this user may not mount a file system; a test then prints the reason and is skipped.
    pub fn mount(bytes: u64) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("small-disk-").tempdir()?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=0700"), "small-disk"]).arg(dir.path());
        mount.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if mount.status()?.success() {
            return Ok(Self { dir });
        }
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "this user may not mount a file system"))
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file until nothing more fits, and returns its path: [`make_room`](Self::make_room) removes it.
    ///
    /// # Errors
    /// When writing ends for any reason but a full disk.
    pub fn fill(&self) -> io::Result<PathBuf> {
        let path = self.path().join("filler");
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path)?;
        loop {
            match io::Write::write(&mut file, &[0; 4096]) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::StorageFull => return Ok(path),
                Err(e) => return Err(e),
            }
        }
    }

    /// Removes a file, and waits until the room that it took is free: a process that another thread has just begun
    /// holds whatever was open then, until it is a program of its own.
    ///
    /// # Errors
    /// When the file cannot be removed, or its room is not free within ten seconds.
    pub fn make_room(&self, file: &Path) -> io::Result<()> {
        let room = || rustix::fs::statvfs(self.path()).map(|disk| disk.f_bavail * disk.f_frsize);
        let expected = room()? + fs::metadata(file)?.len();
        fs::remove_file(file)?;
        let end = Instant::now() + Duration::from_secs(10);
        while room()? < expected {
            if Instant::now() > end {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the room of a removed file is not free",
                ));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a test that failed may still hold a file open.
        let _ = Command::new("umount").arg("-l").arg(self.dir.path()).status();
    }
}
