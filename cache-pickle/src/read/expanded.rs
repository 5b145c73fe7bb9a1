//! What a value becomes when every place gets its own copy of a shared object.

use crate::error::{Error, ErrorKind, Flaw};
use crate::limits::{Limits, MAX_DEPTH};
use crate::read::arena::{Arena, Item, Items};

pub(crate) const TOO_LARGE: Flaw =
    Flaw::limit("its shared objects grow to more than the limit allows when each place gets a copy");

/// What a value takes besides its text or bytes.
const VALUE: u64 = 32;

/// What has been found inside a container or an object.
#[derive(Clone, Copy, Default)]
struct Measure {
    state: State,
    depth: usize,
    nodes: u64,
    /// Bytes, as [`Limits::expanded`] counts.
    size: u64,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    New,
    Open,
    Done,
}

/// Refuses recursive objects, and those that would grow too large or nest too deep. Takes time in
/// the number of items, however often they are shared.
pub(crate) fn check(arena: &Arena<'_>, root: Item<'_>, input: usize, limits: &Limits) -> Result<(), Error> {
    let row = |item: &Item<'_>| match *item {
        Item::List(n) | Item::Tuple(n) | Item::Dict(n) | Item::Set(n) | Item::FrozenSet(n) => {
            Some(n as usize)
        }
        Item::Object(n) => Some(arena.nodes.len() + n as usize),
        _ => None,
    };
    let mut measures = vec![Measure::default(); arena.nodes.len() + arena.objects.len()];
    let mut open: Vec<Open<'_, '_>> = Vec::new();
    let Some(row_of_root) = row(&root) else { return Ok(()) };
    if let Some(measure) = measures.get_mut(row_of_root) {
        measure.state = State::Open;
    }
    open.push(Open { row: row_of_root, inside: Measure::default(), items: arena.inside(&root) });
    while let Some(outer) = open.last_mut() {
        if let Some(item) = outer.items.next() {
            let Some(row) = row(item) else {
                outer.add(&Measure { nodes: 1, size: VALUE + item.len() as u64, ..Measure::default() });
                continue;
            };
            let Some(measure) = measures.get_mut(row) else { continue };
            match measure.state {
                State::Done => outer.add(measure),
                State::Open => return Err(recursive()),
                State::New => {
                    measure.state = State::Open;
                    open.push(Open { row, inside: Measure::default(), items: arena.inside(item) });
                }
            }
            continue;
        }
        let Some(closed) = open.pop() else { break };
        let Measure { depth, nodes, size, .. } = closed.inside;
        let measure = Measure {
            state: State::Done,
            depth: depth + 1,
            nodes: nodes.saturating_add(1),
            size: size.saturating_add(VALUE),
        };
        if measure.depth > MAX_DEPTH {
            return Err(Error::too_deep());
        }
        if measure.size > Limits::expanded(input) || measure.nodes > limits.nodes as u64 {
            return Err(TOO_LARGE.into());
        }
        if let Some(row) = measures.get_mut(closed.row) {
            *row = measure;
        }
        if let Some(outer) = open.last_mut() {
            outer.add(&measure);
        }
    }
    Ok(())
}

/// A row whose items are being looked at.
struct Open<'a, 'de> {
    row: usize,
    inside: Measure,
    items: Items<'a, 'de>,
}

impl Open<'_, '_> {
    fn add(&mut self, inner: &Measure) {
        self.inside.depth = self.inside.depth.max(inner.depth);
        self.inside.nodes = self.inside.nodes.saturating_add(inner.nodes);
        self.inside.size = self.inside.size.saturating_add(inner.size);
    }
}

fn recursive() -> Error {
    let message = "the pickle cannot be read: an object contains itself, which no value here can";
    Error::new(ErrorKind::Recursive, message)
}
