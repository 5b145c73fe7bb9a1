//! `docs-tests [--rustdoc FOLDER] [--book FOLDER]`: checks every link of the documentation, for `scripts/docs`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is its result")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use docs_tests::{Site, broken_in_book};

fn main() -> std::io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut rustdoc, mut book) = (None, None);
    for pair in arguments.chunks(2) {
        match pair {
            [name, folder] if name == "--rustdoc" => rustdoc = Some(PathBuf::from(folder)),
            [name, folder] if name == "--book" => book = Some(PathBuf::from(folder)),
            _ => {
                eprintln!("docs-tests [--rustdoc FOLDER] [--book FOLDER]");
                return Ok(ExitCode::from(2));
            }
        }
    }

    let site = Site::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), rustdoc.as_deref())?;
    let mut problems = site.broken();
    problems.extend(
        site.unlisted().iter().map(|page| format!("{}: docs/SUMMARY.md does not list it", page.display())),
    );
    if let Some(book) = &book {
        problems.extend(broken_in_book(book)?);
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    let (pages, links) = site.counts();
    println!("{links} links on {pages} pages: {} problems", problems.len());
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
