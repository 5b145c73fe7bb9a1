//! The machine: a stack, marks on it, and a memo.

use crate::error::Flaw;
use crate::limits::Limits;
use crate::opcode as op;
use crate::read::arena::{Arena, How};
use crate::read::cursor::{Cursor, utf8};
use crate::read::escapes;
use crate::read::item::Item;

#[derive(Debug)]
pub(crate) struct Machine<'de, 'l> {
    pub(super) cursor: Cursor<'de>,
    pub(super) limits: &'l Limits,
    pub(super) protocol: u8,
    pub(super) stack: Vec<Item<'de>>,
    /// Heights of the stack.
    pub(super) marks: Vec<u32>,
    /// The last mark: what lies below belongs to somebody else.
    pub(super) fence: usize,
    pub(super) memo: Vec<Option<Item<'de>>>,
    /// How many of the memo's places are taken.
    pub(super) memoized: usize,
    pub(super) longest_memo: usize,
    pub(super) arena: Arena<'de>,
    /// Whether a container has been named twice.
    pub(super) shared: bool,
    /// Bytes of text and the like that were named again.
    pub(super) repeated: u64,
}

pub(super) const UNDERFLOW: Flaw = Flaw::malformed("an operation lacks its operands");
const PERSISTENT: Flaw = Flaw::unsupported("it refers to objects outside of it (persistent ids)");
const EXTENSION: Flaw = Flaw::unsupported("it refers to a registry of classes (extension codes)");
const OUT_OF_BAND: Flaw = Flaw::unsupported("it refers to buffers outside of it (protocol 5)");
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
            longest_memo: input.len().min(limits.items()),
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
                    self.class(module, name)?;
                }
                op::GLOBAL => {
                    let module = Item::Str(self.cursor.text_line()?);
                    let name = Item::Str(self.cursor.text_line()?);
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
                    let module = Item::Str(self.cursor.text_line()?);
                    let name = Item::Str(self.cursor.text_line()?);
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
                op::POP_MARK => self.drop_marked()?,
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
                    self.cursor.text_line()?.parse().map_err(|_| Flaw::malformed("an invalid number"))?;
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

    fn index(&mut self) -> Result<usize, Flaw> {
        self.cursor.text_line()?.parse().map_err(|_| Flaw::malformed("a memo's place that is not a number"))
    }

    fn long(&mut self, bytes: &'de [u8]) -> Result<(), Flaw> {
        if bytes.len() > self.limits.integer {
            return Err(Flaw::INTEGER);
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

    fn stop(&mut self) -> Result<Item<'de>, Flaw> {
        let [root] = self.pop_array()?;
        if !self.stack.is_empty() || !self.marks.is_empty() {
            return Err(Flaw::malformed("values are left over at its end"));
        }
        Ok(root)
    }
}

pub(super) fn pairs(count: usize) -> Result<(), Flaw> {
    if count.is_multiple_of(2) { Ok(()) } else { Err(Flaw::malformed("a key without its value")) }
}
