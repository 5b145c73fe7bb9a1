//! The page's pictures: which rows of a report each of them shows.

use std::collections::BTreeSet;

use benches::{Row, Unit};
use charts::{Axis, Dot, DotGroup, Error, Panel, Picture, Series, dots, panels};

use crate::headline::{BACKENDS, hits};
use crate::peers::{colour, is_peer};
use crate::report::Report;
use crate::units::human;

/// The folder of the pictures, beside the page.
pub(crate) const FOLDER: &str = "charts";

/// A picture's file name without `.svg`, and how it is drawn; `None` where the report has no rows for it.
type Drawing = (&'static str, fn(&Report) -> Result<Option<Picture>, Error>);

const DRAWINGS: [Drawing; 5] = [
    ("hit-time", hit_time),
    ("hit-ratio", hit_ratio),
    ("throughput", throughput),
    ("files-by-entries", files),
    ("sqlite-by-entries", sqlite),
];

/// All pictures that the report has rows for, by the names of their files.
pub(crate) fn all(report: &Report) -> Result<Vec<(String, Picture)>, Error> {
    let mut drawn = Vec::new();
    for (name, draw) in DRAWINGS {
        drawn.extend(draw(report)?.map(|picture| (format!("{name}.svg"), picture)));
    }
    Ok(drawn)
}

/// The names of all pictures.
#[cfg(test)]
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    DRAWINGS.iter().map(|(name, _)| *name)
}

/// The picture of this name; `None` in it where the report has no rows for it.
pub(crate) fn named(name: &str, report: &Report) -> Option<Result<Option<Picture>, Error>> {
    DRAWINGS.iter().find(|(known, _)| *known == name).map(|(_, draw)| draw(report))
}

fn ns(value: f64) -> String {
    // A tick is a power of ten, and needs no places.
    human(value, Unit::Ns).replace(".00 ", " ").replace(".0 ", " ")
}

fn hit_time(report: &Report) -> Result<Option<Picture>, Error> {
    let mut groups = Vec::new();
    let mut values = Vec::new();
    for (area, name) in BACKENDS {
        let mut hits = hits(report, area);
        let Some(first) = hits.first() else { continue };
        let dot = |name: &str, value: f64| Dot {
            name: name.to_owned(),
            value,
            shown: human(value, Unit::Ns),
            is_ours: name == "ours",
        };
        let heading = format!("{name}: {}", first.case);
        let mut dots = vec![dot("ours", first.ours_ns)];
        hits.sort_by(|one, other| one.peer_ns.total_cmp(&other.peer_ns));
        dots.extend(hits.iter().map(|row| dot(&row.peer, row.peer_ns)));
        values.extend(dots.iter().map(|dot| dot.value));
        groups.push(DotGroup { name: heading, dots });
    }
    if groups.is_empty() {
        return Ok(None);
    }
    let axis = Axis::decades("time of one hit", values, ns);
    dots("Time of a hit, beside peers", "Lower is better; one caller", &axis, &groups).map(Some)
}

fn hit_ratio(report: &Report) -> Result<Option<Picture>, Error> {
    let rows: Vec<&Row> = report.rows.iter().filter(|row| row.area == "hit_ratio").collect();
    // "OLTP, room for 5 %"
    let place = |row: &Row| {
        let (trace, share) = row.case.split_once(", room for ")?;
        Some((trace.to_owned(), share.strip_suffix(" %")?.parse::<f64>().ok()?))
    };
    let mut traces: Vec<String> = Vec::new();
    for (trace, _) in rows.iter().filter_map(|row| place(row)) {
        if !traces.contains(&trace) {
            traces.push(trace);
        }
    }
    let x =
        Axis::linear("room, % of all keys", &[0.0, 5.0, 10.0, 15.0, 20.0, 25.0], |share| share.to_string());
    let y = Axis::linear("hits, %", &[0.0, 25.0, 50.0, 75.0, 100.0], |share| share.to_string());
    let mut all = Vec::new();
    for trace in traces {
        let points = |of: &dyn Fn(&Row) -> Option<f64>| -> Vec<(f64, f64, String)> {
            let mut points: Vec<(f64, f64, String)> = Vec::new();
            for row in &rows {
                let (Some((of_trace, share)), Some(misses)) = (place(row), of(row)) else { continue };
                if of_trace == trace && points.iter().all(|(known, ..)| *known != share) {
                    let hits = 100.0 - misses / 10_000.0;
                    points.push((share, hits, format!("{hits:.1} % at {share} %")));
                }
            }
            points
        };
        let mut series = vec![Series {
            name: "ours, S3-FIFO".to_owned(),
            colour: colour("ours"),
            points: points(&|row| Some(row.ours_ns)),
        }];
        for peer in ["quick_cache", "moka", "ours, LRU"] {
            let points = points(&|row| (row.peer == peer).then_some(row.peer_ns));
            if !points.is_empty() {
                series.push(Series { name: peer.to_owned(), colour: colour(peer), points });
            }
        }
        all.push(Panel { name: trace, x: x.clone(), y: y.clone(), series });
    }
    if all.is_empty() {
        return Ok(None);
    }
    panels("Hit ratio, by size of the cache", "Higher is better", &all).map(Some)
}

