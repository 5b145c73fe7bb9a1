//! What `scripts/bench` makes docs/results/performance.md with.
//!
//! `performance machine PYTHON [--quick]` prints a line of the report: what it is measured on.
//! `performance page REPORT FILE` writes the page: the text of `benches/performance.md.in`, with what the
//! report says in its places. Its pictures go to the folder `charts` beside it.

#![allow(clippy::print_stdout, reason = "what it prints is its result")]

mod headline;
mod machine;
mod page;
mod peers;
mod pictures;
mod report;
mod units;

use std::error::Error;
use std::path::Path;

use report::Report;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    match args[..] {
        ["machine", python] => println!("{}", machine::line(home, python, "full")?),
        ["machine", python, "--quick"] => {
            println!(
                "{}",
                machine::line(home, python, "quick: it shows that every case works, and no more")?
            );
        }
        ["page", report, file] => {
            let template = std::fs::read_to_string(home.join("performance.md.in"))?;
            write(&template, &Report::parse(&std::fs::read_to_string(report)?)?, Path::new(file))?;
        }
        _ => return Err("performance machine PYTHON [--quick], or performance page REPORT FILE".into()),
    }
    Ok(())
}

/// Writes a page and its pictures. All of them are made before the first is written.
fn write(template: &str, report: &Report, file: &Path) -> Result<(), Box<dyn Error>> {
    let page = page::filled(template, report)?;
    let pictures = pictures::all(report)?;
    let folder = file.with_file_name(pictures::FOLDER);
    std::fs::create_dir_all(&folder)?;
    for (name, picture) in pictures {
        std::fs::write(folder.join(name), picture.svg)?;
    }
    Ok(std::fs::write(file, page)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn page_and_pictures_are_what_the_kept_report_says() {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let results = home.join("../docs/results");
        let report = Report::parse(include_str!("../../../report.jsonl")).unwrap();
        let mut files = vec![(
            "performance.md".to_owned(),
            page::filled(include_str!("../../../performance.md.in"), &report).unwrap(),
        )];
        for (name, picture) in pictures::all(&report).unwrap() {
            files.push((format!("{}/{name}", pictures::FOLDER), picture.svg));
        }
        for (name, made) in &files {
            let kept = std::fs::read_to_string(results.join(name)).unwrap_or_default();
            assert!(
                kept == *made,
                "docs/results/{name} is not up to date: run scripts/bench --render and commit it"
            );
        }
        assert_eq!(files.len(), 6, "the kept report is of a whole run, with rows for every picture");
    }
}
