//! The reader: CPython's pickle machine, which here fills tables and calls nothing.

pub(crate) mod arena;
mod build;
pub(crate) mod class;
mod cursor;
mod escapes;
mod expanded;
pub(crate) mod item;
mod machine;
mod python2;
mod stack;
pub(crate) mod typed;

use crate::error::{Error, Flaw};
use crate::limits::Limits;
use arena::Arena;
use item::Item;
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
        if input.len() > limits.longest() {
            return Err(Flaw::TOO_LONG.into());
        }
        let mut machine = Machine::new(input, limits);
        let root = machine.run().map_err(|flaw| flaw.at(input.len() - machine.left()))?;
        let (input, rest) = input.split_at(input.len() - machine.left());
        let (shared, repeated, arena) = machine.into_parts();
        if shared || arena.most_values() > limits.nodes {
            expanded::check(&arena, root, shared.then_some(input.len()), limits)?;
        }
        if !shared && repeated > limits.expanded(input.len()) {
            return Err(expanded::TOO_LARGE.into());
        }
        Ok((Self { arena, root, input }, rest))
    }
}
