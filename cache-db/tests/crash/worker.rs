//! The worker: does the steps and writes down, after each, what it was told.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use cache_core::{Error, ErrorKind};
use conformance_tests::faults::{SystemCall, again};
use rustix::fs::Mode;
use rustix::process::umask;
use tempfile::TempDir;

use crate::state::{Store, directory};
use crate::steps::{self, STEPS};

/// The first line of what a worker writes, and the last.
const BEGIN: &str = "begin";
const END: &str = "end";

/// A place for a worker: a directory, with a database in it or none yet.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    store: Store,
}

impl Place {
    pub(crate) fn new(store: Store) -> Self {
        let dir = directory();
        let place = Self { dir, store };
        store.prepare(&place.database());
        place
    }

    /// Two directories further down, which the worker makes where nobody did.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.path().join("a/b/cache.db")
    }

    fn notes(&self) -> PathBuf {
        self.dir.path().join("notes")
    }

    /// A worker here, under `umask` in octal.
    pub(crate) fn worker(&self, umask: &str) -> Command {
        let job =
            format!("{:?}|{}|{}|{umask}", self.store, self.database().display(), self.notes().display());
        again(&job).unwrap()
    }

    /// What the worker wrote.
    pub(crate) fn said(&self) -> Vec<String> {
        let notes = fs::read_to_string(self.notes()).unwrap_or_default();
        notes.lines().map(str::to_owned).collect()
    }
}

/// Of what a worker called, what lies between its first note and [`END`], without the notes.
pub(crate) fn of_the_steps(calls: Vec<SystemCall>) -> Vec<SystemCall> {
    let is_note = |call: &SystemCall| call.name == "write" && call.text.contains("/notes>");
    let notes: Vec<usize> = (0..calls.len()).filter(|&i| is_note(&calls[i])).collect();
    // The last note of all tells of the files left open, which the worker has to look at first.
    let (first, last) = (notes[0], notes[notes.len() - 2]);
    let between = calls.into_iter().take(last).skip(first);
    between.filter(|call| !is_note(call)).collect()
}

pub(crate) fn work(job: &str) {
    let [store, database, notes, mask] = job.split('|').collect::<Vec<_>>().try_into().unwrap();
    let store: Store = store.parse().unwrap();
    umask(Mode::from_raw_mode(u32::from_str_radix(mask, 8).unwrap()));
    let mut notes = File::create(notes).unwrap();
    let mut note = |line: String| notes.write_all(format!("{line}\n").as_bytes()).unwrap();
    let open_files = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open_files();
    note(BEGIN.to_owned());
    do_steps(store, Path::new(database), &mut note);
    note(END.to_owned());
    note(format!("{} files left open", open_files() - before));
}

/// Up to the first step that fails; after that the same handle must work.
fn do_steps(store: Store, database: &Path, note: &mut impl FnMut(String)) {
    let (cache, hands) = steps::open(store.options(database));
    for (_, step) in STEPS {
        match step(&cache, &hands) {
            Ok(said) => note(said),
            Err(e) => {
                note(failure(&e));
                note(steps::afterwards(&cache).unwrap_or_else(|e| failure(&e)));
                return;
            }
        }
    }
}

fn failure(e: &Error) -> String {
    let is_typed =
        matches!(e.kind(), ErrorKind::Storage | ErrorKind::Unavailable | ErrorKind::OutcomeUnknown);
    let kind = if is_typed { FAILED } else { "failed otherwise" };
    format!("{kind}: {e}: {:?}", std::error::Error::source(e).map(ToString::to_string))
}

/// How a note of a step begins that failed as it may.
pub(crate) const FAILED: &str = "failed as it may";
