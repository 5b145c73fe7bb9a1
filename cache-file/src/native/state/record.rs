//! The records of the state file: encoding and decoding, without I/O.
//!
//! ```text
//!  0  header, 32 bytes            magic "RCFSTAT2", shards u16, unlisted u16, cull_frequency u32,
//!                                 total u48, max_entries u48, CRC-32
//! 32  one record of 32 bytes      count u32, inserts u32, soonest i64, index u32, evicted u64, CRC-32
//!     per shard
//! ```
//!
//! A `max_entries` of 0 says that the store remembers no limits, and the largest number that it has no limit. An
//! older version writes 0 as the number of evicted entries.

use cache_core::Culling;

use crate::native::entry::NEVER;
use crate::native::paths::is_shard_count;

const MAGIC: [u8; 8] = *b"RCFSTAT2";
const OLDER: [u8; 8] = *b"RCFSTAT1";

/// How the header's 48 bits write an absent limit. Larger values mean the same.
const UNLIMITED: u64 = (1 << 48) - 1;

pub(super) const RECORD: usize = 32;
const SUMMED: usize = 28;

/// The count of a shard that must be listed before it is known.
pub(super) const UNLISTED: u32 = u32::MAX;

pub(super) type Record = [u8; RECORD];

fn u32_at(record: &Record, at: usize) -> u32 {
    record.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(record: &Record, at: usize) -> u64 {
    record.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn u16_at(record: &Record, at: usize) -> u32 {
    u32_at(record, at) & 0xffff
}

fn u48_at(record: &Record, at: usize) -> u64 {
    u64_at(record, at) & UNLIMITED
}

/// Gives a record the checksum of its bytes.
pub(super) fn sealed(mut record: Record) -> Record {
    let sum = crc32fast::hash(&record[..SUMMED]);
    record[SUMMED..].copy_from_slice(&sum.to_le_bytes());
    record
}

fn is_sealed(record: &Record) -> bool {
    u32_at(record, SUMMED) == crc32fast::hash(&record[..SUMMED])
}

/// The header of the state file. The older version ("RCFSTAT1": shards u32, unlisted u32, total u64) remembers no
/// limits, and becomes one of these with the next change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StateHeader {
    pub(super) shards: u32,
    pub(super) unlisted: u32,
    pub(super) total: u64,
    /// What the store remembers, if anything.
    pub(super) limits: Option<Culling>,
}

impl StateHeader {
    pub(super) fn encode(self) -> Record {
        let mut record = [0; RECORD];
        record[..8].copy_from_slice(&MAGIC);
        let (shards, unlisted) = (self.shards.to_le_bytes(), self.unlisted.to_le_bytes());
        record[8..10].copy_from_slice(&shards[..2]);
        record[10..12].copy_from_slice(&unlisted[..2]);
        record[16..22].copy_from_slice(&self.total.min(UNLIMITED).to_le_bytes()[..6]);
        if let Some(limits) = self.limits {
            record[12..16].copy_from_slice(&limits.frequency().to_le_bytes());
            let most = limits.limit().unwrap_or(UNLIMITED).min(UNLIMITED);
            record[22..28].copy_from_slice(&most.to_le_bytes()[..6]);
        }
        sealed(record)
    }

    pub(super) fn decode(record: &Record, size: u64) -> Option<Self> {
        let header = match record.first_chunk() {
            Some(&MAGIC) => Self {
                shards: u16_at(record, 8),
                unlisted: u16_at(record, 10),
                total: u48_at(record, 16),
                limits: remembered(u48_at(record, 22), u32_at(record, 12)),
            },
            Some(&OLDER) => Self {
                shards: u32_at(record, 8),
                unlisted: u32_at(record, 12),
                total: u64_at(record, 16),
                limits: None,
            },
            _ => return None,
        };
        let good = is_sealed(record) && is_shard_count(header.shards) && header.unlisted <= header.shards;
        (good && size == file_size(header.shards)).then_some(header)
    }
}

fn remembered(max_entries: u64, frequency: u32) -> Option<Culling> {
    let limits = Culling::DEFAULT.cull_frequency(frequency);
    if max_entries == UNLIMITED { Some(limits.unlimited()) } else { limits.max_entries(max_entries).ok() }
}

const fn file_size(shards: u32) -> u64 {
    RECORD as u64 * (shards as u64 + 1)
}

/// Returns where the record of a shard is in the file.
pub(super) const fn offset(shard: u32) -> u64 {
    RECORD as u64 * (shard as u64 + 1)
}

/// What the state knows of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShardRecord {
    pub(super) count: u32,
    /// New keys since the last sweep.
    pub(super) inserts: u32,
    /// No entry of the shard expires before this.
    pub(super) soonest: i64,
    /// Entries that went to make room.
    pub(super) evicted: u64,
}

impl ShardRecord {
    pub(super) const EMPTY: Self = Self { count: 0, inserts: 0, soonest: NEVER, evicted: 0 };
    pub(super) const TO_LIST: Self = Self { count: UNLISTED, soonest: i64::MIN, ..Self::EMPTY };

    pub(super) const fn is_listed(self) -> bool {
        self.count != UNLISTED
    }

    pub(super) fn encode(self, index: u32) -> Record {
        let mut record = [0; RECORD];
        record[..4].copy_from_slice(&self.count.to_le_bytes());
        record[4..8].copy_from_slice(&self.inserts.to_le_bytes());
        record[8..16].copy_from_slice(&self.soonest.to_le_bytes());
        record[16..20].copy_from_slice(&index.to_le_bytes());
        record[20..28].copy_from_slice(&self.evicted.to_le_bytes());
        sealed(record)
    }

    pub(super) fn decode(record: &Record, index: u32) -> Option<Self> {
        let shard = Self {
            count: u32_at(record, 0),
            inserts: u32_at(record, 4),
            soonest: u64_at(record, 8).cast_signed(),
            evicted: u64_at(record, 20),
        };
        (is_sealed(record) && u32_at(record, 16) == index).then_some(shard)
    }
}
