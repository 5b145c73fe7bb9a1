//! A small file store with bugs that only files and several processes can have: one file per entry, one lock for all
//! writers. Slow and right, but for the bugs.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, ErrorKind as Io, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use cache_core::{BaseCache, Capabilities, Clock, Error, ErrorKind, Expiry, Key, Payload, Result};
use conformance_tests::Spec;

use crate::races::gap;

/// What is wrong with the file store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FileBug {
    None,
    AddUnlocked,
    IncrUnlocked,
    /// The entry's file is overwritten, in pieces.
    WrittenInPlace,
    /// A damaged entry is an error.
    DamagedRaises,
    /// A damaged entry is read as it is.
    Unchecked,
    ClearTakesAll,
    /// The key is the file's name.
    NamesAreKeys,
    OpenToAll,
    /// The directory is made by the first write of a handle alone.
    DirectoryMadeOnce,
    DirectoryNotMade,
    /// Each write leaves a file open.
    FilesLeftOpen,
    /// An error is a miss, or nothing.
    ErrorsSwallowed,
    LinksFollowed,
    /// The file's name is believed, and the key in it not compared; and it is short.
    NamesBelieved,
}

/// A handle on a directory of entries.
#[derive(Debug)]
pub(crate) struct Files {
    bug: FileBug,
    dir: PathBuf,
    clock: Clock,
    /// Whether this handle has made the directory.
    made: AtomicBool,
}

static TEMPORARY: AtomicU64 = AtomicU64::new(0);

const NEVER: i64 = i64::MAX;

/// An entry as its file holds it.
struct Stored {
    deadline: i64,
    payload: Payload,
}

impl Files {
    pub(crate) fn open(bug: FileBug, spec: &Spec) -> Self {
        Self { bug, dir: spec.dir.join("entries"), clock: spec.clock.clone(), made: AtomicBool::new(false) }
    }

    fn path(&self, key: &str) -> PathBuf {
        if self.bug == FileBug::NamesAreKeys {
            let name = key.rsplit_once(':').map_or(key, |(_, name)| name);
            return self.dir.join(name);
        }
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let name = hasher.finish();
        let name = if self.bug == FileBug::NamesBelieved { name % 2 } else { name };
        self.dir.join(format!("{name:016x}.entry"))
    }

    fn mode(&self, private: u32) -> u32 {
        if self.bug == FileBug::OpenToAll { private | (private >> 3) | (private >> 6) } else { private }
    }

    fn make_dir(&self) -> io::Result<()> {
        match self.bug {
            FileBug::DirectoryNotMade => return Ok(()),
            FileBug::DirectoryMadeOnce if self.made.swap(true, Ordering::SeqCst) => return Ok(()),
            _ => {}
        }
        DirBuilder::new().recursive(true).mode(self.mode(0o700)).create(&self.dir)
    }

    /// Runs `write` with the directory's lock held, unless the bug forgets it.
    fn locked<R: Default>(&self, forgets: bool, write: impl FnOnce() -> io::Result<R>) -> Result<R> {
        let run = || {
            if forgets {
                return write();
            }
            self.make_dir()?;
            let path = self.dir.join("lock");
            let mut options = OpenOptions::new();
            let lock = options.write(true).create(true).truncate(false).mode(self.mode(0o600)).open(path)?;
            lock.lock()?;
            write()
        };
        run().or_else(|e| self.swallowed(e))
    }

    /// The error, or what the bug makes of it.
    fn swallowed<R: Default>(&self, e: io::Error) -> Result<R> {
        match self.bug {
            FileBug::ErrorsSwallowed => Ok(R::default()),
            _ => Err(Error::new(ErrorKind::Storage, "the directory of entries").with_source(e)),
        }
    }

