//! The reader: CPython's pickle machine, which here fills tables and calls nothing.

pub(crate) mod arena;
pub(crate) mod class;
mod cursor;
mod escapes;
mod expanded;
mod machine;
pub(crate) mod typed;

use crate::error::{Error, Flaw};
use crate::limits::Limits;
use arena::{Arena, Item};
use machine::Machine;

/// A pickle that has been read.
#[derive(Debug)]
pub(crate) struct Document<'de> {
    pub(crate) arena: Arena<'de>,
    pub(crate) root: Item<'de>,
    pub(crate) input: &'de [u8],
}

impl<'de> Document<'de> {
    /// Reads the whole of `input`. Time and memory are bounded by its length and the limits.
    pub(crate) fn read(input: &'de [u8], limits: &Limits) -> Result<Self, Error> {
        match Self::read_first(input, limits)? {
            (document, []) => Ok(document),
            (_, rest) => Err(Flaw::malformed("bytes are left over after it").at(input.len() - rest.len())),
        }
    }

    /// Reads the document that `input` begins with, and gives what follows.
    pub(crate) fn read_first(input: &'de [u8], limits: &Limits) -> Result<(Self, &'de [u8]), Error> {
        if input.len() > limits.input || u32::try_from(input.len()).is_err() {
            return Err(Flaw::limit("it is longer than the limit allows").into());
        }
        let mut machine = Machine::new(input, limits);
        let root = machine.run().map_err(|flaw| flaw.at(input.len() - machine.left()))?;
        let (input, rest) = input.split_at(input.len() - machine.left());
        let (shared, repeated, arena) = machine.into_parts();
        if shared {
            expanded::check(&arena, root, input.len(), limits)?;
        } else if repeated > Limits::expanded(input.len()) {
            return Err(expanded::TOO_LARGE.into());
        }
        Ok((Self { arena, root, input }, rest))
    }
}
