//! How the machine makes containers, classes and objects.

use crate::error::Flaw;
use crate::read::arena::{ARGS, Arena, CALLABLE, DICT, How, KWARGS, LIST, PARTS, STATE};
use crate::read::class::Class;
use crate::read::item::Item;
use crate::read::machine::{Machine, UNDERFLOW, pairs};

const ORDER: Flaw = Flaw::unsupported("an object gets items or state in an order that Python never writes");

impl<'de> Machine<'de, '_> {
    /// Refuses `more` items beyond the limit.
    pub(super) fn room(&self, more: usize) -> Result<(), Flaw> {
        let full = self.arena.attached() + more > self.limits.items()
            || self.arena.nodes.len().max(self.arena.objects.len()) >= self.limits.rows();
        if full { Err(Flaw::TOO_MANY) } else { Ok(()) }
    }

    /// A new container of the top `count` items.
    pub(super) fn container(&mut self, kind: fn(u32) -> Item<'de>, count: usize) -> Result<(), Flaw> {
        self.room(count)?;
        let below = self.has(count)?;
        let items = self.stack.get(below..).unwrap_or_default();
        let node = self.arena.node(items)?;
        self.stack.truncate(below);
        self.push(kind(node))
    }

    /// Adds the top `count` items to the container below them, that `node` makes of it.
    pub(super) fn extend(
        &mut self,
        count: usize,
        node: impl FnOnce(&mut Arena<'de>, Item<'de>) -> Result<u32, Flaw>,
    ) -> Result<(), Flaw> {
        self.room(count)?;
        let below = self.has(count + 1)?;
        let Some([target, items @ ..]) = self.stack.get(below..) else { return Err(UNDERFLOW) };
        if let (Item::Object(_), []) = (target, items) {
            // Python calls nothing for none: the object is what it was.
            self.stack.truncate(below + 1);
            return Ok(());
        }
        let node = node(&mut self.arena, *target)?;
        self.arena.extend(node, items)?;
        if let Item::Object(object) = *target {
            self.arena.deepen(object)?;
        }
        self.stack.truncate(below + 1);
        Ok(())
    }

    pub(super) fn append(&mut self, count: usize) -> Result<(), Flaw> {
        self.extend(count, |arena, target| match target {
            Item::List(node) => Ok(node),
            Item::Object(object) => part(arena, object, LIST),
            _ => Err(Flaw::malformed("items for a value that is not a list")),
        })
    }

    pub(super) fn set_items(&mut self, count: usize) -> Result<(), Flaw> {
        pairs(count)?;
        self.extend(count, |arena, target| match target {
            Item::Dict(node) => Ok(node),
            Item::Object(object) => part(arena, object, DICT),
            _ => Err(Flaw::malformed("keys and values for a value that is not a dict")),
        })
    }

    pub(super) fn add_items(&mut self, count: usize) -> Result<(), Flaw> {
        self.extend(count, |_, target| match target {
            Item::Set(node) => Ok(node),
            Item::Object(_) => Err(ORDER),
            _ => Err(Flaw::malformed("members for a value that is not a set")),
        })
    }

    pub(super) fn class(&mut self, module: Item<'de>, name: Item<'de>) -> Result<(), Flaw> {
        if self.arena.classes.len() >= self.limits.rows() {
            return Err(Flaw::TOO_MANY);
        }
        let names = self.arena.str(&module).zip(self.arena.str(&name));
        let names = names.ok_or(Flaw::malformed("a class whose name is not a string"))?;
        let class = Class::new((module, name), names, self.protocol);
        let index = self.arena.classes.len() as u32;
        self.arena.classes.push(class);
        self.push(Item::Class(index))
    }

    pub(super) fn object(
        &mut self,
        how: How,
        callable: Item<'de>,
        args: Item<'de>,
        kwargs: Option<Item<'de>>,
    ) -> Result<(), Flaw> {
        self.room(0)?;
        let callable_fits = match callable {
            Item::Class(_) => true,
            // Before protocol 4, `getattr(Outer, 'Inner')` is the class of an object.
            Item::Object(row) => self.arena.may_be_called(row),
            _ => false,
        };
        if !callable_fits || !matches!(args, Item::Tuple(_)) || !matches!(kwargs, None | Some(Item::Dict(_)))
        {
            return Err(Flaw::malformed("an object without its class or its arguments"));
        }
        let mut parts = [Item::None; PARTS];
        parts[CALLABLE] = callable;
        parts[ARGS] = args;
        parts[KWARGS] = kwargs.unwrap_or(Item::None);
        let object = self.arena.object(how, parts)?;
        self.push(object)
    }

    /// Python 2's way to make an object: without arguments it calls no `__init__`.
    pub(super) fn instance(&mut self, class: Item<'de>, args: Item<'de>) -> Result<(), Flaw> {
        let none = self.arena.tuple(&args).is_some_and(<[_]>::is_empty);
        self.object(if none { How::New } else { How::Call }, class, args, None)
    }

    pub(super) fn build(&mut self) -> Result<(), Flaw> {
        let [target, state] = self.pop_array()?;
        let Item::Object(index) = target else {
            return Err(Flaw::malformed("state for a value that is not an object"));
        };
        let object = self.arena.objects.get_mut(index as usize).ok_or(UNDERFLOW)?;
        if object.has_state {
            return Err(ORDER);
        }
        object.has_state = true;
        object.parts[STATE] = state;
        self.arena.deepen(index)?;
        self.push(target)
    }
}

/// An object's list or dict of items, made where there is none.
fn part(arena: &mut Arena<'_>, object: u32, which: usize) -> Result<u32, Flaw> {
    let parts = match arena.objects.get(object as usize) {
        Some(object) if !object.has_state => object.parts,
        _ => return Err(ORDER),
    };
    match (parts[which], parts[DICT]) {
        (Item::List(node), Item::None) if which == LIST => return Ok(node),
        (Item::Dict(node), _) if which == DICT => return Ok(node),
        (Item::None, Item::None) => {}
        _ => return Err(ORDER),
    }
    let node = arena.node(&[])?;
    if let Some(object) = arena.objects.get_mut(object as usize) {
        object.parts[which] = if which == LIST { Item::List(node) } else { Item::Dict(node) };
    }
    Ok(node)
}
