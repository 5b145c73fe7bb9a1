//! The arena: a document's values in a few tables, borrowing from its bytes.

use crate::error::Flaw;
use crate::limits::MAX_DEPTH;
use crate::read::class::Class;
use crate::read::item::Item;

const NO_SEGMENT: u32 = u32::MAX;

/// A container's items: a run of [`Arena::children`], and where they came in several goes, more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    first: Run,
    /// The first and the last of the further runs.
    more: u32,
    last: u32,
    len: u32,
    pub(crate) depth: u8,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    start: u32,
    len: u32,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    run: Run,
    next: u32,
}

/// How an object of a class is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// `callable(*args)`.
    Call,
    /// `class.__new__(class, *args)`.
    New,
    /// `class.__new__(class, *args, **kwargs)`.
    NewWithNames,
}

/// What `__reduce__` gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'de> {
    pub(crate) how: How,
    /// By the constants below; None where there is none of a part.
    pub(crate) parts: [Item<'de>; PARTS],
    pub(crate) has_state: bool,
    pub(crate) depth: u8,
}

pub(crate) const CALLABLE: usize = 0;
pub(crate) const ARGS: usize = 1;
pub(crate) const KWARGS: usize = 2;
pub(crate) const LIST: usize = 3;
pub(crate) const DICT: usize = 4;
pub(crate) const STATE: usize = 5;
pub(crate) const PARTS: usize = 6;

/// The tables. Rows are only ever added.
#[derive(Debug, Default)]
pub(crate) struct Arena<'de> {
    pub(crate) nodes: Vec<Node>,
    pub(crate) objects: Vec<Object<'de>>,
    pub(crate) classes: Vec<Class<'de>>,
    children: Vec<Item<'de>>,
    segments: Vec<Segment>,
    pub(crate) text: String,
}

impl<'de> Arena<'de> {
    pub(crate) fn with_capacity(input: usize) -> Self {
        Self { children: Vec::with_capacity(input / 16), ..Self::default() }
    }

    /// How many items are in containers.
    #[inline]
    pub(crate) fn attached(&self) -> usize {
        self.children.len()
    }

    #[inline]
    fn depth_of(&self, item: &Item<'_>) -> u8 {
        match *item {
            Item::List(n) | Item::Tuple(n) | Item::Dict(n) | Item::Set(n) | Item::FrozenSet(n) => {
                self.nodes.get(n as usize).map_or(0, |node| node.depth)
            }
            Item::Object(n) => self.objects.get(n as usize).map_or(0, |object| object.depth),
            _ => 0,
        }
    }