/// What the cases of an area say of one operation: cases that `read` gives a place on the horizontal axis.
/// Ours comes first, then the peers that `wanted` chooses, in the order of the report.
fn series(
    report: &Report,
    area: &str,
    read: impl Fn(&str) -> Option<f64>,
    wanted: impl Fn(&str) -> bool,
    value: impl Fn(f64) -> (f64, String),
) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    let mut add = |name: &str, x: f64, number: f64| {
        let (y, shown) = value(number);
        let point = (x, y, shown);
        match all.iter_mut().find(|series| series.name == name) {
            Some(series) if series.points.iter().any(|(known, ..)| *known == x) => {}
            Some(series) => series.points.push(point),
            None => all.push(Series { name: name.to_owned(), colour: colour(name), points: vec![point] }),
        }
    };
    for row in report.rows.iter().filter(|row| row.area == area && row.unit == Unit::Ns) {
        let Some(x) = read(&row.case) else { continue };
        add("ours", x, row.ours_ns);
        if wanted(&row.peer) {
            // Here, Django means its cache of this backend.
            add(row.peer.split(", ").next().unwrap_or(&row.peer), x, row.peer_ns);
        }
    }
    all.iter_mut().for_each(|series| series.points.sort_by(|one, other| one.0.total_cmp(&other.0)));
    all
}

fn ys(series: &[Series]) -> Vec<f64> {
    series.iter().flat_map(|series| series.points.iter().map(|&(_, y, _)| y)).collect()
}

fn xs(panels: &[(String, Vec<Series>)]) -> Vec<f64> {
    let all = panels.iter().flat_map(|(_, series)| series).flat_map(|series| &series.points);
    // They are whole numbers.
    let all: BTreeSet<u64> = all.map(|&(x, ..)| x as u64).collect();
    all.into_iter().map(|x| x as f64).collect()
}

