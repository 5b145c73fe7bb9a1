//! [`grid()`]: a cell for each row and column.

use plotters::style::text_anchor::{HPos, VPos};

use crate::colour::Colour;
use crate::picture::{Error, Look, MARGIN, Picture, SMALL, Sheet, TOP, WIDTH};

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Grid {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The names of the rows, each with a cell for every column.
    pub rows: Vec<(String, Vec<Cell>)>,
    /// What the cells mean.
    pub legend: Vec<(Cell, String)>,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// How it looks.
    pub verdict: Verdict,
    /// What it says: colour alone does not say it to everyone.
    pub text: String,
}

/// How a cell looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Nothing to say.
    Blank,
}

const HEADINGS: i32 = 176;
const NAME: i32 = 26;
const CELL: i32 = 28;
const LEGEND_LINE: i32 = 32;

/// Draws the rows, each with its name above its cells.
///
/// # Errors
/// If a label does not fit, or two labels cover each other.
pub fn grid(title: &str, note: &str, description: String, grid: &Grid) -> Result<Picture, Error> {
    let first = TOP + HEADINGS;
    let legend = first + grid.rows.len() as i32 * (NAME + CELL) + 16;
    let height = legend + grid.legend.len() as i32 * LEGEND_LINE + 8;
    let width = ((WIDTH - 2 * MARGIN) / grid.columns.len().max(1) as i32).min(2 * CELL);
    Picture::draw(title, note, description, height, |sheet| {
        for (column, name) in grid.columns.iter().enumerate() {
            let place = (MARGIN + column as i32 * width + width / 2, first - 4);
            sheet.text(place, name, Look { down: VPos::Center, is_upright: true, ..Look::INK })?;
        }
        for (row, (name, cells)) in grid.rows.iter().enumerate() {
            let y = first + row as i32 * (NAME + CELL);
            sheet.text((MARGIN, y + 7), name, Look::INK)?;
            for (column, one) in cells.iter().enumerate() {
                cell(sheet, (MARGIN + column as i32 * width, y + NAME), width, one)?;
            }
        }
        for (line, (one, meaning)) in grid.legend.iter().enumerate() {
            let y = legend + line as i32 * LEGEND_LINE;
            cell(sheet, (MARGIN, y), width.max(CELL), one)?;
            let place = (MARGIN + width.max(CELL) + 10, y + CELL / 2);
            sheet.text(place, meaning, Look { down: VPos::Center, ..Look::INK })?;
        }
        Ok(())
    })
}

fn cell(sheet: &Sheet<'_>, (x, y): (i32, i32), width: i32, cell: &Cell) -> Result<(), Error> {
    let (field, text) = match cell.verdict {
        Verdict::Good => (Colour::GoodField, Colour::GoodText),
        Verdict::Bad => (Colour::BadField, Colour::BadText),
        Verdict::Blank => (Colour::BlankField, Colour::Muted),
    };
    sheet.rect((x + 1, y + 1), (x + width - 1, y + CELL - 1), field)?;
    let look = Look {
        size: SMALL,
        colour: text,
        across: HPos::Center,
        down: VPos::Center,
        is_bold: cell.verdict == Verdict::Bad,
        ..Look::INK
    };
    sheet.text((x + width / 2, y + CELL / 2), &cell.text, look)
}
