//! State files that hold arbitrary bytes.

use std::sync::Arc;
use std::time::Duration;

use cache_core::NamedLimits;

use super::record::sealed;
use super::{FsError, Limits, Location, RECORD, ShardRecord, State, StateHeader, create, shards};
use crate::fuzz::fuzz;
use crate::native::paths::STATE;

const WAIT: Duration = Duration::from_secs(5);

/// Gives each record the checksum that its bytes ask for.
fn seal(bytes: &mut [u8]) {
    for record in bytes.as_chunks_mut::<RECORD>().0 {
        *record = sealed(*record);
    }
}

#[test]
fn records() {
    fuzz("state records", "file", "state")
        .words(&[b"RCFSTAT1", b"RCFSTAT2"])
        .finish(|bytes| seal(bytes))
        .run(100_000, |bytes| {
            let (records, _) = bytes.as_chunks::<RECORD>();
            let header = records.first().and_then(|record| StateHeader::decode(record, bytes.len() as u64));
            let shards = records
                .iter()
                .skip(1)
                .zip(0..)
                .filter_map(|(record, index)| ShardRecord::decode(record, index));
            shards.count() > 0 && header.is_some()
        });
}

/// Makes every call that uses a state file, whatever the file contains: it is either counted or rewritten.
fn use_state(location: &Location) -> Result<(), FsError> {
    let mut state = State::open(location, WAIT)?;
    let limits = |named: NamedLimits| Limits::new(named, true);
    state.plan(0, i64::MAX, Some(&limits(NamedLimits::NONE.max_entries(1))))?;
    state.take(0, 1, None, false)?;
    state.give_back(0, u32::MAX)?;
    state.evicted(0, u32::MAX)?;
    state.evictions()?;
    state.listed(0, u64::MAX, Some(i64::MIN))?;
    state.take(0, i64::MIN, Some(&limits(NamedLimits::NONE)), true)?;
    state.take(0, i64::MIN, Some(&limits(NamedLimits::NONE.unlimited())), false)?;
    state.add_up()?;
    assert!(state.total().is_none_or(|total| total <= u64::from(location.shards) * u64::from(u32::MAX)));
    Ok(())
}

#[test]
fn files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(STATE);
    let fuzz = fuzz("state files", "file", "state")
        .words(&[b"RCFSTAT1", b"RCFSTAT2"])
        .finish(|bytes| seal(bytes))
        .one_in(200);
    fuzz.run(100_000, |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let root = Arc::new(crate::fs::settle_root(dir.path(), false).unwrap().unwrap());
        let found = shards(&root).unwrap();
        let count = create(&root, 4, WAIT).unwrap();
        assert!(found.is_none_or(|found| found == count));
        let location = Location { root: Arc::clone(&root), shards: count };
        // Damage that only reading each record shows: the file is rewritten and good from then on.
        if let Err(FsError::Failed(e)) = use_state(&location) {
            panic!("{e}");
        }
        use_state(&location).unwrap();
        found.is_some()
    });
}
