//! What `scripts/bench` makes docs/results/performance.md with.
//!
//! `performance machine PYTHON [--quick]` prints a line of the report: what it is measured on.
//! `performance page REPORT` prints the page: the text of `benches/performance.md.in`, with what the
//! report says in its places.

#![allow(clippy::print_stdout, reason = "what it prints is its result")]

mod machine;
mod page;
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
        ["page", report] => {
            let template = std::fs::read_to_string(home.join("performance.md.in"))?;
            print!("{}", page::filled(&template, &Report::parse(&std::fs::read_to_string(report)?)?)?);
        }
        _ => return Err("performance machine PYTHON [--quick], or performance page REPORT".into()),
    }
    Ok(())
}
