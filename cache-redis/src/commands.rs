//! Commands, as plain data.

use cache_core::{Expiry, Key, Payload};
use redis::Cmd;

use crate::scripts::PERSIST;

/// The longest lifetime in milliseconds that is sent. Beyond it, Redis' own sum with the clock may overflow.
const LONGEST_MS: u128 = 1 << 62;

fn with_key(name: &str, key: Key<'_>) -> Cmd {
    let mut cmd = Cmd::with_capacity(2, name.len() + key.as_bytes().len());
    cmd.arg(name).arg(key.as_bytes());
    cmd
}

fn with_keys(name: &str, keys: &[Key<'_>]) -> Cmd {
    let size = keys.iter().map(|key| key.as_bytes().len()).sum::<usize>();
    let mut cmd = Cmd::with_capacity(keys.len() + 1, name.len() + size);
    cmd.arg(name);
    for key in keys {
        cmd.arg(key.as_bytes());
    }
    cmd
}

pub(crate) fn get(key: Key<'_>) -> Cmd {
    with_key("GET", key)
}

pub(crate) fn get_many(keys: &[Key<'_>]) -> Cmd {
    with_keys("MGET", keys)
}

pub(crate) fn exists(key: Key<'_>) -> Cmd {
    with_key("EXISTS", key)
}

pub(crate) fn delete(key: Key<'_>) -> Cmd {
    with_key("DEL", key)
}

pub(crate) fn delete_many(keys: &[Key<'_>]) -> Cmd {
    with_keys("DEL", keys)
}

/// When a write stores its value: always, or if the key is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Always,
    Absent,
}

pub(crate) fn set(store: Store, key: Key<'_>, value: &Payload, expiry: Expiry) -> Cmd {
    let mut digits = itoa::Buffer::new();
    let data = match value {
        Payload::Int(n) => digits.format(*n).as_bytes(),
        Payload::Text(data) | Payload::Bytes(data) | Payload::Encoded(_, data) => data,
    };
    let mut cmd = Cmd::with_capacity(6, 32 + key.as_bytes().len() + data.len());
    cmd.arg("SET").arg(key.as_bytes()).arg(data);
    if store == Store::Absent {
        cmd.arg("NX");
    }
    if let Some(ms) = lifetime_ms(expiry) {
        cmd.arg("PX").arg(ms);
    }
    cmd
}

/// Stores a value that is in stored form already, for `ttl` milliseconds, or for ever.
#[cfg(feature = "cluster")]
pub(crate) fn set_raw(key: Key<'_>, data: &[u8], ttl: Option<u64>) -> Cmd {
    let mut cmd = with_key("SET", key);
    cmd.arg(data);
    if let Some(ms) = ttl {
        cmd.arg("PX").arg(ms);
    }
    cmd
}

/// `PEXPIRE`; `None` for a lifetime without end, which needs a script.
pub(crate) fn expire(key: Key<'_>, expiry: Expiry) -> Option<Cmd> {
    let ms = lifetime_ms(expiry)?;
    let mut cmd = with_key("PEXPIRE", key);
    cmd.arg(ms);
    Some(cmd)
}

/// Rounded up: nothing expires early. Redis' clock starts at the millisecond before now and an
/// entry is gone when the clock has passed its end, so the two roundings cancel out.
fn lifetime_ms(expiry: Expiry) -> Option<u64> {
    match expiry {
        Expiry::Never => None,
        Expiry::After(after) => {
            let ms = after.as_nanos().div_ceil(1_000_000);
            (ms < LONGEST_MS).then(|| u64::try_from(ms.max(1)).ok())?
        }
    }
}

/// `ASYNC`: the entries are gone at once, and their memory is freed in the background. A plain `FLUSHDB` of a
/// large database stops the server for longer than a call may take.
pub(crate) fn clear() -> Cmd {
    let mut cmd = redis::cmd("FLUSHDB");
    cmd.arg("ASYNC");
    cmd
}

pub(crate) fn entries() -> Cmd {
    redis::cmd("DBSIZE")
}

pub(crate) fn ping() -> Cmd {
    redis::cmd("PING")
}

/// Commands that show whether calls will work, `PING` first: on keys that do not exist, and without changing
/// anything. In a cluster, the two keys are on different servers.
pub(crate) fn trials(writes: bool) -> Vec<Cmd> {
    let unique = fastrand::u128(..);
    let [one, other] = ["a", "b"].map(|tag| format!("cache-ping:{{{tag}}}:{unique:032x}"));
    let with = |name: &str, words: &[&str]| {
        let mut cmd = redis::cmd(name);
        words.iter().for_each(|word| {
            cmd.arg(*word);
        });
        cmd
    };
    let mut trials =
        vec![ping(), with("GET", &[&one]), with("MGET", &[&one, &other]), with("EXISTS", &[&one])];
    if writes {
        trials.extend([
            with("SET", &[&one, "", "XX", "PX", "1"]),
            with("PEXPIRE", &[&one, "1"]),
            with("DEL", &[&one, &other]),
            PERSIST.cmd(false, &[&one], None),
        ]);
    }
    trials
}

pub(crate) fn info() -> Cmd {
    redis::cmd("INFO")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lifetimes_round_up_and_saturate() {
        let ms = |after| lifetime_ms(Expiry::After(after));
        assert_eq!(ms(Duration::from_nanos(1)), Some(1));
        assert_eq!(ms(Duration::from_millis(2)), Some(2));
        assert_eq!(ms(Duration::from_micros(2001)), Some(3));
        assert_eq!(ms(Duration::from_millis((1 << 62) - 1)), Some((1 << 62) - 1));
        assert_eq!(ms(Duration::from_millis(1 << 62)), None);
        assert_eq!(ms(Duration::MAX), None);
        assert_eq!(lifetime_ms(Expiry::Never), None);
    }
}
