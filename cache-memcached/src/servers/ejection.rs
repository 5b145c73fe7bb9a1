//! [`Failures`]: which servers are left alone, and which are left out, by pymemcache's rules.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_core::{Clock, Error, PerProcess, Result};

use crate::protocol::Memcached;

/// When a server that fails is left out, and when it is tried again: pymemcache's rules and
/// names. See [`MemcachedCacheBuilder::ejection`](crate::MemcachedCacheBuilder::ejection).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EjectionPolicy {
    /// How often a failed server is tried again before its keys go to the others; 2.
    pub retry_attempts: u32,
    /// How long a failed server is left alone before each such try; 1 second. Calls for its keys
    /// fail at once meanwhile.
    pub retry_timeout: Duration,
    /// How long a server stays left out; 60 seconds. Then it gets its keys back, and its old values are read
    /// again, stale or not.
    pub dead_timeout: Duration,
}

impl Default for EjectionPolicy {
    fn default() -> Self {
        Self {
            retry_attempts: 2,
            retry_timeout: Duration::from_secs(1),
            dead_timeout: Duration::from_secs(60),
        }
    }
}

/// What is known of failures.
#[derive(Debug)]
pub(super) struct Failures {
    rules: EjectionPolicy,
    clock: Clock,
    servers: usize,
    /// Another thread may have held the lock when the process forked.
    health: PerProcess<Mutex<Health>>,
}

/// Of each server, by its place.
#[derive(Debug)]
pub(super) struct Health {
    /// The tries since the first failure, and the time of the last one.
    failed: Vec<Option<Failed>>,
    /// Since when it is left out.
    dead: Vec<Option<u64>>,
    last_look: u64,
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    tries: u32,
    at: u64,
}

impl Health {
    /// Whether the keys of the server go to the others.
    pub(super) fn is_left_out(&self, place: usize) -> bool {
        self.dead[place].is_some()
    }
}

impl Failures {
    pub(super) fn new(rules: EjectionPolicy, clock: Clock, servers: usize) -> Self {
        let failures = Self { rules, clock, servers, health: PerProcess::new() };
        // From now on it looks for servers that may come back.
        drop(failures.health());
        failures
    }

