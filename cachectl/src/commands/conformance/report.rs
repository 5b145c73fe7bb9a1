//! Reports the results of the checks that `conformance` ran.

use std::collections::BTreeMap;

use conformance_tests::{Finished, Mode, Status};
use serde_json::json;

use crate::answer::{self, Answer};

/// Counts by family, and the failures.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    families: BTreeMap<String, Counts>,
    failures: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    pass: u32,
    fail: u32,
    skip: u32,
}

impl Report {
    pub(super) const fn new(json: bool) -> Self {
        Self { json, families: BTreeMap::new(), failures: Vec::new() }
    }

    pub(super) fn add(&mut self, check: &str, mode: Mode, finished: &Finished) {
        let family = check.split("::").next().unwrap_or_default();
        let counts = self.families.entry(family.to_owned()).or_default();
        match finished.status {
            Status::Pass => counts.pass += 1,
            Status::Skip | Status::Waived => counts.skip += 1,
            Status::Fail => {
                counts.fail += 1;
                self.failures.push(format!("failed: {check} ({}): {}", mode.as_str(), finished.reason));
            }
        }
        if self.json {
            let line = json!({
                "check": check,
                "mode": mode.as_str(),
                "status": finished.status.as_str(),
                "reason": finished.reason,
                "ms": u64::try_from(finished.took.as_millis()).unwrap_or(u64::MAX),
            });
            // A failure to print shows when the sum is printed.
            let _ = answer::print_lines([line.to_string()]);
        }
    }

    pub(super) fn answer(&self) -> Answer {
        let mut lines = vec![format!("{:<8} {:>6} {:>6} {:>6}", "family", "pass", "fail", "skip")];
        let mut row = |name: &str, Counts { pass, fail, skip }: Counts| {
            lines.push(format!("{name:<8} {pass:>6} {fail:>6} {skip:>6}"));
        };
        let mut all = Counts::default();
        for (family, &counts) in &self.families {
            row(family, counts);
            all.pass += counts.pass;
            all.fail += counts.fail;
            all.skip += counts.skip;
        }
        row("all", all);
        lines.extend(self.failures.iter().cloned());
        let json = json!({ "pass": all.pass, "fail": all.fail, "skip": all.skip });
        Answer::done(lines, json).yes(all.fail == 0)
    }
}
