//! The machine: a stack, marks on it, and a memo.

use std::borrow::Cow;

use crate::error::Flaw;
use crate::limits::Limits;
use crate::opcode as op;
use crate::read::arena::{ARGS, Arena, CALLABLE, DICT, How, Item, KWARGS, LIST, STATE};
use crate::read::class::Class;
use crate::read::cursor::{Cursor, utf8};
use crate::read::escapes;
use crate::read::typed::Typed;

#[derive(Debug)]
pub(crate) struct Machine<'de, 'l> {
    cursor: Cursor<'de>,
    limits: &'l Limits,
    protocol: u8,
    stack: Vec<Item<'de>>,
    /// Heights of the stack.
    marks: Vec<u32>,
    /// The last mark: what lies below belongs to somebody else.
    fence: usize,
    memo: Vec<Option<Item<'de>>>,
    /// How many of the memo's places are taken.
    memoized: usize,
    longest_memo: usize,
    arena: Arena<'de>,
    /// Whether a container has been named twice.
    shared: bool,
    /// Bytes of text and the like that were named again.
    repeated: u64,
}

const UNDERFLOW: Flaw = Flaw::malformed("an operation lacks its operands");
const PERSISTENT: Flaw = Flaw::unsupported("it refers to objects outside of it (persistent ids)");
const EXTENSION: Flaw = Flaw::unsupported("it refers to a registry of classes (extension codes)");
const OUT_OF_BAND: Flaw = Flaw::unsupported("it refers to buffers outside of it (protocol 5)");
const THROWN_AWAY: Flaw =
    Flaw::unsupported("it calls a function for what that does, and nothing is called here");
const ORDER: Flaw = Flaw::unsupported("an object gets items or state in an order that Python never writes");

impl<'de, 'l> Machine<'de, 'l> {
    pub(crate) fn new(input: &'de [u8], limits: &'l Limits) -> Self {
        Self {
            cursor: Cursor::new(input),
            limits,
            protocol: 0,
            stack: Vec::with_capacity(16),
            marks: Vec::with_capacity(8),
            fence: 0,
            memo: Vec::with_capacity(input.len() / 32),
            memoized: 0,
            longest_memo: input.len().min(limits.nodes),
            arena: Arena::with_capacity(input.len()),
            shared: false,
            repeated: 0,
        }
    }

    /// How many bytes of the input are left.
    pub(crate) fn left(&self) -> usize {
        self.cursor.left()
    }

    pub(crate) fn into_parts(self) -> (bool, u64, Arena<'de>) {
        (self.shared, self.repeated, self.arena)
    }

