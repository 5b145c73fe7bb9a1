//! The calls that any store of files makes, and nothing else.

use std::path::{Path, PathBuf};

use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FlockOperation, Mode, OFlags, RenameFlags, ResolveFlags, fallocate, flock,
    fstat, open, openat2, renameat_with, statat, unlink,
};
use rustix::io::{pread, pwrite};

/// How a file takes the place of another one, in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replace {
    /// A rename.
    Rename,
    /// A rename of a file that has its blocks already.
    Allocated,
    /// The two names are exchanged, and the old file is removed.
    Exchange,
}

impl Replace {
    pub(crate) const ALL: [Self; 3] = [Self::Rename, Self::Allocated, Self::Exchange];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rename => "bare write, rename",
            Self::Allocated => "bare fallocate, write, rename",
            Self::Exchange => "bare write, exchange, unlink",
        }
    }
}

/// A copy of a store's files: the same number to a directory, under paths of the same length.
#[derive(Debug)]
pub(crate) struct Bare {
    files: Vec<PathBuf>,
    /// What stands for the state file.
    state: PathBuf,
    /// The length of each file.
    length: usize,
}

impl Bare {
    /// Copies the entries of `store` to `to`, which is as long.
    pub(crate) fn like(store: &Path, to: &Path) -> Self {
        let mut files = Vec::new();
        let mut length = 0;
        for shard in std::fs::read_dir(store).unwrap().map(Result::unwrap) {
            if !shard.file_type().unwrap().is_dir() {
                continue;
            }
            let dir = to.join(shard.file_name());
            std::fs::create_dir_all(&dir).unwrap();
            for file in std::fs::read_dir(shard.path()).unwrap().map(Result::unwrap) {
                let content = std::fs::read(file.path()).unwrap();
                length = length.max(content.len());
                let path = dir.join(file.file_name());
                std::fs::write(&path, content).unwrap();
                files.push(path);
            }
        }
        assert!(!files.is_empty(), "the store has no files");
        let state = to.join(".cache-file-state");
        std::fs::write(&state, [0; 32 * 513]).unwrap();
        Self { files, state, length }
    }

    pub(crate) fn path(&self, n: u64) -> &Path {
        &self.files[(n * 7_919) as usize % self.files.len()]
    }

    /// How many files each way of replacing one has.
    pub(crate) fn share(&self) -> u64 {
        (self.files.len() / Replace::ALL.len()).min(300) as u64
    }

    /// A file that `way` alone replaces: what one way leaves in the file system is not another's cost.
    /// They are spread over the directories.
    pub(crate) fn path_for(&self, way: Replace, n: u64) -> &Path {
        let (ways, share) = (Replace::ALL.len() as u64, self.share());
        let place = (n % share * ways + way as u64) * (self.files.len() as u64 / (ways * share));
        &self.files[place as usize]
    }

    /// A name in the same directory as another file's, and as long.
    pub(crate) fn new_path(&self, n: u64) -> PathBuf {
        self.path(n).with_file_name(format!("{n:040x}.cache"))
    }

    pub(crate) fn read(&self, n: u64) -> Vec<u8> {
        let file =
            open(self.path(n), OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOATIME, Mode::empty()).unwrap();
        let mut bytes = Vec::with_capacity(self.length);
        rustix::io::read(&file, rustix::buffer::spare_capacity(&mut bytes)).unwrap();
        assert!(bytes.len() > 4_096);
        bytes
    }

    /// [`Bare::read`] without following a link, of a file that has no other name and is what was written: what
    /// is left between this and our time is code.
    pub(crate) fn read_checked(&self, n: u64) -> (Vec<u8>, u32) {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOATIME | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = openat2(CWD, self.path(n), flags, Mode::empty(), ResolveFlags::NO_SYMLINKS).unwrap();
        let stat = fstat(&file).unwrap();
        assert_eq!(stat.st_nlink, 1);
        let mut bytes = Vec::with_capacity(stat.st_size as usize);
        pread(&file, rustix::buffer::spare_capacity(&mut bytes), 0).unwrap();
        assert!(bytes.len() > 4_096);
        let sum = crc32fast::hash(&bytes);
        (bytes, sum)
    }

    pub(crate) fn amend(&self, n: u64) {
        let file = open(self.path(n), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).unwrap();
        assert_eq!(pwrite(&file, &[0; 24], 32).unwrap(), 24);
    }

    /// [`Bare::write`] in the fastest way, with the calls that make an exact bound and exclude other
    /// processes: what is left between this and our time is code.
    pub(crate) fn write_counted(&self, path: &Path, value: &[u8], present: bool) {
        let dir = open(path.parent().unwrap(), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let way = if present { Replace::Exchange } else { Replace::Rename };
        self.write_as(
            path,
            value,
            way,
            |temp| {
                // The temporary file's lock shows a sweep that its writer lives.
                flock(temp, FlockOperation::NonBlockingLockExclusive).unwrap();
            },
            || {
                flock(&dir, FlockOperation::NonBlockingLockExclusive).unwrap();
                assert_eq!(statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).is_ok(), present);
                let state = open(&self.state, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).unwrap();
                let mut record = [0; 32];
                if !present {
                    flock(&state, FlockOperation::NonBlockingLockExclusive).unwrap();
                    fstat(&state).unwrap();
                    pread(&state, &mut record, 0).unwrap();
                }
                pread(&state, &mut record, 320).unwrap();
                if !present {
                    pwrite(&state, &record, 0).unwrap();
                    pwrite(&state, &record, 320).unwrap();
                }
            },
        );
    }

    pub(crate) fn write(&self, path: &Path, value: &[u8], way: Replace) {
        self.write_as(path, value, way, |_| (), || ());
    }

    fn write_as(
        &self,
        path: &Path,
        value: &[u8],
        way: Replace,
        made: impl FnOnce(&OwnedFd),
        written: impl FnOnce(),
    ) {
        let temp = path.with_file_name(format!(".tmp-{:016x}", fastrand::u64(..)));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file: OwnedFd = open(&temp, flags, Mode::RUSR | Mode::WUSR).unwrap();
        made(&file);
        let mut content = Vec::with_capacity(self.length);
        content.resize(self.length - value.len(), 1);
        content.extend_from_slice(value);
        if way == Replace::Allocated {
            fallocate(&file, FallocateFlags::empty(), 0, content.len() as u64).unwrap();
        }
        assert_eq!(rustix::io::write(&file, &content).unwrap(), content.len());
        written();
        if way == Replace::Exchange {
            renameat_with(CWD, &temp, CWD, path, RenameFlags::EXCHANGE).unwrap();
            unlink(&temp).unwrap();
        } else {
            std::fs::rename(&temp, path).unwrap();
        }
    }
}
