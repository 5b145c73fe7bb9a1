//! The page: a template with the report in its places.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;

use benches::{Row, Unit};

use crate::report::Report;
use crate::units::{human, ratio};
use crate::{headline, pictures};

/// The template's text, where a line `{{rows AREA}}` stands for the table of an area, `{{picture NAME}}` for
/// a picture, and `{{headline}}`, `{{machine}}`, `{{summary}}`, `{{builds}}` and `{{binaries}}` for the rest. Areas
/// that have no place come last.
pub(crate) fn filled(template: &str, report: &Report) -> Result<String, Box<dyn Error>> {
    let mut page = String::new();
    let mut placed = BTreeSet::new();
    for line in template.lines() {
        match line.strip_prefix("{{").and_then(|line| line.strip_suffix("}}")) {
            None => writeln!(page, "{line}")?,
            Some("headline") => headline::table(&mut page, report)?,
            Some("machine") => machine(&mut page, report)?,
            Some("summary") => summary(&mut page, report)?,
            Some("builds") => builds(&mut page, report)?,
            Some("binaries") => binaries(&mut page, report)?,
            Some(place) if place.starts_with("picture ") => {
                picture(&mut page, report, place.trim_start_matches("picture "))?;
            }
            Some(place) => {
                let area = place.strip_prefix("rows ").ok_or_else(|| format!("what is {line}?"))?;
                placed.insert(area);
                rows(&mut page, report, area)?;
            }
        }
    }
    let areas: BTreeSet<&str> = report.rows.iter().map(|row| row.area.as_str()).collect();
    for area in areas.difference(&placed) {
        writeln!(page, "\n## {area}\n")?;
        rows(&mut page, report, area)?;
    }
    Ok(page)
}

pub(crate) const NOT_MEASURED: &str = "Not measured in this run.";

fn picture(page: &mut String, report: &Report, name: &str) -> Result<(), Box<dyn Error>> {
    match pictures::named(name, report).ok_or_else(|| format!("unknown picture {name}"))?? {
        None => writeln!(page, "{NOT_MEASURED}")?,
        Some(picture) => {
            let (title, folder) = (picture.title, pictures::FOLDER);
            writeln!(page, "![{title}. The tables below have the numbers.]({folder}/{name}.svg)")?;
        }
    }
    Ok(())
}

fn machine(page: &mut String, report: &Report) -> std::fmt::Result {
    if report.machine.is_empty() {
        return writeln!(page, "{NOT_MEASURED}");
    }
    writeln!(page, "| | |\n|---|---|")?;
    report.machine.iter().try_for_each(|(name, fact)| writeln!(page, "| {name} | {} |", cell(fact)))
}

fn summary(page: &mut String, report: &Report) -> std::fmt::Result {
    let judged: Vec<&Row> = report.rows.iter().filter(|row| row.goal.is_some()).collect();
    let missed: Vec<&Row> = judged.iter().copied().filter(|row| row.meets() == Some(false)).collect();
    writeln!(page, "{} of {} goals are met.", judged.len() - missed.len(), judged.len())?;
    let (bounded, open): (Vec<_>, Vec<_>) =
        missed.into_iter().map(|row| (row, bound(row, &report.rows))).partition(|(_, bound)| bound.is_some());
    if !bounded.is_empty() {
        writeln!(page, "\n{} are unachievable, as a floor of the same case shows:\n", bounded.len())?;
    }
    for (row, bound) in bounded {
        let Some((floor, best)) = bound else { continue };
        writeln!(page, "{}; {} has {}", line(row), floor.peer, ratio(best))?;
    }
    if !open.is_empty() {
        writeln!(page, "\n{} are missed and open:\n", open.len())?;
    }
    open.iter().try_for_each(|(row, _)| writeln!(page, "{}", line(row)))
}

fn line(row: &Row) -> String {
    let goal = ratio(row.goal.unwrap_or_default());
    let spread = spread(row).map_or_else(String::new, |spread| format!(" ({spread})"));
    format!("- {}, {}: {}{spread} of {}, goal {goal}", row.area, row.case, ratio(row.ratio), row.peer)
}

/// Only what was timed in rounds has one.
fn spread(row: &Row) -> Option<String> {
    let (low, high) = row.spread;
    (row.unit == Unit::Ns && low < high).then(|| format!("{}–{}", ratio(low), ratio(high)))
}

