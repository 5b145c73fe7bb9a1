//! The rows that the page begins with.

use std::fmt::Write as _;

use benches::Row;

use crate::peers::is_peer;
use crate::report::Report;
use crate::units::{human, ratio};

/// The backends: the area of each, and its name for people.
pub(crate) const BACKENDS: [(&str, &str); 5] = [
    ("locmem", "memory"),
    ("file", "files"),
    ("db", "SQLite"),
    ("redis", "Redis"),
    ("memcached", "memcached"),
];

/// The rows of a backend's plainest call: the first case of the report that is a `get` by one caller, beside
/// each of the peers.
pub(crate) fn hits<'a>(report: &'a Report, area: &str) -> Vec<&'a Row> {
    let rows = || report.rows.iter().filter(|row| row.area == area);
    let Some(first) = rows().find(|row| row.case.starts_with("get")) else { return Vec::new() };
    let mut hits: Vec<&Row> = Vec::new();
    for row in rows().filter(|row| row.case == first.case && is_peer(&row.peer)) {
        if hits.iter().all(|known| known.peer != row.peer) {
            hits.push(row);
        }
    }
    hits
}

/// For each backend, a hit beside the peer that comes closest or is ahead of us, and beside the one that is
/// furthest behind: ten rows, fewer where not every backend was measured.
fn chosen(report: &Report) -> Vec<(&'static str, &Row)> {
    let mut chosen = Vec::new();
    for (area, name) in BACKENDS {
        let mut hits = hits(report, area);
        hits.sort_by(|one, other| one.ratio.total_cmp(&other.ratio));
        chosen.extend(hits.first().map(|row| (name, *row)));
        chosen.extend(hits.get(1..).and_then(<[_]>::last).map(|row| (name, *row)));
    }
    chosen
}

/// Writes the table of these rows.
pub(crate) fn table(page: &mut String, report: &Report) -> std::fmt::Result {
    let rows = chosen(report);
    if rows.is_empty() {
        return writeln!(page, "{}", crate::page::NOT_MEASURED);
    }
    writeln!(page, "| a hit in | ours | beside | theirs | theirs / ours |\n|---|--:|---|--:|--:|")?;
    for (name, row) in rows {
        let (ours, theirs) = (human(row.ours_ns, row.unit), human(row.peer_ns, row.unit));
        writeln!(page, "| {name} | {ours} | {} | {theirs} | **{}** |", row.peer, ratio(row.ratio))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn row(area: &str, case: &str, peer: &str, ratio: f64) -> String {
        format!(
            "{{\"area\":\"{area}\",\"case\":\"{case}\",\"ours_ns\":100.0,\"peer\":\"{peer}\",\"peer_ns\":{},\"ratio\":{ratio},\
             \"spread\":[{ratio},{ratio}],\"unit\":\"ns\",\"goal\":null}}\n",
            100.0 * ratio
        )
    }

    #[test]
    fn the_closest_peer_and_the_furthest_of_the_first_get_are_chosen() {
        let lines = [
            row("file", "set, 10 entries", "Django", 90.0),
            row("file", "get, 10 entries", "bare open, read, close", 0.5),
            row("file", "get, 10 entries", "cacache", 3.0),
            row("file", "get, 10 entries", "Django", 4.0),
            row("file", "get, 10 entries", "diskcache", 0.9),
            row("file", "get, 10 entries", "diskcache", 0.1),
            row("file", "get, 99 entries", "Django", 50.0),
            row("redis", "get, sync", "redis", 0.97),
            row("locmem", "set", "moka", 2.0),
        ];
        let report = Report::parse(&lines.concat()).unwrap();
        let mut page = String::new();
        table(&mut page, &report).unwrap();
        let rows: Vec<&str> = page.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| files | 100 ns | diskcache | 90.0 ns | **0.90** |",
                "| files | 100 ns | Django | 400 ns | **4.00** |",
                "| Redis | 100 ns | redis | 97.0 ns | **0.97** |",
            ]
        );
    }
}
