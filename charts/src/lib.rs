//! The pictures of the documentation, as SVG for light and dark pages.
//!
//! [`dots`] shows times on one axis, [`panels`] lines side by side, [`grid`] one cell for each row and
//! column. Each returns a [`Picture`], which has passed [`faults`]: it has a title and a description, no text
//! leaves the frame or covers another one, and each colour has a twin for dark pages. The same input gives
//! the same bytes.
//!
//! A picture is one file. It draws its own background, and follows the reader's `prefers-color-scheme`, also
//! where a page shows it as an `<img>`.

mod axis;
mod colour;
pub mod conformance;
mod dots;
mod grid;
mod inspect;
mod panels;
mod picture;

pub use axis::Axis;
pub use colour::Colour;
pub use dots::{Dot, DotGroup, dots};
pub use grid::{Cell, Grid, Verdict, grid};
pub use inspect::faults;
pub use panels::{Panel, Series, panels};
pub use picture::{Error, Picture};