fn throughput(report: &Report) -> Result<Option<Picture>, Error> {
    let mut found = Vec::new();
    for (area, name) in [("redis", "Redis"), ("memcached", "memcached")] {
        for op in ["get", "set"] {
            // "get, async, 50 tasks, 2 threads"
            let tasks = |case: &str| {
                let rest = case.strip_prefix(op)?.strip_prefix(", async, ")?.strip_suffix(", 2 threads")?;
                rest.split_once(" task")?.0.parse().ok()
            };
            let per_second = |ns: f64| (1e6 / ns, format!("{:.0} thousand", 1e6 / ns));
            let series = series(report, area, tasks, is_peer, per_second);
            if !series.is_empty() {
                found.push((format!("{name}: {op}"), series));
            }
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let ticks = xs(&found);
    let x = Axis::log("tasks", &ticks, |tasks| tasks.to_string());
    let most = found.iter().flat_map(|(_, series)| ys(series)).fold(0.0, f64::max);
    let top = (most / 100.0).ceil().max(1.0) * 100.0;
    let y = Axis::linear("thousand calls / s", &[0.0, top / 4.0, top / 2.0, top * 0.75, top], |calls| {
        calls.to_string()
    });
    let all: Vec<Panel> =
        found.into_iter().map(|(name, series)| Panel { name, x: x.clone(), y: y.clone(), series }).collect();
    let measured = ticks.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    let note = format!("Higher is better; numbers of tasks: {measured}");
    panels("Throughput, by number of tasks", &note, &all).map(Some)
}

fn by_entries(
    report: &Report,
    title: &str,
    (area, entries): (&str, &str),
    ops: &[&str],
    end: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<Option<Picture>, Error> {
    let mut found = Vec::new();
    for op in ops {
        // "get, 1000 entries" or "get, 1000 rows, 1 thread"
        let count = |case: &str| {
            let rest = case.strip_prefix(op)?.strip_prefix(", ")?.strip_suffix(end)?;
            rest.strip_suffix(entries)?.trim_end().parse().ok()
        };
        let series = series(report, area, count, &wanted, |ns| (ns, human(ns, Unit::Ns)));
        if !series.is_empty() {
            found.push(((*op).to_owned(), series));
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let x = Axis::log(entries, &xs(&found), thousands);
    let all = found.into_iter().map(|(name, series)| {
        let y = Axis::decades("time of a call", ys(&series), ns);
        Panel { name, x: x.clone(), y, series }
    });
    panels(title, "Lower is better; one caller", &all.collect::<Vec<_>>()).map(Some)
}

/// A number of entries: `1k`, `1M`.
fn thousands(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{}M", n / 1e6),
        n if n >= 1e3 => format!("{}k", n / 1e3),
        n => n.to_string(),
    }
}

fn files(report: &Report) -> Result<Option<Picture>, Error> {
    let ops = ["get", "touch", "set, new key", "set, present key"];
    by_entries(report, "Files: cost, by number of entries", ("file", "entries"), &ops, "", is_peer)
}

fn sqlite(report: &Report) -> Result<Option<Picture>, Error> {
    let ops = ["get", "set", "incr", "get_many(100)"];
    let wanted = |peer: &str| is_peer(peer) || peer == "bare rusqlite";
    by_entries(report, "SQLite: cost, by number of rows", ("db", "rows"), &ops, ", 1 thread", wanted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn kept() -> Report {
        Report::parse(include_str!("../../../report.jsonl")).unwrap()
    }

    /// The labels of a picture: each stands on a line of its own.
    fn words(picture: &Picture) -> Vec<&str> {
        picture.svg.lines().filter(|line| !line.starts_with('<')).collect()
    }

    #[test]
    fn axes_name_their_units_and_logarithmic_ones_say_so() {
        let report = kept();
        for (name, labels) in [
            ("hit-time", &["time of one hit, log scale", "100 ns", "1 µs", "100 µs"][..]),
            ("hit-ratio", &["hits, %", "room, % of all keys", "100", "25"]),
            ("throughput", &["thousand calls / s", "tasks, log scale", "1", "50"]),
            (
                "files-by-entries",
                &["time of a call, log scale", "entries, log scale", "1k", "100k", "10 µs", "1 ms"],
            ),
            (
                "sqlite-by-entries",
                &["time of a call, log scale", "rows, log scale", "1k", "1M", "10 µs", "1 ms"],
            ),
        ] {
            let picture = named(name, &report).unwrap().unwrap().unwrap();
            let shown = words(&picture);
            for label in labels {
                assert!(shown.contains(label), "{name} has no label {label}: {shown:?}");
            }
        }
    }

    #[test]
    fn every_series_has_a_name() {
        let report = kept();
        let ours = ["ours"];
        for (name, series) in [
            (
                "hit-time",
                &["quick_cache", "moka", "Django locmem", "cacache", "diskcache", "redis", "memcache"][..],
            ),
            ("hit-ratio", &["ours, S3-FIFO", "ours, LRU", "quick_cache", "moka"]),
            ("throughput", &["redis", "fred", "memcache", "async-memcached"]),
            ("files-by-entries", &["cacache", "Django", "diskcache"]),
            ("sqlite-by-entries", &["bare rusqlite", "Django", "diskcache"]),
        ] {
            let picture = named(name, &report).unwrap().unwrap().unwrap();
            let shown = words(&picture);
            let ours = if name == "hit-ratio" { &[][..] } else { &ours };
            for series in series.iter().chain(ours) {
                assert!(shown.contains(series), "{name} does not name {series}: {shown:?}");
            }
        }
    }

    #[test]
    fn a_description_has_the_numbers_of_the_rows() {
        let report = kept();
        let described = |name| named(name, &report).unwrap().unwrap().unwrap().description;
        for (name, said) in [
            (
                "hit-time",
                "memory: get hit, 1 thread: ours 169 ns, quick_cache 217 ns, moka 684 ns, Django locmem 3.33 µs.",
            ),
            ("hit-ratio", "ours, S3-FIFO 46.0 % at 1 %, 61.8 % at 5 %, 67.8 % at 10 %, 74.1 % at 25 %"),
            (
                "throughput",
                "Redis: get (thousand calls / s by tasks, log scale): ours 58 thousand, 418 thousand; redis 57 thousand, 375 thousand",
            ),
            (
                "files-by-entries",
                "get (time of a call, log scale by entries, log scale): ours 4.74 µs, 6.05 µs; cacache 14.4 µs, 15.8 µs",
            ),
            (
                "sqlite-by-entries",
                "set (time of a call, log scale by rows, log scale): ours 8.93 µs, 13.0 µs; bare rusqlite 8.04 µs, 12.4 µs; Django 102 µs, 8.15 ms; diskcache 55.6 µs.",
            ),
        ] {
            assert!(described(name).contains(said), "{name}: {}", described(name));
        }
    }

    #[test]
    fn the_same_report_gives_the_same_bytes_and_no_rows_no_picture() {
        let bytes = || all(&kept()).unwrap().into_iter().map(|(_, picture)| picture.svg).collect::<Vec<_>>();
        assert_eq!(bytes(), bytes());
        assert!(all(&Report::default()).unwrap().is_empty());
    }

    #[test]
    fn a_picture_can_be_drawn_of_any_part_of_a_report() {
        let report = kept();
        for area in ["locmem", "file", "db", "redis", "memcached", "hit_ratio"] {
            let rows = || report.rows.iter().filter(|row| row.area == area).cloned();
            for rows in [rows().collect::<Vec<_>>(), rows().take(1).collect()] {
                let part = Report { rows, ..Report::default() };
                assert!(!all(&part).unwrap().is_empty(), "{area}");
            }
        }
    }
}
