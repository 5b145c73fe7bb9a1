//! [`Ring`]: the nodes, and which of them is asked. Ejection follows pymemcache's rules.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_core::{Clock, Error, PerProcess, Result};

use crate::hash;
use crate::node::Node;

/// When a server that fails is left out, and when it is tried again: pymemcache's rules and
/// names. See [`MemcachedOptions::ejection`](crate::MemcachedOptions::ejection).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejection {
    /// How often a failed server is tried again before its keys go to the others; 2.
    pub retry_attempts: u32,
    /// How long a failed server is left alone before each such try; 1 second. Calls for its keys
    /// fail at once meanwhile.
    pub retry_timeout: Duration,
    /// How long a server stays left out; 60 seconds. Then it gets its keys back, and what it
    /// still holds of them is read again, stale or not.
    pub dead_timeout: Duration,
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            retry_attempts: 2,
            retry_timeout: Duration::from_secs(1),
            dead_timeout: Duration::from_secs(60),
        }
    }
}

/// The nodes of a cache.
pub(crate) struct Ring {
    pub(crate) nodes: Vec<Node>,
    watch: Option<Watch>,
}

/// What is known of failures.
struct Watch {
    rules: Ejection,
    clock: Clock,
    nodes: usize,
    /// Another thread may have held the lock when the process forked.
    health: PerProcess<Mutex<Health>>,
}

#[derive(Debug, Default)]
struct Health {
    /// By node: the tries since it failed first, and when the last one was.
    failed: Vec<Option<Failed>>,
    /// By node: since when it is left out.
    dead: Vec<Option<u64>>,
    last_look: u64,
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    tries: u32,
    at: u64,
}

impl Ring {
    pub(crate) fn new(nodes: Vec<Node>, rules: Option<Ejection>, clock: &Clock) -> Self {
        let watch = rules.map(|rules| {
            let watch = Watch { rules, clock: clock.clone(), nodes: nodes.len(), health: PerProcess::new() };
            // From now on it looks for those that may come back.
            drop(watch.health());
            watch
        });
        Self { nodes, watch }
    }

    /// The place of the node that holds `key`.
    pub(crate) fn pick(&self, key: &str) -> Result<usize> {
        if let ([_], None) = (self.nodes.as_slice(), &self.watch) {
            return Ok(0);
        }
        let names = self.nodes.iter().map(|node| node.name.as_str()).enumerate();
        let found = match &self.watch {
            None => hash::pick(names, key),
            Some(watch) => {
                let mut health = watch.health();
                watch.bring_back(&mut health);
                hash::pick(names.filter(|&(place, _)| health.dead[place].is_none()), key)
            }
        };
        found.ok_or_else(|| Error::unavailable("all memcached servers failed and are left out for a while"))
    }

    /// Whether the node may be asked now; it is left alone for a while after a failure.
    pub(crate) fn may_ask(&self, place: usize) -> Result<()> {
        let Some(watch) = &self.watch else { return Ok(()) };
        let mut health = watch.health();
        let Some(failed) = health.failed[place] else { return Ok(()) };
        let now = watch.clock.monotonic_ns();
        let name = &self.nodes[place].name;
        if failed.tries >= watch.rules.retry_attempts {
            // Its keys go to the others from now on; this call still asks it.
            watch.eject(&mut health, place, name);
        } else if now.saturating_sub(failed.at) <= nanos(watch.rules.retry_timeout) {
            return Err(Error::unavailable(format!(
                "memcached server {name} failed a moment ago and is left alone for {:?}",
                watch.rules.retry_timeout
            )));
        }
        Ok(())
    }

    /// Says that the node answered.
    pub(crate) fn answered(&self, place: usize) {
        if let Some(watch) = &self.watch {
            watch.health().failed[place] = None;
        }
    }

    /// Says that the node did not answer.
    pub(crate) fn failed(&self, place: usize) {
        let Some(watch) = &self.watch else { return };
        let mut health = watch.health();
        let at = watch.clock.monotonic_ns();
        match &mut health.failed[place] {
            Some(failed) => *failed = Failed { tries: failed.tries.saturating_add(1), at },
            None if watch.rules.retry_attempts == 0 => {
                watch.eject(&mut health, place, &self.nodes[place].name);
            }
            none => *none = Some(Failed { tries: 0, at }),
        }
    }
}

impl Watch {
    fn health(&self) -> MutexGuard<'_, Health> {
        let none_failed = || {
            Mutex::new(Health {
                failed: vec![None; self.nodes],
                dead: vec![None; self.nodes],
                last_look: self.clock.monotonic_ns(),
            })
        };
        self.health.get_or_make(none_failed).lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn eject(&self, health: &mut Health, place: usize, name: &str) {
        health.failed[place] = None;
        health.dead[place] = Some(self.clock.monotonic_ns());
        tracing::warn!(target: "cache_memcached", server = name, "a memcached server failed and is left out");
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
    use crate::servers::Servers;

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
        let vectors: Vectors = serde_json::from_str(include_str!("../tests/data/failover.json")).unwrap();
        assert_eq!(vectors.traces.len(), 4);
        for Trace { retry_attempts, trace } in vectors.traces {
            let (clock, hands) = Clock::manual();
            let servers = Servers::from(["127.0.0.1:1", "127.0.0.1:2"]).parse().unwrap();
            let nodes = servers.into_iter().map(|server| Node::new(server, 1)).collect();
            let ring = Ring::new(nodes, Some(Ejection { retry_attempts, ..Ejection::default() }), &clock);
            let key = ":1:key";
            let down = ring.pick(key).unwrap();
            let mut now = 0.0;
            for step in trace {
                hands.advance(Duration::from_secs_f64(step.t - now));
                now = step.t;
                let place = ring.pick(key).unwrap();
                let asked = ring.may_ask(place).is_ok();
                let stored = asked && place != down;
                if asked {
                    if stored { ring.answered(place) } else { ring.failed(place) }
                }
                let name = format!("{retry_attempts} attempts, at {now}");
                assert_eq!(step.set == "True", stored, "{name}");
                assert!(step.set != "ConnectionRefusedError" || asked, "{name}: not asked");
                let health = ring.watch.as_ref().unwrap().health();
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
        let nodes =
            Servers::from("h").parse().unwrap().into_iter().map(|server| Node::new(server, 1)).collect();
        let ring = Ring::new(nodes, Some(Ejection { retry_attempts: 0, ..Ejection::default() }), &clock);
        ring.failed(0);
        assert_eq!(ring.pick("k").unwrap_err().kind(), cache_core::ErrorKind::Unavailable);
    }
}