/// A floor is what others wrote without the rest of a cache, and not to the last nanosecond: we may be a little below it.
const FAR_BELOW: f64 = 1.25;

/// Returns the floor that shows that `row`'s goal cannot be reached, and the floor's own ratio: the lowest, if it
/// misses the goal too. A row that ours beats by far is not a floor, unless it is a limit that ours exceeds
/// itself.
fn bound<'a>(row: &Row, all: &'a [Row]) -> Option<(&'a Row, f64)> {
    let goal = row.goal?;
    all.iter()
        .filter(|other| other.floor && (&other.area, &other.case) == (&row.area, &row.case))
        .filter(|floor| floor.peer != row.peer && (row.peer.starts_with("limit") || floor.ratio <= FAR_BELOW))
        .map(|floor| (floor, row.ratio / floor.ratio))
        .filter(|(_, best)| *best < goal)
        .min_by(|one, other| one.1.total_cmp(&other.1))
}

fn rows(page: &mut String, report: &Report, area: &str) -> std::fmt::Result {
    let mut rows = report.rows.iter().filter(|row| row.area == area).peekable();
    if rows.peek().is_none() {
        return writeln!(page, "{NOT_MEASURED}");
    }
    writeln!(page, "| case | ours | peer | peer's | ratio | spread | goal | met |")?;
    writeln!(page, "|---|--:|---|--:|--:|:-:|--:|:-:|")?;
    for row in rows {
        let met = match row.meets() {
            None => "",
            Some(true) => "yes",
            Some(false) => "**no**",
        };
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {met} |",
            cell(&row.case),
            human(row.ours_ns, row.unit),
            cell(&row.peer),
            human(row.peer_ns, row.unit),
            ratio(row.ratio),
            spread(row).unwrap_or_default(),
            row.goal.map_or_else(String::new, ratio),
        )?;
    }
    Ok(())
}

fn builds(page: &mut String, report: &Report) -> std::fmt::Result {
    if report.builds.is_empty() {
        return writeln!(page, "{NOT_MEASURED}");
    }
    writeln!(page, "| crate | crates in it | clean build |\n|---|--:|--:|")?;
    for build in &report.builds {
        writeln!(page, "| {} | {} | {:.1} s |", build.name, build.crates, build.seconds)?;
    }
    Ok(())
}

fn binaries(page: &mut String, report: &Report) -> std::fmt::Result {
    if report.binaries.is_empty() {
        return writeln!(page, "{NOT_MEASURED}");
    }
    writeln!(page, "| program | profile | stripped |\n|---|---|--:|")?;
    for binary in &report.binaries {
        let size = human(binary.bytes as f64, Unit::Bytes);
        writeln!(page, "| {} | {} | {size} |", cell(&binary.name), cell(&binary.profile))?;
    }
    Ok(())
}

