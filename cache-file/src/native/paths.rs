//! Where everything lies: the names of the state, shards and entries, and how many shards there are.

use std::path::PathBuf;
use std::sync::Arc;

use cache_fs::Directory;
use rustix::fd::AsFd as _;
use rustix::fs::FileType;
use sha2::{Digest as _, Sha256};

use crate::error::FsError;
use crate::fs;
use crate::paths::{HEX, Role, file_name, role_of};

/// The state file, in the root.
pub(crate) const STATE: &str = ".cache-file-state";

/// The end of an entry's name.
const SUFFIX: &str = ".cache";

/// The hexadecimal digits of an entry's name: 20 bytes of SHA-256.
const DIGITS: usize = 40;

/// The length of a shard directory's name.
const SHARD_NAME: usize = "shard-0000-of-0000".len();

/// Up to this limit there is one shard, and culling is exact over the whole store.
const ONE_SHARD: u64 = 512;

/// About how many entries a shard is meant to hold: what one cull lists.
const PER_SHARD: u64 = 256;

/// The most shards that a store has.
pub(crate) const MAX_SHARDS: u32 = 4_096;

/// Returns how many shards a new store for `limit` entries gets: a power of two.
pub(crate) fn shards_for(limit: Option<u64>) -> u32 {
    match limit {
        None => 256,
        Some(limit) if limit <= ONE_SHARD => 1,
        Some(limit) => {
            let wanted = (limit / PER_SHARD).clamp(2, u64::from(MAX_SHARDS)).next_power_of_two();
            u32::try_from(wanted).unwrap_or(MAX_SHARDS)
        }
    }
}

/// Returns whether a store can have this many shards.
pub(crate) const fn is_shard_count(shards: u32) -> bool {
    shards.is_power_of_two() && shards <= MAX_SHARDS
}

/// The name of an entry's file, made from its key alone.
#[derive(Debug)]
pub(crate) struct EntryName {
    text: String,
    hash: u32,
}

impl EntryName {
    pub(crate) fn of(key: &[u8]) -> Self {
        let digest = Sha256::digest(key);
        let text = file_name(&digest[..DIGITS / 2], SUFFIX);
        let hash = digest.iter().take(4).fold(0, |hash, &byte| hash << 8 | u32::from(byte));
        Self { text, hash }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// The root directory and the number of shards in it.
#[derive(Debug)]
pub(crate) struct Location {
    pub(crate) root: Arc<Directory>,
    pub(crate) shards: u32,
}

impl Location {
    pub(crate) const fn shard_of(&self, name: &EntryName) -> u32 {
        name.hash & (self.shards - 1)
    }

    /// Names the number of shards too, so that a handle that knows another number than the one in
    /// force finds nothing, rather than the wrong thing.
    pub(crate) fn shard_name(&self, shard: u32) -> String {
        let mut name = String::with_capacity(SHARD_NAME);
        self.push_shard_name(shard, &mut name);
        name
    }

    /// Returns where an entry is, below the root.
    pub(crate) fn entry_path(&self, shard: u32, name: &EntryName) -> String {
        let mut path = String::with_capacity(SHARD_NAME + 1 + name.text.len());
        self.push_shard_name(shard, &mut path);
        path.push('/');
        path.push_str(&name.text);
        path
    }

    fn push_shard_name(&self, shard: u32, to: &mut String) {
        to.push_str("shard-");
        push_four_digits(shard, to);
        to.push_str("-of-");
        push_four_digits(self.shards, to);
    }

    pub(crate) fn shard_path(&self, shard: u32) -> PathBuf {
        self.root.path().join(self.shard_name(shard))
    }

    pub(crate) fn state_path(&self) -> PathBuf {
        state_path(&self.root)
    }
}

pub(crate) fn state_path(root: &Directory) -> PathBuf {
    root.path().join(STATE)
}

/// Parses the name of a shard directory: its number, and of how many it is one.
pub(crate) fn parse_shard(name: &[u8]) -> Option<(u32, u32)> {
    let name = std::str::from_utf8(name).ok()?;
    let (shard, shards) = name.strip_prefix("shard-")?.split_once("-of-")?;
    let number = |digits: &str| {
        let good = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
        good.then(|| digits.parse::<u32>().ok()).flatten()
    };
    let (shard, shards) = (number(shard)?, number(shards)?);
    (is_shard_count(shards) && shard < shards).then_some((shard, shards))
}

/// Tells of how many shards the shard directories under `root` are, if any exist.
pub(crate) fn shards_by_name(root: &Directory) -> Result<Option<u32>, FsError> {
    Ok(shard_dirs(root)?.iter().map(|&(_, of)| of).max())
}

/// Lists the shard directories under `root`: each one's number, and of how many it is.
pub(crate) fn shard_dirs(root: &Directory) -> Result<Vec<(u32, u32)>, FsError> {
    let mut found = Vec::new();
    fs::list(root.as_fd(), FileType::Directory, |name| found.extend(parse_shard(name)))
        .map_err(|e| FsError::new(e, "list", root.path()))?;
    Ok(found)
}

/// Writes digit by digit, without the machinery of `format!`: every call makes such a name.
fn push_four_digits(number: u32, to: &mut String) {
    for unit in [1_000, 100, 10, 1] {
        to.push(char::from(HEX[(number / unit % 10) as usize]));
    }
}

/// Tells the role of a name in a shard.
pub(crate) fn role(name: &[u8]) -> Role {
    role_of(name, DIGITS, SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::temp_name;

    fn location(shards: u32) -> Location {
        let dir = tempfile::tempdir().unwrap();
        let root = crate::fs::settle_root(dir.path(), false).unwrap().unwrap();
        Location { root: Arc::new(root), shards }
    }

    #[test]
    fn shard_counts_follow_the_limit() {
        let counts = [1, 300, 512, 513, 1_000, 2_000, 150_000, 10_000_000, u64::MAX].map(Some);
        assert_eq!(counts.map(shards_for), [1, 1, 1, 2, 4, 8, 1_024, 4_096, 4_096]);
        assert_eq!(shards_for(None), 256);
        assert!(counts.map(shards_for).into_iter().all(is_shard_count));
    }

    #[test]
    fn names_are_recognised_and_nothing_else_is() {
        let name = EntryName::of(b":1:k");
        assert_eq!(role(name.as_str().as_bytes()), Role::Entry);
        assert_eq!(role(temp_name().as_bytes()), Role::Temporary);
        for foreign in
            ["", "a.cache", "readme.md", ".tmp-1", ".tmp-000000000000000g", STATE, &name.as_str()[1..]]
        {
            assert_eq!(role(foreign.as_bytes()), Role::Foreign, "{foreign}");
        }
        assert_eq!(role(name.as_str().to_uppercase().as_bytes()), Role::Foreign);
    }

    #[test]
    fn shard_names_go_both_ways() {
        let location = location(4_096);
        for shard in [0, 7, 4_095] {
            let name = location.shard_name(shard);
            assert_eq!(parse_shard(name.as_bytes()), Some((shard, 4_096)), "{name}");
        }
        for bad in ["shard-0001-of-0001", "shard-0000-of-0003", "shard-0-of-1", "shard-+000-of-0001", "x"] {
            assert_eq!(parse_shard(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn every_shard_is_used() {
        let location = location(16);
        let mut used = [0_u32; 16];
        for n in 0..1_000 {
            used[location.shard_of(&EntryName::of(format!("k{n}").as_bytes())) as usize] += 1;
        }
        assert!(used.iter().all(|&n| n > 30), "{used:?}");
    }
}
