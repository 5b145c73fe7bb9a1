//! Prints the picture of the conformance matrix, as SVG, from the page in Markdown that is named.

use std::error::Error;
use std::io::Write as _;

fn main() -> Result<(), Box<dyn Error>> {
    let page = std::env::args().nth(1).ok_or("conformance-chart PAGE")?;
    let text = std::fs::read_to_string(&page).map_err(|e| format!("{page}: {e}"))?;
    Ok(std::io::stdout().write_all(charts::conformance::picture(&text)?.svg.as_bytes())?)
}
