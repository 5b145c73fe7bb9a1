//! The file backend of the cache framework: one directory, shared by processes.
//!
//! ```
//! use std::time::Duration;
//! use cache_core::Cache;
//! use cache_file::FileCache;
//!
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path().join("cache");
//! let cache = Cache::new(FileCache::builder(&dir).max_entries(10_000).build()?);
//! cache.set("user:1", "Ada", Duration::from_secs(300))?;
//! assert_eq!(cache.get::<String>("user:1")?.as_deref(), Some("Ada"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - **Whole values.** An entry is the old or the new one at every moment, even if the writer is killed.
//!   Nothing is synced to the disk: after a power cut the newest entries may be gone or damaged, and a
//!   damaged entry is a miss.
//! - **Atomic between processes.** `add`, `incr`, `touch` and `rename` exclude each other by
//!   `flock`. Reads take no lock.
//! - **An exact bound.** At most `max_entries` entries at every moment, in all processes, except for the
//!   instant in which `incr_version` has an entry of a full store under both keys. The cost of a write does
//!   not depend on the number of entries.
//! - **The store remembers its limits.** A handle that names none adopts them, so that a tool or a second service
//!   never shrinks a cache to Django's 300. A handle that names others changes them with its first new entry, for all
//!   handles. [`Info`](cache_core::Info) shows the limits, and how many entries they evicted. A lower limit empties
//!   the store step by step: until it holds, each new entry removes at least two others, and the number of entries
//!   never grows.
//! - **Only this user and root.** The directory and every directory on the way must belong to this user or root,
//!   and nobody else may write there, by the [rule of `cache-fs`](cache_fs#the-rule). Otherwise every call fails
//!   with [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend). A directory that is
//!   exchanged later, under a running process, is not read. What root creates in the directory of another user
//!   belongs to that user.
//! - **Reading creates nothing.** If the directory does not exist yet, reads and removals find nothing, and `ping`
//!   is [`Presence::NotYet`](cache_core::Presence::NotYet). The first write creates it.
//! - **After `fork` a handle works in both processes.** A child does not hold its parent's locks. If the parent is
//!   killed while it writes, its locks end with its children. Async calls in a child run in place and block the
//!   task, since the threads of the pool stay with the parent.
//! - **Its own files only.** Directories are created with mode 0700 and files with 0600. Symbolic links,
//!   FIFOs and the like are never followed or opened for long, a hard link is never read or written, and
//!   other programs' files in the directory are left alone.
//!
//! # Sharing a directory with Django
//! With the feature `django`, `Layout::Django` reads and writes the files of Django's
//! `FileBasedCache`: `<md5 of the made key>.djcache`, in the directory itself. Keys, prefixes and
//! versions are the same on both sides. Every value is a pickle, and `cache_pickle::Pickle` is
//! the cache's codec without being asked for.
//!
//! ```
//! # #[cfg(feature = "django")] {
//! use std::time::Duration;
//! use cache_core::Cache;
//! use cache_file::{FileCache, Layout};
//!
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path().join("cache");
//! let cache = Cache::new(FileCache::builder(&dir).layout(Layout::Django).build()?);
//! cache.set("user:1", &("Ada", 36), Duration::from_secs(300))?; // cache.get("user:1") == ("Ada", 36)
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - **A Python reader executes what it unpickles**, so anyone who can write to the directory can run code in
//!   the Django application.
//! - **Atomic among Rust programs**, as above, by `flock` on the file `.cache-file-lock`, which other users cannot
//!   open. Earlier versions of this crate locked the directory, and do not exclude this one. Django locks nothing: a
//!   simultaneous `set`, `incr` or `delete` by Django may win or be lost, as between two Django processes. Django's
//!   `incr` gives the entry its default timeout again; this crate's keeps the current one.
//! - **The bound** counts Django's files. Up to `max_entries` of 512 each new key counts by listing the
//!   directory, so it is exact. Above that a handle lists after `max_entries / 64` new keys of its own, and
//!   does not see what other handles and Django add in between. When a store of more than 512 is full, and
//!   less than a 64th of it has expired, entries are removed at random until a 64th is free. Django's layout
//!   does not record the limit: a handle that names none has 300, unless it is built with
//!   [`FileCacheBuilder::no_default_limit`].
//! - **Without a limit**, expired entries are removed as new keys come, so that at least about half of the
//!   files are live.
//! - **Two keys with one MD5 are one entry**, since the file does not hold its key. In practice only an
//!   attacker who chooses keys has two.
//! - **Damage** is a miss for every operation that reads the value. `has_key` and `delete` read only the
//!   expiry, as in Django. An expiry that Django wrote has no checksum: if it is damaged and still a number,
//!   it is believed.
//!
//! # Limits
//! Unix only. The directory must be on a file system with `flock` between all its users: a local one, not a network
//! share. NFS before Linux 2.6.12 and some FUSE file systems lock on one machine alone, and others show rights that
//! are not the server's. Without `flock` a write fails with [`ErrorKind::Storage`](cache_core::ErrorKind::Storage)
//! and the message names `flock`. Deadlines use the wall clock: setting it back by an hour lets entries live an hour
//! longer.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod builder;
#[cfg(feature = "django")]
mod django;
mod entry_dir;
mod error;
mod fs;
#[cfg(test)]
mod fuzz;
mod layout;
mod native;
mod paths;
mod read;
#[cfg(feature = "settings")]
mod settings;
mod temp_file;

pub use self::backend::FileCache;
pub use self::builder::FileCacheBuilder;
pub use self::layout::Layout;
