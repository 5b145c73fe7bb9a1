//! [`Picture`]: a finished SVG, and how it is drawn.

use std::fmt;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontFamily, FontStyle, FontTransform, ShapeStyle, TextStyle};

use crate::colour::Colour;
use crate::inspect::faults;

/// The width of every picture. A page on a phone shows it at two thirds of that.
pub(crate) const WIDTH: i32 = 520;

/// The sizes of text. The smallest is still legible on a phone.
pub(crate) const TITLE: u32 = 18;
pub(crate) const TEXT: u32 = 15;
pub(crate) const SMALL: u32 = 14;

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A picture that cannot be drawn: what is wrong with which one.
#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl Error {
    pub(crate) fn new(title: &str, what: impl fmt::Display) -> Self {
        Self(format!("the picture \"{title}\": {what}"))
    }
}

/// A finished picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Its title, which stands in it, too.
    pub title: String,
    /// What it shows, with the numbers, for those who do not see it.
    pub description: String,
    /// The file.
    pub svg: String,
}

impl Picture {
    /// Draws a picture of this height with `draw`, below its title and note.
    pub(crate) fn draw(
        title: &str,
        note: &str,
        description: String,
        height: i32,
        draw: impl FnOnce(&Sheet<'_>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut body = String::new();
        {
            let backend = SVGBackend::with_string(&mut body, (WIDTH as u32, height as u32));
            let sheet = Sheet { area: backend.into_drawing_area(), title };
            sheet.rect((0, 0), (WIDTH, height), Colour::Paper)?;
            sheet.text((MARGIN, 12), title, Look { size: TITLE, is_bold: true, ..Look::INK })?;
            sheet.text((MARGIN, 38), note, Look { size: SMALL, colour: Colour::Muted, ..Look::INK })?;
            draw(&sheet)?;
            sheet.done(sheet.area.present())?;
        }
        let (svg, inside) = body
            .split_once('>')
            .filter(|(svg, _)| svg.starts_with("<svg "))
            .ok_or_else(|| Error::new(title, "the drawing does not begin with <svg>"))?;
        let svg = format!(
            "{svg} role=\"img\" aria-labelledby=\"title desc\">\n<title id=\"title\">{}</title>\n\
             <desc id=\"desc\">{}</desc>\n{}{}",
            escaped(title),
            escaped(&description),
            Colour::style_sheet(inside),
            inside.trim_start()
        );
        let found = faults(&svg);
        if found.is_empty() {
            Ok(Self { title: title.to_owned(), description, svg })
        } else {
            Err(Error::new(title, found.join("; ")))
        }
    }
}

pub(crate) const MARGIN: i32 = 16;

/// Where the part below title and note begins.
pub(crate) const TOP: i32 = 66;

/// How a label looks.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) size: u32,
    pub(crate) colour: Colour,
    pub(crate) is_bold: bool,
    pub(crate) across: HPos,
    pub(crate) down: VPos,
    pub(crate) is_upright: bool,
}

impl Look {
    pub(crate) const INK: Self = Self {
        size: TEXT,
        colour: Colour::Ink,
        is_bold: false,
        across: HPos::Left,
        down: VPos::Top,
        is_upright: false,
    };

    pub(crate) fn style(self) -> TextStyle<'static> {
        let style = if self.is_bold { FontStyle::Bold } else { FontStyle::Normal };
        // The backend divides by this, and writes what it gets.
        let font = (FontFamily::SansSerif, f64::from(self.size) * 1.24, style);
        let transform = if self.is_upright { FontTransform::Rotate270 } else { FontTransform::None };
        let style = TextStyle::from(font).transform(transform);
        let colour = self.colour.rgb().to_backend_color();
        TextStyle { color: colour, pos: Pos::new(self.across, self.down), ..style }
    }
}

/// What marks the points of a series, so that colour is not all that tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Disc,
    Square,
    Diamond,
    Triangle,
    Ring,
}

/// What a picture is drawn on.
pub(crate) struct Sheet<'a> {
    pub(crate) area: Area<'a>,
    title: &'a str,
}

impl Sheet<'_> {
    pub(crate) fn done<E: fmt::Display>(&self, result: Result<(), E>) -> Result<(), Error> {
        result.map_err(|e| Error::new(self.title, e))
    }

    pub(crate) fn text(&self, place: (i32, i32), text: &str, look: Look) -> Result<(), Error> {
        self.done(self.area.draw_text(text, &look.style(), place))
    }

    pub(crate) fn rect(&self, from: (i32, i32), to: (i32, i32), colour: Colour) -> Result<(), Error> {
        self.done(self.area.draw(&Rectangle::new([from, to], colour.rgb().filled())))
    }

    pub(crate) fn line(&self, from: (i32, i32), to: (i32, i32), colour: Colour) -> Result<(), Error> {
        self.done(self.area.draw(&PathElement::new(vec![from, to], stroke(colour, 1))))
    }

    pub(crate) fn mark(&self, (x, y): (i32, i32), mark: Mark, colour: Colour) -> Result<(), Error> {
        let filled = colour.rgb().filled();
        let drawn = match mark {
            Mark::Disc => self.area.draw(&Circle::new((x, y), 5, filled)),
            Mark::Square => self.area.draw(&Rectangle::new([(x - 4, y - 4), (x + 4, y + 4)], filled)),
            Mark::Diamond => {
                self.area.draw(&Polygon::new(vec![(x, y - 6), (x + 6, y), (x, y + 6), (x - 6, y)], filled))
            }
            Mark::Triangle => {
                self.area.draw(&Polygon::new(vec![(x, y - 6), (x + 6, y + 5), (x - 6, y + 5)], filled))
            }
            Mark::Ring => self.area.draw(&Circle::new((x, y), 5, stroke(colour, 2))),
        };
        self.done(drawn)
    }
}

/// Lines of a colour.
pub(crate) fn stroke(colour: Colour, width: u32) -> ShapeStyle {
    ShapeStyle::from(&colour.rgb()).stroke_width(width)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