/// What would end a table's cell does not.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const REPORT: &str = r#"
{"machine":[["processor","a|b"]]}
{"area":"file","case":"get","ours_ns":2000.0,"peer":"bare","peer_ns":1000.0,"ratio":0.5,"spread":[0.4,0.6],"unit":"ns","goal":0.71,"floor":true}
{"area":"file","case":"get","ours_ns":2000.0,"peer":"diskcache","peer_ns":3000.0,"ratio":1.5,"spread":[1.4,1.6],"unit":"ns","goal":4.0}
{"area":"file","case":"get","ours_ns":2000.0,"peer":"Django","peer_ns":36000.0,"ratio":18.0,"spread":[17.0,19.0],"unit":"ns","goal":8.0}
{"area":"new","case":"size","ours_ns":0.0,"peer":"limit","peer_ns":1.0,"ratio":1.7976931348623157e308,"spread":[1.0,1.0],"unit":"count","goal":null}
{"build":{"name":"cache-file","crates":30,"seconds":9.84}}
{"binary":{"name":"locmem","profile":"release","bytes":524288}}
"#;

    fn page(template: &str) -> String {
        filled(template, &Report::parse(REPORT).unwrap()).unwrap()
    }

    #[test]
    fn every_place_is_filled_and_the_words_stay() {
        let page =
            page("# Title\n\n{{machine}}\n{{summary}}\n## Files\n{{rows file}}\nA note.\n{{rows db}}\n");
        assert!(page.starts_with("# Title\n"), "{page}");
        assert!(page.contains("| processor | a\\|b |"), "{page}");
        assert!(
            page.contains(
                "1 of 3 goals are met.\n\n1 are unachievable, as a floor of the same case shows:\n\n\
                 - file, get: 1.50 (1.40–1.60) of diskcache, goal 4.00; bare has 3.00\n\n1 are missed and open:\n\n\
                 - file, get: 0.50 (0.40–0.60) of bare, goal 0.71\n"
            ),
            "{page}"
        );
        assert!(
            page.contains("| get | 2.00 µs | bare | 1.00 µs | 0.50 | 0.40–0.60 | 0.71 | **no** |"),
            "{page}"
        );
        assert!(
            page.contains("| get | 2.00 µs | Django | 36.0 µs | 18.0 | 17.0–19.0 | 8.00 | yes |"),
            "{page}"
        );
        assert!(page.contains("A note.\nNot measured in this run.\n"), "{page}");
    }

    #[test]
    fn a_floor_that_we_are_far_below_is_none() {
        let summary = |ratio: &str| {
            let rows = format!(
                "{{\"area\":\"a\",\"case\":\"get\",\"ours_ns\":10.0,\"peer\":\"theirs\",\"peer_ns\":11.0,\"ratio\":1.1,\
                 \"spread\":[1.1,1.1],\"unit\":\"ns\",\"goal\":1.5}}\n\
                 {{\"area\":\"a\",\"case\":\"get\",\"ours_ns\":10.0,\"peer\":\"bare\",\"peer_ns\":11.0,\"ratio\":{ratio},\
                 \"spread\":[1.1,1.1],\"unit\":\"ns\",\"goal\":null,\"floor\":true}}\n"
            );
            filled("{{summary}}\n", &Report::parse(&rows).unwrap()).unwrap()
        };
        for (floor, said) in
            [("0.9", "bare has 1.22"), ("1.1", "bare has 1.00"), ("1.3", "1 are missed and open")]
        {
            assert!(summary(floor).contains(said), "{floor}: {}", summary(floor));
        }
        assert!(summary("0.7").contains("missed and open"), "the floor meets the goal: {}", summary("0.7"));
    }

    #[test]
    fn an_area_without_a_place_comes_last() {
        let page = page("{{rows file}}\nThe end.\n");
        let (_, rest) = page.split_once("The end.\n").unwrap();
        assert!(rest.starts_with("\n## new\n\n| case |"), "{page}");
        assert!(rest.contains("| size | 0 | limit | 1 | ∞ |  |  |  |"), "{page}");
    }

    #[test]
    fn the_costs_of_building_have_their_places() {
        let page = page("{{builds}}\n\n{{binaries}}\n");
        assert!(page.contains("| cache-file | 30 | 9.8 s |"), "{page}");
        assert!(page.contains("| locmem | release | 512 KiB |"), "{page}");
    }

    #[test]
    fn a_place_that_means_nothing_is_refused() {
        assert!(filled("{{tables}}\n", &Report::default()).is_err());
        assert!(Report::parse("{\"area\":\"file\"}\n").is_err());
    }

    #[test]
    fn a_picture_stands_where_its_place_is_and_only_if_it_was_measured() {
        let page = page("{{picture hit-time}}\n{{picture hit-ratio}}\n");
        let lines: Vec<&str> = page.lines().take(2).collect();
        assert_eq!(
            lines,
            [
                "![Time of a hit, beside peers. The tables below have the numbers.](charts/hit-time.svg)",
                NOT_MEASURED
            ]
        );
        let e = filled("{{picture no-such}}\n", &Report::default()).unwrap_err().to_string();
        assert_eq!(e, "unknown picture no-such");
    }

    #[test]
    fn the_template_has_a_place_for_every_area() {
        let template = include_str!("../../../performance.md.in");
        let manifest = include_str!("../../../Cargo.toml");
        for bench in manifest.split("[[bench]]").skip(1) {
            let area = bench.split('"').nth(1).unwrap();
            assert!(template.contains(&format!("\n{{{{rows {area}}}}}\n")), "no place for {area}");
        }
        for place in ["headline", "machine", "summary", "builds", "binaries"] {
            assert!(template.contains(&format!("\n{{{{{place}}}}}\n")), "no place for {place}");
        }
        for picture in pictures::names() {
            assert!(template.contains(&format!("\n{{{{picture {picture}}}}}\n")), "no place for {picture}");
        }
        filled(template, &Report::parse(REPORT).unwrap()).unwrap();
    }
}