    /// Runs to the end, and gives the value.
    pub(crate) fn run(&mut self) -> Result<Item<'de>, Flaw> {
        loop {
            let code = self.cursor.byte()?;
            match code {
                op::SHORT_BINUNICODE => {
                    let text = utf8(self.cursor.take1()?)?;
                    self.push(Item::Str(text))?;
                }
                op::MEMOIZE => self.put(self.memoized)?,
                op::BINGET => {
                    let index = self.cursor.byte()?;
                    self.get(usize::from(index))?;
                }
                op::LONG_BINGET => {
                    let index = u32::from_le_bytes(self.cursor.array()?);
                    self.get(index as usize)?;
                }
                op::BINPUT => {
                    let index = self.cursor.byte()?;
                    self.put(usize::from(index))?;
                }
                op::LONG_BINPUT => {
                    let index = u32::from_le_bytes(self.cursor.array()?);
                    self.put(index as usize)?;
                }
                op::BININT1 => {
                    let n = self.cursor.byte()?;
                    self.push(Item::Int(i64::from(n)))?;
                }
                op::BININT2 => {
                    let n = u16::from_le_bytes(self.cursor.array()?);
                    self.push(Item::Int(i64::from(n)))?;
                }
                op::BININT => {
                    let n = i32::from_le_bytes(self.cursor.array()?);
                    self.push(Item::Int(i64::from(n)))?;
                }
                op::BINFLOAT => {
                    let number = f64::from_be_bytes(self.cursor.array()?);
                    self.push(Item::Float(number))?;
                }
                op::NONE => self.push(Item::None)?,
                op::NEWTRUE => self.push(Item::Bool(true))?,
                op::NEWFALSE => self.push(Item::Bool(false))?,
                op::MARK => self.mark()?,
                op::EMPTY_DICT => self.container(Item::Dict, 0)?,
                op::EMPTY_LIST => self.container(Item::List, 0)?,
                op::EMPTY_SET => self.container(Item::Set, 0)?,
                op::EMPTY_TUPLE => self.container(Item::Tuple, 0)?,
                op::TUPLE1 => self.container(Item::Tuple, 1)?,
                op::TUPLE2 => self.container(Item::Tuple, 2)?,
                op::TUPLE3 => self.container(Item::Tuple, 3)?,
                op::TUPLE => {
                    let count = self.unmark()?;
                    self.container(Item::Tuple, count)?;
                }
                op::LIST => {
                    let count = self.unmark()?;
                    self.container(Item::List, count)?;
                }
                op::FROZENSET => {
                    let count = self.unmark()?;
                    self.container(Item::FrozenSet, count)?;
                }
                op::DICT => {
                    let count = self.unmark()?;
                    pairs(count)?;
                    self.container(Item::Dict, count)?;
                }
                op::APPEND => self.append(1)?,
                op::APPENDS => {
                    let count = self.unmark()?;
                    self.append(count)?;
                }
                op::SETITEM => self.set_items(2)?,
                op::SETITEMS => {
                    let count = self.unmark()?;
                    self.set_items(count)?;
                }
                op::ADDITEMS => {
                    let count = self.unmark()?;
                    self.add_items(count)?;
                }
                op::STOP => return self.stop(),
                op::FRAME => {
                    let len = u64::from_le_bytes(self.cursor.array()?);
                    if len > self.cursor.left() as u64 {
                        return Err(Flaw::TRUNCATED);
                    }
                }
                op::PROTO => {
                    self.protocol = self.cursor.byte()?;
                    if self.protocol > 5 {
                        return Err(Flaw::unsupported("its protocol is later than 5"));
                    }
                }
                op::BINUNICODE => {
                    let text = utf8(self.cursor.take4()?)?;
                    self.push(Item::Str(text))?;
                }
                op::BINUNICODE8 => {
                    let text = utf8(self.cursor.take8()?)?;
                    self.push(Item::Str(text))?;
                }
                op::SHORT_BINBYTES => {
                    let bytes = self.cursor.take1()?;
                    self.push(Item::Bytes(bytes))?;
                }
                op::BINBYTES => {
                    let bytes = self.cursor.take4()?;
                    self.push(Item::Bytes(bytes))?;
                }
                op::BINBYTES8 => {
                    let bytes = self.cursor.take8()?;
                    self.push(Item::Bytes(bytes))?;
                }
                op::BYTEARRAY8 => {
                    let bytes = self.cursor.take8()?;
                    self.push(Item::ByteArray(bytes))?;
                }
                op::LONG1 => {
                    let bytes = self.cursor.take1()?;
                    self.long(bytes)?;
                }
                op::LONG4 => {
                    let bytes = self.cursor.take_signed4()?;
                    self.long(bytes)?;
                }
                op::STACK_GLOBAL => {
                    let [module, name] = self.pop_array()?;
                    let names = self.arena.cow(&module).zip(self.arena.cow(&name));
                    let (module, name) = names.ok_or(Flaw::malformed("a class whose name is no text"))?;
                    self.class(module, name)?;
                }
                op::GLOBAL => {
                    let module = Cow::Borrowed(self.cursor.text_line()?);
                    let name = Cow::Borrowed(self.cursor.text_line()?);
                    self.class(module, name)?;
                }
                op::REDUCE => {
                    let [callable, args] = self.pop_array()?;
                    self.object(How::Call, callable, args, None)?;
                }
                op::NEWOBJ => {
                    let [class, args] = self.pop_array()?;
                    self.object(How::New, class, args, None)?;
                }
                op::NEWOBJ_EX => {
                    let [class, args, kwargs] = self.pop_array()?;
                    self.object(How::NewWithNames, class, args, Some(kwargs))?;
                }
                op::INST => {
                    let module = Cow::Borrowed(self.cursor.text_line()?);
                    let name = Cow::Borrowed(self.cursor.text_line()?);
                    let count = self.unmark()?;
                    self.container(Item::Tuple, count)?;
                    self.class(module, name)?;
                    let [args, class] = self.pop_array()?;
                    self.instance(class, args)?;
                }
                op::OBJ => {
                    let count = self.unmark()?.checked_sub(1).ok_or(UNDERFLOW)?;
                    self.container(Item::Tuple, count)?;
                    let [class, args] = self.pop_array()?;
                    self.instance(class, args)?;
                }
                op::BUILD => self.build()?,
                op::POP => self.drop_top()?,
                op::POP_MARK => {
                    let count = self.unmark()?;
                    for item in self.pop(count)? {
                        kept(&item)?;
                    }
                }
                op::DUP => {
                    let top = self.top()?;
                    self.again(top)?;
                }
                _ => self.old(code)?,
            }
        }
    }

    /// The opcodes that few pickles have.
    #[inline(never)]
    fn old(&mut self, code: u8) -> Result<(), Flaw> {
        match code {
            op::INT => match self.cursor.text_line()? {
                "00" => self.push(Item::Bool(false)),
                "01" => self.push(Item::Bool(true)),
                digits => self.decimal(digits),
            },
            op::LONG => {
                let digits = self.cursor.text_line()?;
                self.decimal(digits.strip_suffix('L').unwrap_or(digits))
            }
            op::FLOAT => {
                let number =
                    self.cursor.text_line()?.parse().map_err(|_| Flaw::malformed("a number that is none"))?;
                self.push(Item::Float(number))
            }
            op::UNICODE => {
                let line = self.cursor.line()?;
                let item = escapes::unicode(line, &mut self.arena.text)?;
                self.push(item)
            }
            op::STRING => {
                let line = self.cursor.line()?;
                let item = escapes::string(line, &mut self.arena.text)?;
                self.push(item)
            }
            op::BINSTRING => {
                let bytes = self.cursor.take_signed4()?;
                self.push(escapes::ascii(bytes)?)
            }
            op::SHORT_BINSTRING => {
                let bytes = self.cursor.take1()?;
                self.push(escapes::ascii(bytes)?)
            }
            op::GET => {
                let index = self.index()?;
                self.get(index)
            }
            op::PUT => {
                let index = self.index()?;
                self.put(index)
            }
            op::PERSID | op::BINPERSID => Err(PERSISTENT),
            op::EXT1 | op::EXT2 | op::EXT4 => Err(EXTENSION),
            op::NEXT_BUFFER | op::READONLY_BUFFER => Err(OUT_OF_BAND),
            _ => Err(Flaw::malformed("an unknown operation")),
        }
    }

    #[inline]
    fn push(&mut self, item: Item<'de>) -> Result<(), Flaw> {
        if self.stack.len() >= self.limits.nodes {
            return Err(Flaw::TOO_MANY);
        }
        self.stack.push(item);
        Ok(())
    }

    fn top(&self) -> Result<Item<'de>, Flaw> {
        match self.stack.last() {
            Some(top) if self.stack.len() > self.fence => Ok(*top),
            _ => Err(UNDERFLOW),
        }
    }

    /// Checks that `count` items lie above the fence.
    fn has(&self, count: usize) -> Result<usize, Flaw> {
        let below = self.stack.len().checked_sub(count).ok_or(UNDERFLOW)?;
        if below < self.fence { Err(UNDERFLOW) } else { Ok(below) }
    }

    fn pop(&mut self, count: usize) -> Result<std::vec::Drain<'_, Item<'de>>, Flaw> {
        let below = self.has(count)?;
        Ok(self.stack.drain(below..))
    }

    fn pop_array<const N: usize>(&mut self) -> Result<[Item<'de>; N], Flaw> {
        let below = self.has(N)?;
        let items = *self.stack.last_chunk().ok_or(UNDERFLOW)?;
        self.stack.truncate(below);
        Ok(items)
    }

    fn mark(&mut self) -> Result<(), Flaw> {
        if self.marks.len() >= self.limits.nodes {
            return Err(Flaw::TOO_MANY);
        }
        self.fence = self.stack.len();
        self.marks.push(self.fence as u32);
        Ok(())
    }

    /// Takes the last mark away; how many items lie above it.
    fn unmark(&mut self) -> Result<usize, Flaw> {
        let mark = self.marks.pop().ok_or(Flaw::malformed("an operation lacks its mark"))?;
        self.fence = self.marks.last().map_or(0, |&mark| mark as usize);
        Ok(self.stack.len() - mark as usize)
    }

    fn put(&mut self, index: usize) -> Result<(), Flaw> {
        let item = Some(self.top()?);
        if index == self.memo.len() && index < self.longest_memo {
            self.memo.push(item);
            self.memoized += 1;
            return Ok(());
        }
        // No pickle has more places than bytes.
        if index >= self.longest_memo {
            return Err(Flaw::limit("its memo is larger than the limit allows"));
        }
        if index > self.memo.len() {
            self.memo.resize(index + 1, None);
        }
        if let Some(place) = self.memo.get_mut(index) {
            self.memoized += usize::from(place.is_none());
            *place = item;
        }
        Ok(())
    }

    fn get(&mut self, index: usize) -> Result<(), Flaw> {
        let item = self.memo.get(index).copied().flatten();
        self.again(item.ok_or(Flaw::malformed("a memo's place that is empty"))?)
    }

    /// Pushes an item that has another place already.
    fn again(&mut self, item: Item<'de>) -> Result<(), Flaw> {
        self.shared |= item.is_node();
        self.repeated += item.len() as u64;
        self.push(item)
    }

    fn index(&mut self) -> Result<usize, Flaw> {
        self.cursor.text_line()?.parse().map_err(|_| Flaw::malformed("a memo's place that is no number"))
    }

    fn long(&mut self, bytes: &'de [u8]) -> Result<(), Flaw> {
        if bytes.len() > self.limits.integer {
            return Err(escapes::INTEGER);
        }
        let item = match (bytes.len(), bytes.last()) {
            (0..=8, last) => {
                let sign = if last.is_some_and(|&byte| byte >= 0x80) { 0xff } else { 0 };
                let mut wide = [sign; 8];
                wide.iter_mut().zip(bytes).for_each(|(wide, &byte)| *wide = byte);
                Item::Int(i64::from_le_bytes(wide))
            }
            _ => Item::Long(bytes),
        };
        self.push(item)
    }

    fn decimal(&mut self, digits: &'de str) -> Result<(), Flaw> {
        self.push(escapes::integer(digits, self.limits.integer)?)
    }

    /// Refuses `more` items beyond the limit.
    fn room(&self, more: usize) -> Result<(), Flaw> {
        let full = self.arena.attached() + more > self.limits.nodes
            || self.arena.nodes.len() + self.arena.objects.len() >= self.limits.nodes;
        if full { Err(Flaw::TOO_MANY) } else { Ok(()) }
    }

    /// A new container of the top `count` items.
    fn container(&mut self, kind: fn(u32) -> Item<'de>, count: usize) -> Result<(), Flaw> {
        self.room(count)?;
        let below = self.has(count)?;
        let items = self.stack.get(below..).unwrap_or_default();
        let node = self.arena.node(items)?;
        self.stack.truncate(below);
        self.push(kind(node))
    }

    /// Adds the top `count` items to the container below them, that `node` makes of it.
    fn extend(
        &mut self,
        count: usize,
        node: impl FnOnce(&mut Arena<'de>, Item<'de>) -> Result<u32, Flaw>,
    ) -> Result<(), Flaw> {
        self.room(count)?;
        let below = self.has(count + 1)?;
        let Some([target, items @ ..]) = self.stack.get(below..) else { return Err(UNDERFLOW) };
        let node = node(&mut self.arena, *target)?;
        self.arena.extend(node, items)?;
        if let Item::Object(object) = *target {
            self.arena.deepen(object)?;
        }
        self.stack.truncate(below + 1);
        Ok(())
    }

    fn append(&mut self, count: usize) -> Result<(), Flaw> {
        self.extend(count, |arena, target| match target {
            Item::List(node) => Ok(node),
            Item::Object(object) => part(arena, object, LIST),
            _ => Err(Flaw::malformed("items for what is no list")),
        })
    }

    fn set_items(&mut self, count: usize) -> Result<(), Flaw> {
        pairs(count)?;
        self.extend(count, |arena, target| match target {
            Item::Dict(node) => Ok(node),
            Item::Object(object) => part(arena, object, DICT),
            _ => Err(Flaw::malformed("keys and values for what is no dict")),
        })
    }

    fn add_items(&mut self, count: usize) -> Result<(), Flaw> {
        self.extend(count, |_, target| match target {
            Item::Set(node) => Ok(node),
            Item::Object(_) => Err(ORDER),
            _ => Err(Flaw::malformed("members for what is no set")),
        })
    }

    fn class(&mut self, module: Cow<'de, str>, name: Cow<'de, str>) -> Result<(), Flaw> {
        if self.arena.classes.len() >= self.limits.nodes {
            return Err(Flaw::TOO_MANY);
        }
        let index = self.arena.classes.len() as u32;
        self.arena.classes.push(Class::new(module, name, self.protocol));
        self.push(Item::Class(index))
    }

    fn object(
        &mut self,
        how: How,
        callable: Item<'de>,
        args: Item<'de>,
        kwargs: Option<Item<'de>>,
    ) -> Result<(), Flaw> {
        self.room(0)?;
        let callable_fits = match callable {
            Item::Class(_) => true,
            // What has a type here is nothing that Python could call.
            Item::Object(row) => how == How::Call && matches!(self.arena.typed(row), Typed::Opaque),
            _ => false,
        };
        if !callable_fits || !matches!(args, Item::Tuple(_)) || !matches!(kwargs, None | Some(Item::Dict(_)))
        {
            return Err(Flaw::malformed("an object without its class or its arguments"));
        }
        let mut parts = [Item::None; 6];
        parts[CALLABLE] = callable;
        parts[ARGS] = args;
        parts[KWARGS] = kwargs.unwrap_or(Item::None);
        let object = self.arena.object(how, parts)?;
        self.push(object)
    }

    /// Python 2's way to make an object: without arguments it calls no `__init__`.
    fn instance(&mut self, class: Item<'de>, args: Item<'de>) -> Result<(), Flaw> {
        let none = self.arena.tuple(&args).is_some_and(<[_]>::is_empty);
        self.object(if none { How::New } else { How::Call }, class, args, None)
    }

    fn build(&mut self) -> Result<(), Flaw> {
        let [target, state] = self.pop_array()?;
        let Item::Object(index) = target else { return Err(Flaw::malformed("state for what is no object")) };
        let object = self.arena.objects.get_mut(index as usize).ok_or(UNDERFLOW)?;
        if object.has_state {
            return Err(ORDER);
        }
        object.has_state = true;
        object.parts[STATE] = state;
        self.arena.deepen(index)?;
        self.push(target)
    }

    fn drop_top(&mut self) -> Result<(), Flaw> {
        if self.stack.len() == self.fence {
            return self.unmark().map(drop);
        }
        let [item] = self.pop_array()?;
        kept(&item)
    }

    fn stop(&mut self) -> Result<Item<'de>, Flaw> {
        let [root] = self.pop_array()?;
        if !self.stack.is_empty() || !self.marks.is_empty() {
            return Err(Flaw::malformed("values are left over at its end"));
        }
        Ok(root)
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

/// An object that is made and not kept was made for a side effect.
fn kept(item: &Item<'_>) -> Result<(), Flaw> {
    if matches!(item, Item::Object(_)) { Err(THROWN_AWAY) } else { Ok(()) }
}

fn pairs(count: usize) -> Result<(), Flaw> {
    if count.is_multiple_of(2) { Ok(()) } else { Err(Flaw::malformed("a key without its value")) }
}
