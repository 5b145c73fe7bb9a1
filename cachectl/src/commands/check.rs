//! `check`: what is wrong with the settings, and which stores answer.

use cache_core::Error;
use serde_json::{Value, json};

use crate::answer::{self, Answer, Result};
use crate::open::Chosen;

/// One line of the report.
struct Line {
    alias: Option<String>,
    problem: Option<Error>,
}

pub(super) fn check(chosen: &Chosen) -> Result {
    let problems = chosen.builder().check();
    let lines: Vec<Line> = if problems.is_empty() {
        let caches = chosen.builder().build()?;
        if let Some(alias) = &chosen.alias {
            caches.get(alias)?;
        }
        let chosen = |alias: &&str| chosen.alias.as_deref().is_none_or(|only| only == *alias);
        let line = |alias: &str| Line {
            alias: Some(alias.to_owned()),
            problem: caches.get(alias).and_then(|cache| cache.ping()).err(),
        };
        caches.aliases().filter(chosen).map(line).collect()
    } else {
        problems.into_iter().map(|problem| Line { alias: None, problem: Some(problem) }).collect()
    };
    let status = lines.iter().filter_map(|line| line.problem.as_ref()).map(|e| answer::status(e.kind()));
    let text: String = lines.iter().map(|line| line.text() + "\n").collect();
    let json = json!({ "checks": lines.iter().map(Line::json).collect::<Vec<_>>() });
    Ok(Answer::done(text, json).with_status(status.max().unwrap_or_default()))
}

impl Line {
    fn text(&self) -> String {
        match (&self.alias, &self.problem) {
            (Some(alias), None) => format!("cache {alias:?}: ok"),
            (Some(alias), Some(problem)) => format!("cache {alias:?}: {problem}"),
            (None, problem) => problem.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }

    fn json(&self) -> Value {
        let error = self.problem.as_ref().map(ToString::to_string);
        json!({ "cache": self.alias, "ok": error.is_none(), "error": error })
    }
}
