//! [`dots()`]: one number for each name, in groups, on one axis.

use plotters::coord::ranged1d::{BoldPoints, Ranged as _, ValueFormatter as _};
use plotters::style::text_anchor::{HPos, VPos};

use crate::axis::Axis;
use crate::colour::Colour;
use crate::picture::{Error, Look, MARGIN, Mark, Picture, SMALL, Sheet, TOP, WIDTH};

/// Names that are compared with each other.
#[derive(Clone, Debug)]
pub struct DotGroup {
    /// What they have in common.
    pub name: String,
    /// The names, in the order in which they are drawn.
    pub dots: Vec<Dot>,
}

/// A name and its number.
#[derive(Clone, Debug)]
pub struct Dot {
    /// Whose number it is.
    pub name: String,
    /// The number, in the axis' unit.
    pub value: f64,
    /// The number as text, with its unit.
    pub shown: String,
    /// Whether it is ours.
    pub is_ours: bool,
}

/// Where the names end and the axis begins and ends. Behind it is room for the largest number.
const AXIS: (i32, i32) = (MARGIN + 184, WIDTH - 90);
const HEADING: i32 = 30;
const LINE: i32 = 24;

/// Draws the groups one below the other.
///
/// # Errors
/// If a label does not fit, or two labels cover each other.
pub fn dots(title: &str, note: &str, axis: &Axis, groups: &[DotGroup]) -> Result<Picture, Error> {
    let lines: usize = groups.iter().map(|group| group.dots.len()).sum();
    let bottom = TOP + groups.len() as i32 * HEADING + lines as i32 * LINE;
    let named = |group: &DotGroup| {
        let dots: Vec<String> = group.dots.iter().map(|dot| format!("{} {}", dot.name, dot.shown)).collect();
        format!("{}: {}.", group.name, dots.join(", "))
    };
    let description = format!("{note}. {}", groups.iter().map(named).collect::<Vec<_>>().join(" "));
    Picture::draw(title, note, description, bottom + 64, |sheet| {
        scale(sheet, axis, bottom)?;
        let mut y = TOP;
        for group in groups {
            sheet.text((MARGIN, y + 8), &group.name, Look { is_bold: true, ..Look::INK })?;
            y += HEADING;
            for dot in &group.dots {
                draw(sheet, axis, dot, y + LINE / 2)?;
                y += LINE;
            }
        }
        Ok(())
    })
}

fn scale(sheet: &Sheet<'_>, axis: &Axis, bottom: i32) -> Result<(), Error> {
    let below = Look { size: SMALL, colour: Colour::Muted, across: HPos::Center, ..Look::INK };
    for tick in axis.key_points(BoldPoints(0)) {
        let x = axis.map(&tick, AXIS);
        sheet.line((x, TOP + HEADING), (x, bottom), Colour::Rule)?;
        sheet.text((x, bottom + 8), &axis.format_ext(&tick), below)?;
    }
    sheet.line((AXIS.0, bottom), (AXIS.1, bottom), Colour::Muted)?;
    sheet.text((i32::midpoint(AXIS.0, AXIS.1), bottom + 34), &axis.label, below)
}

fn draw(sheet: &Sheet<'_>, axis: &Axis, dot: &Dot, y: i32) -> Result<(), Error> {
    let colour = if dot.is_ours { Colour::Ours } else { Colour::Floor };
    let look = Look {
        colour: if dot.is_ours { Colour::Ours } else { Colour::Ink },
        is_bold: dot.is_ours,
        down: VPos::Center,
        ..Look::INK
    };
    sheet.text((MARGIN + 10, y), &dot.name, look)?;
    let x = axis.map(&dot.value, AXIS);
    sheet.mark((x, y), if dot.is_ours { Mark::Disc } else { Mark::Ring }, colour)?;
    sheet.text((x + 12, y), &dot.shown, look)
}
