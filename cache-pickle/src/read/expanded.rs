//! What a value becomes when every place gets its own copy of a shared object.

use crate::error::{Error, Flaw};
use crate::limits::{Limits, MAX_DEPTH};
use crate::read::arena::{Arena, Items, STATE};
use crate::read::item::Item;
use crate::read::typed::Typed;

pub(crate) const TOO_LARGE: Flaw =
    Flaw::limit("its shared objects grow to more than the limit allows when each place gets a copy");

/// What a value takes besides its text or bytes.
const VALUE: u64 = 32;

/// What an object of a class without a type takes besides the values in it.
const OBJECT: u64 = 192;

/// What has been found inside a container or an object.
#[derive(Clone, Copy, Default)]
struct Measure {
    state: State,
    depth: usize,
    values: u64,
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

impl Measure {
    fn one(size: u64) -> Self {
        Self { values: 1, size, ..Self::default() }
    }

    fn add(&mut self, inner: &Self) {
        self.depth = self.depth.max(inner.depth);
        self.values = self.values.saturating_add(inner.values);
        self.size = self.size.saturating_add(inner.size);
    }
}

/// What the rest of the document may still take. Asked for each place, so that the work is bounded
/// too: looking at an object may take time in the text that it is counted with.
struct Left {
    values: u64,
    size: u64,
}

impl Left {
    fn take(&mut self, measure: &Measure) -> Result<(), Flaw> {
        self.values = self.values.checked_sub(measure.values).ok_or(Flaw::TOO_MANY)?;
        self.size = self.size.checked_sub(measure.size).ok_or(TOO_LARGE)?;
        Ok(())
    }
}

/// A row whose items are being looked at.
struct Open<'a, 'de> {
    row: usize,
    inside: Measure,
    /// How many levels it is itself.
    levels: usize,
    items: Items<'a, 'de>,
    /// Whether a None among the items is a part that the object has not.
    parts: bool,
}

/// Refuses recursive objects. If anything in the document is shared, also refuses objects that would nest too
/// deep or grow larger than `shared` bytes of input may become. Takes time in the number of items, however
/// often they are shared.
pub(crate) fn check<'de>(
    arena: &Arena<'de>,
    root: Item<'de>,
    shared: Option<usize>,
    limits: &Limits,
) -> Result<(), Error> {
    let row = |item: &Item<'_>| match *item {
        Item::List(n) | Item::Tuple(n) | Item::Dict(n) | Item::Set(n) | Item::FrozenSet(n) => {
            Some(n as usize)
        }
        Item::Object(n) => Some(arena.nodes.len() + n as usize),
        _ => None,
    };
    let mut measures = vec![Measure::default(); arena.nodes.len() + arena.objects.len()];
    // The root is in no place.
    let values = (limits.nodes as u64).saturating_add(1);
    let mut left = Left { values, size: shared.map_or(u64::MAX, |input| limits.expanded(input)) };
    let mut open: Vec<Open<'_, 'de>> = Vec::new();
    let mut next = Some(&root);
    loop {
        if let Some(item) = next {
            let known = row(item).and_then(|row| measures.get_mut(row));
            let measure = match known {
                None => Measure::one(VALUE + arena.text_len(item)),
                Some(measure) => match measure.state {
                    State::Done => *measure,
                    State::Open => return Err(Flaw::RECURSIVE.into()),
                    State::New => match enter(arena, item, row(item).unwrap_or_default()) {
                        Ok(inner) => {
                            measure.state = State::Open;
                            left.take(&inner.inside)?;
                            open.push(inner);
                            next = following(&mut open);
                            continue;
                        }
                        Err(leaf) => {
                            *measure = Measure { state: State::Done, ..leaf };
                            leaf
                        }
                    },
                },
            };
            left.take(&measure)?;
            if let Some(outer) = open.last_mut() {
                outer.inside.add(&measure);
            }
        } else {
            let Some(closed) = open.pop() else { return Ok(()) };
            let depth = closed.inside.depth + closed.levels;
            if depth > MAX_DEPTH {
                return Err(Error::too_deep());
            }
            let measure = Measure { state: State::Done, depth, ..closed.inside };
            if let Some(row) = measures.get_mut(closed.row) {
                *row = measure;
            }
            if let Some(outer) = open.last_mut() {
                outer.inside.add(&measure);
            }
        }
        next = following(&mut open);
    }
}

/// The next item of the innermost row.
fn following<'a, 'de>(open: &mut [Open<'a, 'de>]) -> Option<&'a Item<'de>> {
    let Open { items, parts, .. } = open.last_mut()?;
    if *parts { items.find(|part| !matches!(part, Item::None)) } else { items.next() }
}

/// What is inside of a container or an object, or what it is where it has a type and holds no others.
fn enter<'a, 'de>(arena: &'a Arena<'de>, item: &Item<'de>, row: usize) -> Result<Open<'a, 'de>, Measure> {
    let open = |levels, items| Open { row, inside: Measure::one(VALUE), levels, items, parts: false };
    let Item::Object(n) = *item else { return Ok(open(1, arena.inside(item))) };
    match arena.typed(n) {
        Typed::Opaque => {
            let object = arena.objects.get(n as usize);
            let none = object.is_some_and(|it| it.has_state && matches!(it.parts[STATE], Item::None));
            let inside = Measure { values: 1 + u64::from(none), size: OBJECT, ..Measure::default() };
            Ok(Open { row, inside, levels: 1, items: arena.inside(item), parts: true })
        }
        // A call with a tuple of a list.
        Typed::Set(Some(node)) | Typed::FrozenSet(Some(node)) => Ok(open(3, arena.items(node))),
        leaf => {
            let depth = arena.objects.get(n as usize).map_or(0, |object| usize::from(object.depth));
            Err(Measure { depth, ..Measure::one(VALUE + leaf.size()) })
        }
    }
}
