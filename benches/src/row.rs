//! [`Row`]: one line of the report, ours beside one peer.

use serde::{Deserialize, Serialize};

/// What the two numbers of a row count. Lower is better in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Nanoseconds of one operation.
    Ns,
    /// Misses in a million requests.
    MissesPerMillion,
    /// Bytes.
    Bytes,
    /// How often something happened.
    Count,
}

/// Ours beside one peer, as medians over the rounds of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What was measured: `locmem`, `db`, …
    pub area: String,
    /// Which operation, on how much, with how many threads.
    pub case: String,
    /// Our number, in `unit`.
    pub ours_ns: f64,
    /// Whom we are compared with; `limit` for a fixed bound, which is then `peer_ns`.
    pub peer: String,
    /// The peer's number, in `unit`.
    pub peer_ns: f64,
    /// The median over the rounds of peer / ours: higher is better.
    pub ratio: f64,
    /// Half of the rounds had a ratio between these two.
    pub spread: (f64, f64),
    /// The unit of both numbers.
    pub unit: Unit,
    /// The least ratio aimed for; `None` if the row is only for comparison.
    pub goal: Option<f64>,
    /// The peer's number is the least that can be had: no peer of this case can be beaten by more.
    #[serde(default)]
    pub floor: bool,
}

impl Row {
    /// Whether the goal is met, where there is one.
    #[must_use]
    pub fn meets(&self) -> Option<bool> {
        self.goal.map(|goal| self.ratio >= goal)
    }
}
