//! `incr`, `decr`, `incr_version` and `decr_version`: the commands that count.

use serde_json::json;

use crate::answer::{Answer, CommandResult};
use crate::cli::Step;
use crate::open::Chosen;

fn number(number: i64) -> Answer {
    Answer::done([number.to_string()], json!({ "result": number }))
}

pub(super) fn incr(chosen: &Chosen, step: &Step) -> CommandResult {
    Ok(number(chosen.cache_of(step.key.version)?.incr_by(&step.key.key, step.delta)?))
}

pub(super) fn decr(chosen: &Chosen, step: &Step) -> CommandResult {
    Ok(number(chosen.cache_of(step.key.version)?.decr_by(&step.key.key, step.delta)?))
}

pub(super) fn incr_version(chosen: &Chosen, step: &Step) -> CommandResult {
    Ok(number(chosen.cache_of(step.key.version)?.incr_version_by(&step.key.key, step.delta)?))
}

pub(super) fn decr_version(chosen: &Chosen, step: &Step) -> CommandResult {
    Ok(number(chosen.cache_of(step.key.version)?.decr_version_by(&step.key.key, step.delta)?))
}