    /// The live entry of the key.
    fn load(&self, key: &str) -> io::Result<Option<Stored>> {
        let path = self.path(key);
        let bytes = match fs::symlink_metadata(&path) {
            Err(e) if matches!(e.kind(), Io::NotFound | Io::InvalidFilename) => {
                return Ok(None);
            }
            Err(e) => return Err(e),
            Ok(meta) if !meta.is_file() && self.bug != FileBug::LinksFollowed => return Ok(None),
            Ok(_) => {
                let mut bytes = Vec::new();
                match File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
                    Err(e) if e.kind() == Io::NotFound => return Ok(None),
                    read => read?,
                };
                bytes
            }
        };
        match self.parse(key, bytes) {
            Some(stored) if stored.deadline > self.clock.wall_ms() => Ok(Some(stored)),
            None if self.bug == FileBug::DamagedRaises => Err(io::Error::other("the entry is damaged")),
            _ => Ok(None),
        }
    }

    fn parse(&self, key: &str, bytes: Vec<u8>) -> Option<Stored> {
        let mut body = Bytes::from(bytes);
        let sum = body.split_off(body.len().checked_sub(8)?);
        if self.bug != FileBug::Unchecked && checksum(&body) != sum[..] {
            return None;
        }
        let deadline = i64::from_be_bytes(body.get(..8)?.try_into().ok()?);
        let length = u32::from_be_bytes(body.get(8..12)?.try_into().ok()?) as usize;
        let rest = 12_usize.checked_add(length)?;
        let stored_key = body.get(12..rest)?;
        if self.bug != FileBug::NamesBelieved && stored_key != key.as_bytes() {
            return None;
        }
        let (kind, codec) = (*body.get(rest)?, *body.get(rest + 1)?);
        let data = body.slice(rest + 2..);
        let payload = match kind {
            0 => Payload::Int(i64::from_be_bytes(data[..].try_into().ok()?)),
            _ => Payload::from_parts(kind, codec, data)?,
        };
        Some(Stored { deadline, payload })
    }

    fn save(&self, key: &str, payload: &Payload, deadline: i64) -> io::Result<()> {
        self.make_dir()?;
        let (kind, codec) = payload.tags();
        let mut body = Vec::new();
        body.extend(deadline.to_be_bytes());
        body.extend(u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend(key.as_bytes());
        body.extend([kind as u8, codec.0]);
        match payload {
            Payload::Int(n) => body.extend(n.to_be_bytes()),
            other => body.extend(other.bytes()),
        }
        let sum = checksum(&body);
        body.extend(sum);
        let path = self.path(key);
        if self.bug == FileBug::WrittenInPlace {
            let mut file = self.create(&path)?;
            for piece in body.chunks(body.len() / 8 + 1) {
                file.write_all(piece)?;
                gap();
            }
            return Ok(());
        }
        let number = TEMPORARY.fetch_add(1, Ordering::Relaxed);
        let temporary = self.dir.join(format!("{}-{number}.tmp", std::process::id()));
        let mut file = self.create(&temporary)?;
        file.write_all(&body)?;
        if self.bug == FileBug::FilesLeftOpen {
            std::mem::forget(file);
        }
        fs::rename(temporary, path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).mode(self.mode(0o600)).open(path)
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        match fs::remove_file(self.path(key)) {
            Err(e) if e.kind() != Io::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn deadline(&self, expiry: Expiry) -> i64 {
        expiry.deadline_ms(self.clock.wall_ms()).unwrap_or(NEVER)
    }
}

fn checksum(body: &[u8]) -> [u8; 8] {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish().to_be_bytes()
}

impl BaseCache for Files {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        Ok(self.load(key.as_str()).or_else(|e| self.swallowed(e))?.map(|stored| stored.payload))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        let in_place = self.bug == FileBug::WrittenInPlace;
        self.locked(in_place, || self.save(key.as_str(), &value, self.deadline(expiry)))
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.locked(self.bug == FileBug::AddUnlocked, || {
            let absent = self.load(key.as_str())?.is_none();
            if self.bug == FileBug::AddUnlocked {
                gap();
            }
            if absent {
                self.save(key.as_str(), &value, self.deadline(expiry))?;
            }
            Ok(absent)
        })
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.locked(false, || {
            let Some(stored) = self.load(key.as_str())? else { return Ok(false) };
            self.save(key.as_str(), &stored.payload, self.deadline(expiry))?;
            Ok(true)
        })
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.locked(false, || {
            let live = self.load(key.as_str())?.is_some();
            self.remove(key.as_str())?;
            Ok(live)
        })
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        let name = key.as_str();
        let counted = self.locked(self.bug == FileBug::IncrUnlocked, || {
            let Some(stored) = self.load(name)? else { return Ok(None) };
            let Payload::Int(n) = stored.payload else { return Ok(Some(Err(Error::not_an_integer(name)))) };
            let Some(sum) = n.checked_add(delta) else { return Ok(Some(Err(Error::overflow(name)))) };
            self.save(name, &Payload::Int(sum), stored.deadline)?;
            Ok(Some(Ok(sum)))
        })?;
        counted.unwrap_or_else(|| Err(Error::key_not_found(name)))
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.locked(false, || {
            let Some(stored) = self.load(from.as_str())? else { return Ok(false) };
            self.save(to.as_str(), &stored.payload, stored.deadline)?;
            self.remove(from.as_str())?;
            Ok(true)
        })
    }

    fn clear(&self) -> Result<()> {
        self.locked(false, || {
            if self.bug == FileBug::ClearTakesAll {
                return fs::remove_dir_all(&self.dir);
            }
            for file in fs::read_dir(&self.dir)? {
                let path = file?.path();
                if path.extension().is_some_and(|end| end == "entry" || end == "tmp") {
                    fs::remove_file(path)?;
                }
            }
            Ok(())
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::DEFAULT.with_persistent(true).with_cross_process(true)
    }
}
