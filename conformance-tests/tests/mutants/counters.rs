//! Bugs of `incr`: counting wrongly.

use cache_core::{Error, ErrorKind, Payload, Result};

use crate::bug::Bug;
use crate::mutant::Mutant;
use crate::races;
use crate::reference_store::FIVE_MINUTES;
use crate::values::{FALSE, TRUE, float, number_in_text};

/// `incr` with the mutant's bug.
pub(crate) fn incr(mutant: &Mutant, key: &str, delta: i64) -> Result<i64> {
    let store = &mutant.store;
    let now = store.now();
    match mutant.bug {
        Bug::IncrResetsLifetime => {
            let sum = store.incr(key, delta)?;
            store.touch(key, mutant.deadline(FIVE_MINUTES)?);
            Ok(sum)
        }
        Bug::IncrMakesNeverExpire => {
            let sum = store.incr(key, delta)?;
            let five_minutes = mutant.deadline(FIVE_MINUTES)?;
            if let Some(entry) = store.lock().live(key, now) {
                entry.deadline = entry.deadline.or(five_minutes);
            }
            Ok(sum)
        }
        Bug::IncrCreates => {
            store.add(key, Payload::Int(0), mutant.deadline(FIVE_MINUTES)?);
            store.incr(key, delta)
        }
        Bug::IncrCountsExpired => {
            if let Some(expired) = store.lock().entries.get_mut(key).filter(|entry| !entry.is_live(now)) {
                expired.deadline = None;
            }
            store.incr(key, delta)
        }
        Bug::IncrReturnsOld => Ok(store.incr(key, delta)? - delta),
        Bug::IncrUnsignedDelta => store.incr(key, delta.saturating_abs()),
        Bug::IncrZeroIsOne => store.incr(key, if delta == 0 { 1 } else { delta }),
        Bug::IncrErrorsDiffer => store.incr(key, delta).map_err(|e| match store.get(key) {
            Some(Payload::Encoded(..)) => Error::new(ErrorKind::Storage, "unsupported operand").with_key(key),
            _ => e,
        }),
        Bug::IncrErrorShowsValue => store.incr(key, delta).map_err(|e| match store.get(key) {
            Some(payload) => {
                let text = format!("{} is not an integer", String::from_utf8_lossy(payload.bytes()));
                Error::new(e.kind(), text).with_key(key)
            }
            None => e,
        }),
        Bug::IncrErrorStoresDelta => store.incr(key, delta).inspect_err(|_| {
            if let Some(entry) = store.lock().live(key, now) {
                entry.payload = Payload::Int(delta);
            }
        }),
        Bug::IncrCountsText
        | Bug::IncrCountsBools
        | Bug::IncrCountsFloats
        | Bug::IncrCountsUnsigned
        | Bug::IncrClampsAtZero
        | Bug::IncrFromNegativeRaises
        | Bug::IncrWraps
        | Bug::IncrSaturates
        | Bug::IncrOverflowStores
        | Bug::IncrPads => computed(mutant, key, delta),
        Bug::IncrRacy => races::incr_racy(store, key, delta),
        Bug::ExistsThenIncr => races::exists_then_incr(store, key, delta),
        _ => store.incr(key, delta),
    }
}

/// The bugs in the sum itself.
fn computed(mutant: &Mutant, key: &str, delta: i64) -> Result<i64> {
    let bug = mutant.bug;
    let now = mutant.store.now();
    let mut map = mutant.store.lock();
    let entry = map.live(key, now).ok_or_else(|| Error::key_not_found(key))?;
    let number = match (&entry.payload, bug) {
        (Payload::Int(n), _) => Some(*n),
        (text, Bug::IncrCountsText | Bug::IncrPads) => number_in_text(text),
        (Payload::Encoded(_, data), Bug::IncrCountsBools) if &data[..] == TRUE => Some(1),
        (Payload::Encoded(_, data), Bug::IncrCountsBools) if &data[..] == FALSE => Some(0),
        (payload, Bug::IncrCountsFloats) => float(payload).map(|number| number as i64),
        // MessagePack's mark of an unsigned 64-bit number.
        (Payload::Encoded(_, data), Bug::IncrCountsUnsigned) if data.first() == Some(&0xcf) => {
            data[1..].try_into().ok().map(i64::from_be_bytes)
        }
        _ => None,
    };
    let number = number.ok_or_else(|| Error::not_an_integer(key))?;
    if bug == Bug::IncrFromNegativeRaises && number < 0 {
        return Err(Error::not_an_integer(key));
    }
    let sum = match number.checked_add(delta) {
        Some(sum) => sum,
        None if matches!(bug, Bug::IncrWraps | Bug::IncrCountsUnsigned) => number.wrapping_add(delta),
        None if bug == Bug::IncrSaturates => number.saturating_add(delta),
        None => {
            if bug == Bug::IncrOverflowStores {
                entry.payload = Payload::Int(number.wrapping_add(delta));
            }
            return Err(Error::overflow(key));
        }
    };
    let sum = if bug == Bug::IncrClampsAtZero { sum.max(0) } else { sum };
    let (digits, width) = (sum.to_string(), number.to_string().len());
    entry.payload = if bug == Bug::IncrPads && digits.len() < width {
        Payload::Text(format!("{digits:<width$}").into())
    } else {
        Payload::Int(sum)
    };
    Ok(sum)
}
