//! Values as JSON on the command line: what cannot be said exactly is an error.

mod number;
mod read;
mod stored;

pub(crate) use self::number::inexact;
pub(crate) use self::read::{read, standard_input};
pub(crate) use self::stored::{Raw, Stored};
