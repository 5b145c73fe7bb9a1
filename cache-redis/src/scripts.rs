//! Operations of several commands that must be atomic: Lua scripts, known to the server by their SHA-1.

use std::sync::LazyLock;

use redis::Cmd;

/// A script and its name.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) code: &'static str,
    pub(crate) sha1: String,
}

impl Script {
    fn new(code: &'static str) -> Self {
        Self { code, sha1: redis::Script::new(code).get_hash().to_owned() }
    }

    /// `EVALSHA`, or `EVAL`, which also makes the script known.
    pub(crate) fn cmd(&self, whole: bool, keys: &[&str], argument: Option<&[u8]>) -> Cmd {
        let mut cmd = if whole { redis::cmd("EVAL") } else { redis::cmd("EVALSHA") };
        cmd.arg(if whole { self.code } else { &self.sha1 }).arg(keys.len());
        for key in keys {
            cmd.arg(*key);
        }
        if let Some(argument) = argument {
            cmd.arg(argument);
        }
        cmd
    }
}

/// Returns the sum, or nil for an absent key; otherwise Redis' own errors. The sum is read as text: as a
/// number it would be a double in Lua, which rounds beyond 2^53.
pub(crate) static INCR: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 0 then return false end \
         redis.call('INCRBY', KEYS[1], ARGV[1]) \
         return redis.call('GET', KEYS[1])",
    )
});

/// 1 if the key exists; it then does not expire. `PERSIST` alone returns 0 for a key that had no lifetime
/// anyway.
pub(crate) static PERSIST: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('PERSIST', KEYS[1]) == 1 then return 1 end \
         return redis.call('EXISTS', KEYS[1])",
    )
});

/// 1 if the key existed and has moved, lifetime included, replacing any value of the other key.
pub(crate) static RENAME: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end \
         redis.call('RENAME', KEYS[1], KEYS[2]) \
         return 1",
    )
});

/// The value and its remaining lifetime in milliseconds, -1 for none; nil for an absent key.
#[cfg(feature = "cluster")]
pub(crate) static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local value = redis.call('GET', KEYS[1]) \
         if not value then return false end \
         return {value, redis.call('PTTL', KEYS[1])}",
    )
});

/// Removes the key if it still has the value; 1 if it did.
#[cfg(feature = "cluster")]
pub(crate) static REMOVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end \
         return 0",
    )
});
