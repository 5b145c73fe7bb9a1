//! [`Reference`]: what every operation must return, in the plainest code there is.

use std::collections::BTreeMap;
use std::time::Duration;

use cache_core::{ErrorKind, Timeout};

use super::{DEFAULT_LIFE, Life, Op, Reply, STEP, Value};

/// A cache of one thread: its entries by version and key, with their deadlines.
#[derive(Debug, Default)]
pub(in crate::checks) struct Reference {
    entries: BTreeMap<(i64, &'static str), (Value, Option<Duration>)>,
    now: Duration,
}

impl Reference {
    /// Does one step and says what it returns.
    pub(super) fn apply(&mut self, op: &Op) -> Reply {
        let now = self.now;
        self.entries.retain(|_, (_, deadline)| deadline.is_none_or(|deadline| now < deadline));
        match op {
            Op::Get(version, key) => Reply::Found(self.find(*version, key)),
            Op::HasKey(version, key) => Reply::Flag(self.has(*version, key)),
            Op::Set(version, key, value, life) => {
                self.put(*version, key, value.clone(), *life);
                Reply::Nothing
            }
            Op::Add(version, key, value, life) => {
                let absent = !self.has(*version, key);
                if absent {
                    self.put(*version, key, value.clone(), *life);
                }
                Reply::Flag(absent)
            }
            Op::Touch(version, key, life) => {
                let found = self.find(*version, key);
                Reply::Flag(found.map(|value| self.put(*version, key, value, *life)).is_some())
            }
            Op::Delete(version, key) => Reply::Flag(self.entries.remove(&(*version, key)).is_some()),
            Op::Incr(version, key, delta) => self.count(*version, key, i128::from(*delta)),
            Op::Decr(version, key, delta) => self.count(*version, key, -i128::from(*delta)),
            Op::GetMany(version, keys) => {
                let found = |&key| Some((key, self.find(*version, key)?));
                Reply::Many(keys.iter().filter_map(found).collect())
            }
            Op::SetMany(version, entries, life) => {
                for (key, value) in entries {
                    self.put(*version, key, value.clone(), *life);
                }
                Reply::Refused(Vec::new())
            }
            Op::DeleteMany(version, keys) => {
                self.entries.retain(|(v, key), _| v != version || !keys.contains(key));
                Reply::Nothing
            }
            Op::IncrVersion(version, key, delta) => self.shift(*version, key, i128::from(*delta)),
            Op::DecrVersion(version, key, delta) => self.shift(*version, key, -i128::from(*delta)),
            Op::GetOrSet(version, key, value, life) => {
                let found = self.find(*version, key);
                let value = found.unwrap_or_else(|| {
                    self.put(*version, key, value.clone(), *life);
                    value.clone()
                });
                Reply::Found(Some(value))
            }
            Op::Clear => {
                self.entries.clear();
                Reply::Nothing
            }
            Op::Close => Reply::Nothing,
            Op::Wait => {
                self.now += STEP;
                Reply::Nothing
            }
        }
    }

    fn has(&self, version: i64, key: &'static str) -> bool {
        self.entries.contains_key(&(version, key))
    }

    fn find(&self, version: i64, key: &'static str) -> Option<Value> {
        self.entries.get(&(version, key)).map(|(value, _)| value.clone())
    }

    fn put(&mut self, version: i64, key: &'static str, value: Value, life: Life) {
        let deadline = match life.timeout() {
            Timeout::Never => None,
            Timeout::After(after) => Some(self.now + after),
            _ => Some(self.now + DEFAULT_LIFE),
        };
        self.entries.insert((version, key), (value, deadline));
        if life == Life::Zero {
            self.entries.remove(&(version, key));
        }
    }

    fn count(&mut self, version: i64, key: &'static str, delta: i128) -> Reply {
        match self.entries.get_mut(&(version, key)) {
            None => Reply::Failed(ErrorKind::KeyNotFound),
            Some((Value::Int(n), _)) => match i64::try_from(i128::from(*n) + delta) {
                Ok(sum) => {
                    *n = sum;
                    Reply::Number(sum)
                }
                Err(_) => Reply::Failed(ErrorKind::Overflow),
            },
            Some(_) => Reply::Failed(ErrorKind::NotAnInteger),
        }
    }

    fn shift(&mut self, version: i64, key: &'static str, delta: i128) -> Reply {
        let Ok(target) = i64::try_from(i128::from(version) + delta) else {
            return Reply::Failed(ErrorKind::Overflow);
        };
        match self.entries.remove(&(version, key)) {
            None => Reply::Failed(ErrorKind::KeyNotFound),
            Some(entry) => {
                self.entries.insert((target, key), entry);
                Reply::Number(target)
            }
        }
    }
}