    /// Returns the health of the servers, after readmitting those whose time has come.
    pub(super) fn health_now(&self) -> MutexGuard<'_, Health> {
        let mut health = self.health();
        self.bring_back(&mut health);
        health
    }

    /// Checks whether the server may be asked now.
    pub(super) fn may_ask(&self, place: usize, server: &Memcached) -> Result<()> {
        let mut health = self.health();
        let Some(failed) = health.failed[place] else { return Ok(()) };
        let now = self.clock.monotonic_ns();
        if failed.tries >= self.rules.retry_attempts {
            // Its keys go to the others from now on; this call still asks it.
            self.eject(&mut health, place, server);
        } else if now.saturating_sub(failed.at) <= nanos(self.rules.retry_timeout) {
            return Err(Error::unavailable(format!(
                "{server} failed a moment ago and is left alone for {:?}",
                self.rules.retry_timeout
            )));
        }
        Ok(())
    }

    /// Notes that the server answered.
    pub(super) fn answered(&self, place: usize) {
        self.health().failed[place] = None;
    }

    /// Notes that the server did not answer.
    pub(super) fn failed(&self, place: usize, server: &Memcached) {
        let mut health = self.health();
        let at = self.clock.monotonic_ns();
        match &mut health.failed[place] {
            Some(failed) => *failed = Failed { tries: failed.tries.saturating_add(1), at },
            None if self.rules.retry_attempts == 0 => self.eject(&mut health, place, server),
            none => *none = Some(Failed { tries: 0, at }),
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        let none_failed = || {
            Mutex::new(Health {
                failed: vec![None; self.servers],
                dead: vec![None; self.servers],
                last_look: self.clock.monotonic_ns(),
            })
        };
        self.health.get_or_make(none_failed).lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn eject(&self, health: &mut Health, place: usize, server: &Memcached) {
        health.failed[place] = None;
        health.dead[place] = Some(self.clock.monotonic_ns());
        tracing::warn!(target: "cache_memcached", server = server.name, "a memcached server failed and is left out");
    }

    fn bring_back(&self, health: &mut Health) {
        if health.dead.iter().all(Option::is_none) {
            return;
        }
        let (now, pause) = (self.clock.monotonic_ns(), nanos(self.rules.dead_timeout));
        if now.saturating_sub(health.last_look) > pause {
            health.last_look = now;
            for dead in &mut health.dead {
                if dead.is_some_and(|since| now.saturating_sub(since) > pause) {
                    *dead = None;
                }
            }
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cache_net::Limits;

    use super::super::location::Servers;
    use super::super::server_set::ServerSet;

    #[derive(serde::Deserialize)]
    struct Vectors {
        traces: Vec<Trace>,
    }

    #[derive(serde::Deserialize)]
    struct Trace {
        retry_attempts: u32,
        trace: Vec<Step>,
    }

    #[derive(serde::Deserialize)]
    struct Step {
        /// Seconds since the first.
        t: f64,
        /// What `set` did: an exception or `False` without `ignore_exc` or with it, or `True`.
        set: String,
        in_ring: bool,
        /// The tries of the failed ones.
        #[serde(deserialize_with = "numbers")]
        failed: Vec<u32>,
        dead: usize,
    }

    /// A list of numbers; an empty map stands for an empty list.
    fn numbers<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<u32>, D::Error> {
        let value: serde_json::Value = serde::Deserialize::deserialize(from)?;
        Ok(serde_json::from_value(value).unwrap_or_default())
    }

    #[test]
    fn ejection_as_pymemcache() {
        let vectors: Vectors = serde_json::from_str(include_str!("../../tests/data/failover.json")).unwrap();
        assert_eq!(vectors.traces.len(), 4);
        for Trace { retry_attempts, trace } in vectors.traces {
            let (clock, hands) = Clock::manual();
            let servers = Servers::new(["127.0.0.1:1", "127.0.0.1:2"]).parse().unwrap();
            let rules = EjectionPolicy { retry_attempts, ..EjectionPolicy::default() };
            let set = ServerSet::new(servers, Limits::default(), Some(rules), &clock);
            let key = ":1:key";
            let down = set.pick(key).unwrap();
            let mut now = 0.0;
            for step in trace {
                hands.advance(Duration::from_secs_f64(step.t - now));
                now = step.t;
                let place = set.pick(key).unwrap();
                let asked = set.may_ask(place).is_ok();
                let stored = asked && place != down;
                if asked {
                    if stored { set.answered(place) } else { set.failed(place) }
                }
                let name = format!("{retry_attempts} attempts, at {now}");
                assert_eq!(step.set == "True", stored, "{name}");
                assert!(step.set != "ConnectionRefusedError" || asked, "{name}: not asked");
                let health = set.failures.as_ref().unwrap().health();
                let failed: Vec<u32> = health.failed.iter().flatten().map(|failed| failed.tries).collect();
                assert_eq!(failed, step.failed, "{name}");
                assert_eq!(health.dead.iter().flatten().count(), step.dead, "{name}");
                assert_eq!(health.dead[down].is_none(), step.in_ring, "{name}");
            }
        }
    }

    #[test]
    fn with_all_left_out_there_is_an_error() {
        let (clock, _hands) = Clock::manual();
        let rules = EjectionPolicy { retry_attempts: 0, ..EjectionPolicy::default() };
        let set = ServerSet::new(Servers::new("h").parse().unwrap(), Limits::default(), Some(rules), &clock);
        set.failed(0);
        assert_eq!(set.pick("k").unwrap_err().kind(), cache_core::ErrorKind::Unavailable);
    }
}
