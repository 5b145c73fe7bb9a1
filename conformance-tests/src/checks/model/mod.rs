//! Makes random traces of every operation and compares what two sides return.

mod drive;
mod map_cache;
mod reference;

use std::time::Duration;

use cache_core::{ErrorKind, Timeout};
use serde::{Deserialize, Serialize};

pub(super) use self::drive::{Side, run_seeds};
pub(super) use self::map_cache::MapCache;
pub(super) use self::reference::Reference;

/// The keys of a trace: few, so that operations meet.
const KEYS: [&str; 4] = ["a", "b", "c", "d"];

/// A value that says by itself what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    Int(i64),
    Text(String),
    List(Vec<u16>),
    Null,
}

/// A lifetime of a trace. Together with the steps of [`Op::Wait`] no deadline is ever within two
/// seconds of the moment of an operation, so that the backend's resolution plays no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Default,
    Never,
    Zero,
    Short,
    Long,
}

/// What `Timeout::Default` is set to in a trace.
pub(super) const DEFAULT_LIFE: Duration = Duration::from_secs(30);

/// How far one [`Op::Wait`] goes.
pub(super) const STEP: Duration = Duration::from_secs(7);

impl Life {
    pub(super) const fn timeout(self) -> Timeout {
        match self {
            Self::Default => Timeout::Default,
            Self::Never => Timeout::Never,
            Self::Zero => Timeout::After(Duration::ZERO),
            Self::Short => Timeout::After(Duration::from_secs(10)),
            Self::Long => Timeout::After(Duration::from_secs(31)),
        }
    }
}

/// One step of a trace. The first number is the version of the handle.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Get(i64, &'static str),
    HasKey(i64, &'static str),
    Set(i64, &'static str, Value, Life),
    Add(i64, &'static str, Value, Life),
    Touch(i64, &'static str, Life),
    Delete(i64, &'static str),
    Incr(i64, &'static str, i64),
    Decr(i64, &'static str, i64),
    GetMany(i64, Vec<&'static str>),
    SetMany(i64, Vec<(&'static str, Value)>, Life),
    DeleteMany(i64, Vec<&'static str>),
    IncrVersion(i64, &'static str, i64),
    DecrVersion(i64, &'static str, i64),
    GetOrSet(i64, &'static str, Value, Life),
    Clear,
    Close,
    Wait,
}

/// What a step returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Nothing,
    Flag(bool),
    Number(i64),
    Found(Option<Value>),
    Many(Vec<(&'static str, Value)>),
    Refused(Vec<&'static str>),
    Failed(ErrorKind),
}

/// `steps` random operations.
pub(super) fn trace(random: &mut fastrand::Rng, steps: usize) -> Vec<Op> {
    (0..steps).map(|_| op(random)).collect()
}

fn op(random: &mut fastrand::Rng) -> Op {
    let version = random.i64(1..=2);
    let name = key(random);
    match random.u32(0..100) {
        0..14 => Op::Get(version, name),
        14..20 => Op::HasKey(version, name),
        20..34 => Op::Set(version, name, value(random), life(random)),
        34..44 => Op::Add(version, name, value(random), life(random)),
        44..51 => Op::Touch(version, name, life(random)),
        51..57 => Op::Delete(version, name),
        57..65 => Op::Incr(version, name, delta(random)),
        65..69 => Op::Decr(version, name, random.i64(-3..=3)),
        69..73 => Op::GetMany(version, keys(random)),
        73..77 => {
            let mut entries: Vec<_> = KEYS.iter().map(|&name| (name, value(random))).collect();
            random.shuffle(&mut entries);
            entries.truncate(random.usize(0..=KEYS.len()));
            Op::SetMany(version, entries, life(random))
        }
        77..79 => Op::DeleteMany(version, keys(random)),
        79..83 => Op::IncrVersion(version, name, random.i64(-1..=1)),
        83..86 => Op::DecrVersion(version, name, random.i64(-1..=1)),
        86 => Op::IncrVersion(version, name, i64::MAX),
        87..92 => Op::GetOrSet(version, name, value(random), life(random)),
        92 => Op::Clear,
        93 => Op::Close,
        _ => Op::Wait,
    }
}

fn key(random: &mut fastrand::Rng) -> &'static str {
    KEYS[random.usize(0..KEYS.len())]
}

fn keys(random: &mut fastrand::Rng) -> Vec<&'static str> {
    (0..random.usize(0..6)).map(|_| key(random)).collect()
}

fn value(random: &mut fastrand::Rng) -> Value {
    match random.u32(0..8) {
        0..4 => Value::Int(random.i64(-5..5)),
        4 => Value::Int(if random.bool() { i64::MAX } else { i64::MIN }),
        5 => Value::Text(random.u16(..).to_string()),
        6 => Value::List((0..random.usize(0..4)).map(|_| random.u16(..)).collect()),
        _ => Value::Null,
    }
}

fn delta(random: &mut fastrand::Rng) -> i64 {
    match random.u32(0..12) {
        0 => i64::MAX,
        1 => i64::MIN,
        _ => random.i64(-3..=3),
    }
}

fn life(random: &mut fastrand::Rng) -> Life {
    match random.u32(0..10) {
        0..2 => Life::Default,
        2..4 => Life::Never,
        4 => Life::Zero,
        5..8 => Life::Short,
        _ => Life::Long,
    }
}
