//! All checks, by name.

use std::future::Future;
use std::pin::Pin;

use crate::checks;
use crate::context::T;
use crate::outcome::Outcome;
use crate::workers::Worker;

/// A check or a worker under way.
pub(crate) type Running<'a, R = ()> = Pin<Box<dyn Future<Output = Outcome<R>> + 'a>>;

/// One check of the suite.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    pub(crate) family: &'static str,
    pub(crate) name: &'static str,
    pub(crate) run: fn(&T) -> Running<'_>,
    pub(crate) worker: Option<fn(&Worker) -> Running<'_, String>>,
    /// Runs on backends that store nothing, too.
    pub(crate) storeless: bool,
    /// Means something in async mode alone.
    pub(crate) async_only: bool,
    /// Always under the machine's clock: threads or processes are at work.
    pub(crate) real_time: bool,
}

impl Check {
    pub(crate) const fn new(family: &'static str, name: &'static str, run: fn(&T) -> Running<'_>) -> Self {
        Self { family, name, run, worker: None, storeless: false, async_only: false, real_time: false }
    }

    pub(crate) const fn worker(self, worker: fn(&Worker) -> Running<'_, String>) -> Self {
        Self { worker: Some(worker), real_time: true, ..self }
    }

    pub(crate) const fn storeless(self) -> Self {
        Self { storeless: true, ..self }
    }

    pub(crate) const fn async_only(self) -> Self {
        Self { async_only: true, ..self }
    }

    pub(crate) const fn real_time(self) -> Self {
        Self { real_time: true, ..self }
    }

    /// `T::half_second`.
    pub(crate) fn full_name(&self) -> String {
        format!("{}::{}", self.family, self.name)
    }
}

/// Every check that this kit runs.
pub(crate) fn all() -> impl Iterator<Item = &'static Check> {
    checks::FAMILIES.iter().flat_map(|family| family.iter())
}

/// The check of this full name.
pub(crate) fn find(full_name: &str) -> Option<&'static Check> {
    all().find(|check| check.full_name() == full_name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_check_of_the_list_is_here_once_and_none_besides() {
        let text = include_str!("../checks.json");
        let list: serde_json::Value = serde_json::from_str(text).unwrap();
        let listed: Vec<String> = list["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| format!("{}::{}", c["family"].as_str().unwrap(), c["name"].as_str().unwrap()))
            .map(|name| name.trim_end_matches("::*").to_owned())
            .collect();
        let here: Vec<String> = all().map(Check::full_name).collect();
        let as_set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(as_set(&here).len(), here.len(), "a check is there twice");
        let (listed, here) = (as_set(&listed), as_set(&here));
        let missing: Vec<_> = listed.difference(&here).collect();
        let extra: Vec<_> = here.difference(&listed).collect();
        assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, extra {extra:?}");
        assert_eq!(listed.len(), 316);
    }
}