    /// One more than the deepest of `items`.
    #[inline]
    fn depth_around(&self, items: &[Item<'_>]) -> Result<u8, Flaw> {
        let depth = items.iter().map(|item| self.depth_of(item)).max().unwrap_or(0) + 1;
        if usize::from(depth) > MAX_DEPTH { Err(Flaw::TOO_DEEP) } else { Ok(depth) }
    }

    /// A new container of `items`.
    #[inline]
    pub(crate) fn node(&mut self, items: &[Item<'de>]) -> Result<u32, Flaw> {
        let depth = self.depth_around(items)?;
        let index = self.nodes.len() as u32;
        let first = self.run(items);
        self.nodes.push(Node { first, more: NO_SEGMENT, last: NO_SEGMENT, len: first.len, depth });
        Ok(index)
    }

    #[inline]
    fn run(&mut self, items: &[Item<'de>]) -> Run {
        let start = self.children.len() as u32;
        self.children.extend_from_slice(items);
        Run { start, len: items.len() as u32 }
    }

    /// Adds `items` to a container.
    #[inline]
    pub(crate) fn extend(&mut self, node: u32, items: &[Item<'de>]) -> Result<(), Flaw> {
        let depth = self.depth_around(items)?;
        let run = self.run(items);
        let Some(node) = self.nodes.get_mut(node as usize) else { return Ok(()) };
        node.depth = node.depth.max(depth);
        node.len += run.len;
        let last = match self.segments.get_mut(node.last as usize) {
            Some(segment) => &mut segment.run,
            None => &mut node.first,
        };
        if last.len == 0 {
            *last = run;
        } else if last.start + last.len == run.start {
            last.len += run.len;
        } else {
            let index = self.segments.len() as u32;
            match self.segments.get_mut(node.last as usize) {
                Some(segment) => segment.next = index,
                None => node.more = index,
            }
            node.last = index;
            self.segments.push(Segment { run, next: NO_SEGMENT });
        }
        Ok(())
    }

    pub(crate) fn object(&mut self, how: How, parts: [Item<'de>; PARTS]) -> Result<Item<'de>, Flaw> {
        let depth = self.depth_around(&parts)?;
        self.objects.push(Object { how, parts, has_state: false, depth });
        Ok(Item::Object(self.objects.len() as u32 - 1))
    }

    /// Recomputes an object's depth after one of its parts has changed.
    pub(crate) fn deepen(&mut self, object: u32) -> Result<(), Flaw> {
        let Some(parts) = self.objects.get(object as usize).map(|object| object.parts) else { return Ok(()) };
        let depth = self.depth_around(&parts)?;
        if let Some(object) = self.objects.get_mut(object as usize) {
            object.depth = depth;
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn len(&self, node: u32) -> usize {
        self.nodes.get(node as usize).map_or(0, |node| node.len as usize)
    }

    /// The items of a container, a dict's keys and values in turn.
    #[inline]
    pub(crate) fn items(&self, node: u32) -> Items<'_, 'de> {
        match self.nodes.get(node as usize) {
            Some(node) => {
                Items { arena: self, run: self.slice(node.first).iter(), next: node.more, left: node.len }
            }
            None => Items::none(self),
        }
    }

    /// What an object or a container holds.
    pub(crate) fn inside(&self, item: &Item<'de>) -> Items<'_, 'de> {
        match *item {
            Item::List(n) | Item::Tuple(n) | Item::Dict(n) | Item::Set(n) | Item::FrozenSet(n) => {
                self.items(n)
            }
            Item::Object(n) => match self.objects.get(n as usize) {
                Some(object) => {
                    let run = object.parts.iter();
                    Items { arena: self, run, next: NO_SEGMENT, left: object.parts.len() as u32 }
                }
                None => Items::none(self),
            },
            _ => Items::none(self),
        }
    }

    /// A tuple's items, which came in one go.
    pub(crate) fn tuple(&self, item: &Item<'de>) -> Option<&[Item<'de>]> {
        match *item {
            Item::Tuple(n) => self.nodes.get(n as usize).map(|node| self.slice(node.first)),
            _ => None,
        }
    }

    #[inline]
    fn slice(&self, run: Run) -> &[Item<'de>] {
        let start = run.start as usize;
        self.children.get(start..start + run.len as usize).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn str(&self, item: &Item<'de>) -> Option<&str> {
        match *item {
            Item::Str(text) => Some(text),
            Item::Unescaped { at, len } => self.text.get(at as usize..(at + len) as usize),
            _ => None,
        }
    }

    pub(crate) fn class(&self, item: &Item<'_>) -> Option<&Class<'de>> {
        match *item {
            Item::Class(n) => self.classes.get(n as usize),
            _ => None,
        }
    }

    /// A class's module and name.
    pub(crate) fn names(&self, class: &Class<'de>) -> (&str, &str) {
        (self.str(&class.module).unwrap_or_default(), self.str(&class.name).unwrap_or_default())
    }

    /// The bytes of an item's text and the like, or of a class's names.
    #[inline]
    pub(crate) fn text_len(&self, item: &Item<'_>) -> u64 {
        match *item {
            Item::Class(n) => {
                self.classes.get(n as usize).map_or(0, |class| class.module.len() + class.name.len()) as u64
            }
            ref item => item.len() as u64,
        }
    }

    /// No fewer values than there are, if nothing is named twice.
    pub(crate) fn most_values(&self) -> usize {
        self.children.len() + PARTS * self.objects.len()
    }
}

/// The items of a container in order.
#[derive(Clone, Debug)]
pub(crate) struct Items<'a, 'de> {
    arena: &'a Arena<'de>,
    run: std::slice::Iter<'a, Item<'de>>,
    next: u32,
    left: u32,
}

impl<'a, 'de> Items<'a, 'de> {
    fn none(arena: &'a Arena<'de>) -> Self {
        Self { arena, run: [].iter(), next: NO_SEGMENT, left: 0 }
    }
}

impl<'a, 'de> Iterator for Items<'a, 'de> {
    type Item = &'a Item<'de>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.run.next() {
                self.left -= 1;
                return Some(item);
            }
            let segment = self.arena.segments.get(self.next as usize)?;
            self.run = self.arena.slice(segment.run).iter();
            self.next = segment.next;
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Items<'_, '_> {}
