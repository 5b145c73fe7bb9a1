//! Makes room for a new key in the reference store, and the bugs of that.

use crate::bug::Bug;
use crate::reference_store::{Map, Store};

/// Makes room for one more entry where the location is full.
pub(crate) fn make_room(map: &mut Map, store: &Store, now: u64) {
    let bug = store.bug;
    let limit = match store.culling().limit() {
        Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        None if bug == Bug::UnlimitedIs300 => 300,
        None => return,
    };
    let limit = match bug {
        Bug::BoundPlusOne => limit + 1,
        Bug::CullsEarly => limit.saturating_sub(1),
        _ => limit,
    };
    if map.entries.len() + map.ghosts < limit {
        return;
    }
    let before = map.entries.len();
    if bug != Bug::ExpiredNotFirst {
        map.entries.retain(|_, entry| entry.is_live(now));
        if map.entries.len() < before {
            return;
        }
    }
    let drops_all = store.culling().drops_all();
    let share = usize::try_from(store.culling().victims(before as u64)).unwrap_or(usize::MAX);
    let victims = match bug {
        Bug::CullsOneTooMany => share + 1,
        Bug::CullsOneTooFew => share - 1,
        Bug::FrequencyZeroSparesOne if drops_all => share - 1,
        Bug::FrequencyOneCullsNothing if share == before && !drops_all && before > 1 => 0,
        Bug::LowerLimitNotReached => share.min(1),
        // Where the limit was lowered.
        _ => share.max((before + 1).saturating_sub(limit)),
    };
    let mut uses: Vec<(u64, String)> = map.entries.iter().map(|(key, e)| (e.used, key.clone())).collect();
    uses.sort();
    for (_, key) in uses.into_iter().take(victims) {
        map.entries.remove(&key);
    }
}
