//! Runs a trace on two sides, compares each reply, and shortens a trace that tells them apart.

use cache_core::{ManualClock, Result};

use super::{Op, Reference, Reply, STEP, Value, trace};
use crate::outcome::{Outcome, Stop};
use crate::test_cache::TestCache;

/// One of two things that a trace runs on.
pub(in crate::checks) enum Side {
    /// A cache, which [`Reference`] need not be behind.
    Cache(TestCache),
    /// Two handles on one cache, used by turns.
    Turns(TestCache, TestCache),
    /// The model by itself.
    Reference(Reference),
}

impl Side {
    async fn start(&mut self) -> Outcome {
        match self {
            Self::Cache(cache) | Self::Turns(cache, _) => cache.clear().await?,
            Self::Reference(reference) => *reference = Reference::default(),
        }
        Ok(())
    }

    async fn apply(&mut self, op: &Op) -> Reply {
        match self {
            Self::Cache(cache) => on_cache(cache, op).await,
            Self::Turns(one, other) => {
                std::mem::swap(one, other);
                on_cache(one, op).await
            }
            Self::Reference(reference) => reference.apply(op),
        }
    }
}

async fn on_cache(cache: &TestCache, op: &Op) -> Reply {
    fn reply<T>(result: Result<T>, say: impl FnOnce(T) -> Reply) -> Reply {
        result.map_or_else(|e| Reply::Failed(e.kind()), say)
    }
    let nothing = |(): ()| Reply::Nothing;
    match op {
        Op::Get(version, key) => reply(cache.with_version(*version).get(key).await, Reply::Found),
        Op::HasKey(version, key) => reply(cache.with_version(*version).has_key(key).await, Reply::Flag),
        Op::Set(version, key, value, life) => {
            reply(cache.with_version(*version).set(key, value, life.timeout()).await, nothing)
        }
        Op::Add(version, key, value, life) => {
            reply(cache.with_version(*version).add(key, value, life.timeout()).await, Reply::Flag)
        }
        Op::Touch(version, key, life) => {
            reply(cache.with_version(*version).touch(key, life.timeout()).await, Reply::Flag)
        }
        Op::Delete(version, key) => reply(cache.with_version(*version).delete(key).await, Reply::Flag),
        Op::Incr(version, key, delta) => {
            reply(cache.with_version(*version).incr_by(key, *delta).await, Reply::Number)
        }
        Op::Decr(version, key, delta) => {
            reply(cache.with_version(*version).decr_by(key, *delta).await, Reply::Number)
        }
        Op::GetMany(version, keys) => {
            reply(cache.with_version(*version).get_many::<Value, _>(keys.iter().copied()).await, Reply::Many)
        }
        Op::SetMany(version, entries, life) => {
            let entries = entries.iter().map(|(key, value)| (*key, value));
            reply(cache.with_version(*version).set_many(entries, life.timeout()).await, Reply::Refused)
        }
        Op::DeleteMany(version, keys) => {
            reply(cache.with_version(*version).delete_many(keys.iter().copied()).await, nothing)
        }
        Op::IncrVersion(version, key, delta) => {
            reply(cache.with_version(*version).incr_version_by(key, *delta).await, Reply::Number)
        }
        Op::DecrVersion(version, key, delta) => {
            reply(cache.with_version(*version).decr_version_by(key, *delta).await, Reply::Number)
        }
        Op::GetOrSet(version, key, value, life) => {
            let made = cache.with_version(*version).get_or_set(key, life.timeout(), || value.clone()).await;
            reply(made, |value| Reply::Found(Some(value)))
        }
        Op::Clear => reply(cache.clear().await, nothing),
        Op::Close => reply(cache.close().await, nothing),
        Op::Wait => Reply::Nothing,
    }
}

/// Where the two sides part: the step, and what each said there.
type Parting = (usize, Reply, Reply);

/// Runs one trace on both sides, from empty. Without a clock to move, waits are left out.
async fn compare(
    left: &mut Side,
    right: &mut Side,
    ops: &[Op],
    hands: Option<&ManualClock>,
) -> Outcome<Option<Parting>> {
    left.start().await?;
    right.start().await?;
    for (step, op) in ops.iter().enumerate() {
        if matches!(op, Op::Wait) {
            let Some(hands) = hands else { continue };
            hands.advance(STEP);
        }
        let (said, expected) = (left.apply(op).await, right.apply(op).await);
        if said != expected {
            return Ok(Some((step, said, expected)));
        }
    }
    Ok(None)
}

/// Compares one trace per seed; a difference is reported with the shortest trace found.
pub(in crate::checks) async fn run_seeds(
    left: &mut Side,
    right: &mut Side,
    hands: Option<&ManualClock>,
    seeds: std::ops::Range<u64>,
    steps: usize,
) -> Outcome {
    for seed in seeds {
        let mut ops = trace(&mut fastrand::Rng::with_seed(seed), steps);
        let Some(mut parting) = compare(left, right, &ops, hands).await? else { continue };
        ops.truncate(parting.0 + 1);
        // From the end, one by one: a step that changes nothing goes.
        for step in (0..ops.len().saturating_sub(1)).rev() {
            if step + 1 >= ops.len() {
                continue;
            }
            let mut fewer = ops.clone();
            fewer.remove(step);
            if let Some(still) = compare(left, right, &fewer, hands).await? {
                fewer.truncate(still.0 + 1);
                (ops, parting) = (fewer, still);
            }
        }
        let (_, said, expected) = parting;
        let trace: Vec<String> = ops.iter().map(|op| format!("{op:?}")).collect();
        let what = format!("seed {seed}: the last of these steps\n    {}", trace.join("\n    "));
        return Err(Stop::unexpected(what, format_args!("{expected:?}"), format_args!("{said:?}")));
    }
    Ok(())
}
