//! [`panels()`]: lines in small charts side by side, with one legend.

use plotters::chart::ChartBuilder;
use plotters::element::PathElement;
use plotters::style::text_anchor::VPos;

use crate::axis::Axis;
use crate::colour::Colour;
use crate::picture::{Error, Look, MARGIN, Mark, Picture, SMALL, Sheet, TOP, WIDTH, stroke};

/// A small chart.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What it shows.
    pub name: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The lines, each of which the legend names.
    pub series: Vec<Series>,
}

/// A line.
#[derive(Clone, Debug)]
pub struct Series {
    /// Whose it is. Lines of one name look the same in every panel of a picture.
    pub name: String,
    /// In what colour.
    pub colour: Colour,
    /// The points from left to right, with the numbers as text.
    pub points: Vec<(f64, f64, String)>,
}

const MARKS: [Mark; 5] = [Mark::Disc, Mark::Square, Mark::Triangle, Mark::Diamond, Mark::Ring];
const PANEL: (i32, i32) = (WIDTH / 2, 240);
const LEGEND_LINE: i32 = 24;

/// Draws the panels, two in a row.
///
/// # Errors
/// If a label does not fit, or two labels cover each other, or a point lies beyond an axis.
pub fn panels(title: &str, note: &str, all: &[Panel]) -> Result<Picture, Error> {
    let mut legend: Vec<(&str, Colour)> = Vec::new();
    for series in all.iter().flat_map(|panel| &panel.series) {
        if !legend.iter().any(|(name, _)| *name == series.name) {
            legend.push((&series.name, series.colour));
        }
    }
    let mark_of = |name: &str| {
        let place = legend.iter().position(|(known, _)| *known == name).unwrap_or_default();
        MARKS[place % MARKS.len()]
    };
    // Full rows look best, and a long name does not fit into the last of three columns.
    let is_long = |(name, _): &(&str, Colour)| name.chars().count() > 13;
    let columns = if legend.len() % 3 == 1 || legend.iter().skip(2).step_by(3).any(is_long) { 2 } else { 3 };
    let first = TOP + legend.len().div_ceil(columns) as i32 * LEGEND_LINE + 8;
    let height = first + all.len().div_ceil(2) as i32 * PANEL.1;
    Picture::draw(title, note, described(note, all), height, |sheet| {
        for (place, &(name, colour)) in legend.iter().enumerate() {
            let column = (WIDTH - 2 * MARGIN) / columns as i32;
            let x = MARGIN + (place % columns) as i32 * column;
            let y = TOP + (place / columns) as i32 * LEGEND_LINE + LEGEND_LINE / 2;
            sheet.line((x, y), (x + 24, y), colour)?;
            sheet.mark((x + 12, y), mark_of(name), colour)?;
            sheet.text((x + 32, y), name, Look { down: VPos::Center, ..Look::INK })?;
        }
        for (place, panel) in all.iter().enumerate() {
            let corner = ((place % 2) as i32 * PANEL.0, first + (place / 2) as i32 * PANEL.1);
            draw(sheet, title, panel, corner, mark_of)?;
        }
        Ok(())
    })
}

fn described(note: &str, all: &[Panel]) -> String {
    let series = |series: &Series| {
        let points: Vec<&str> = series.points.iter().map(|(_, _, shown)| shown.as_str()).collect();
        format!("{} {}", series.name, points.join(", "))
    };
    let panel = |panel: &Panel| {
        let lines: Vec<String> = panel.series.iter().map(series).collect();
        format!("{} ({} by {}): {}.", panel.name, panel.y.label, panel.x.label, lines.join("; "))
    };
    format!("{note}. {}", all.iter().map(panel).collect::<Vec<_>>().join(" "))
}

fn draw(
    sheet: &Sheet<'_>,
    title: &str,
    panel: &Panel,
    (x, y): (i32, i32),
    mark_of: impl Fn(&str) -> Mark,
) -> Result<(), Error> {
    sheet.text((x + MARGIN, y), &panel.name, Look { is_bold: true, ..Look::INK })?;
    let (area, _) = sheet
        .area
        .split_vertically(y + PANEL.1)
        .0
        .split_vertically(y + 26)
        .1
        .split_horizontally(x)
        .1
        .split_horizontally(PANEL.0);
    let small = Look { size: SMALL, colour: Colour::Muted, ..Look::INK }.style();
    let mut chart = ChartBuilder::on(&area)
        .margin_right(22)
        .margin_bottom(8)
        .x_label_area_size(46)
        .y_label_area_size(80)
        .build_cartesian_2d(panel.x.clone(), panel.y.clone())
        .map_err(|e| Error::new(title, e))?;
    let drawn = chart
        .configure_mesh()
        .bold_line_style(stroke(Colour::Rule, 1))
        .light_line_style(stroke(Colour::Rule, 1))
        .max_light_lines(1)
        .axis_style(stroke(Colour::Muted, 1))
        .label_style(small.clone())
        .axis_desc_style(small)
        .x_desc(&panel.x.label)
        .y_desc(&panel.y.label)
        .draw();
    sheet.done(drawn)?;
    // The first lies on top.
    for series in panel.series.iter().rev() {
        let points: Vec<(f64, f64)> = series.points.iter().map(|&(x, y, _)| (x, y)).collect();
        if let Some((x, y)) = points.iter().find(|(x, y)| !panel.x.contains(*x) || !panel.y.contains(*y)) {
            let what = format!("{} of {}: the point ({x}, {y}) is not on the axes", series.name, panel.name);
            return Err(Error::new(title, what));
        }
        let places: Vec<(i32, i32)> =
            points.iter().map(|point| chart.plotting_area().map_coordinate(point)).collect();
        sheet.done(sheet.area.draw(&PathElement::new(places.clone(), stroke(series.colour, 2))))?;
        for place in places {
            sheet.mark(place, mark_of(&series.name), series.colour)?;
        }
    }
    Ok(())
}
