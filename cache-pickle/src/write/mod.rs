//! The writer: opcodes of protocol 4, in frames as CPython makes them.

mod memo;

use crate::error::{Error, Flaw};
use crate::limits::Limits;
use crate::opcode as op;
use memo::Memo;

/// A frame ends at the first value after this many bytes, and longer strings lie outside of frames.
const FRAME_TARGET: usize = 64 * 1024;

/// The opcode and the length.
const FRAME_HEADER: usize = 9;

/// A pickle that is being written.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) out: Vec<u8>,
    /// What has been written before, and where the open frame begins. Absent in a fragment, which
    /// becomes part of another writer's frame.
    document: Option<Document>,
    limits: Limits,
    /// How many values were written inside the first, as [`Limits::nodes`] counts them.
    values: usize,
    /// The bytes of the largest integer.
    integer: usize,
    /// The bytes of text that were named again, as the reader counts them against [`Limits::growth`].
    repeated: u64,
}

/// A value's opcodes, and what has to be known of them to write them into a pickle.
#[derive(Debug)]
pub(crate) struct Fragment {
    pub(crate) opcodes: Vec<u8>,
    pub(crate) values: usize,
    pub(crate) integer: usize,
}

#[derive(Debug)]
struct Document {
    memo: Memo,
    frame: usize,
}

impl Writer {
    /// A whole pickle.
    pub(crate) fn new(limits: &Limits) -> Self {
        let mut writer = Self { out: Vec::with_capacity(128), ..Self::fragment() };
        writer.limits = *limits;
        writer.out.extend([op::PROTO, 4]);
        let frame = writer.open_frame();
        writer.document = Some(Document { memo: Memo::default(), frame });
        writer
    }

    /// The opcodes of one value, to be written into a pickle with [`include`](Self::include), which
    /// has the limits.
    pub(crate) fn fragment() -> Self {
        Self { out: Vec::new(), document: None, limits: Limits::NONE, values: 0, integer: 0, repeated: 0 }
    }

    pub(crate) fn into_fragment(self) -> Fragment {
        Fragment { opcodes: self.out, values: self.values, integer: self.integer }
    }

    /// Writes a fragment.
    pub(crate) fn include(&mut self, fragment: &[u8], values: usize, integer: usize) -> Result<(), Flaw> {
        self.raw(fragment);
        self.integer = self.integer.max(integer);
        self.count(values)
    }

    /// Ends the pickle.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, Error> {
        self.out.push(op::STOP);
        self.close_frame();
        if self.integer > self.limits.integer {
            return Err(Flaw::INTEGER.into());
        }
        if self.out.len() > self.limits.longest() {
            return Err(Flaw::TOO_LONG.into());
        }
        Ok(self.out)
    }

    /// Counts values inside the first. What is refused here, no reader with the same limits takes.
    #[inline]
    pub(crate) fn count(&mut self, values: usize) -> Result<(), Flaw> {
        self.values = self.values.saturating_add(values);
        if self.values > self.limits.nodes {
            return Err(Flaw::TOO_MANY);
        }
        if self.out.len() > self.limits.longest() { Err(Flaw::TOO_LONG) } else { Ok(()) }
    }

    fn open_frame(&mut self) -> usize {
        let frame = self.out.len();
        self.out.push(op::FRAME);
        self.out.extend([0; FRAME_HEADER - 1]);
        frame
    }

    fn close_frame(&mut self) {
        let Some(Document { frame, .. }) = self.document else { return };
        let content = frame + FRAME_HEADER;
        let len = self.out.len() - content;
        if len < 4 {
            // CPython makes no frames that short.
            self.out.drain(frame..content);
        } else if let Some(place) = self.out.get_mut(frame + 1..content) {
            place.copy_from_slice(&(len as u64).to_le_bytes());
        }
    }

    fn next_frame(&mut self) {
        self.close_frame();
        let frame = self.open_frame();
        if let Some(document) = &mut self.document {
            document.frame = frame;
        }
    }

    #[inline]
    pub(crate) fn op(&mut self, code: u8) {
        self.out.push(code);
    }

    /// Between two values: the only place where a frame may end.
    #[inline]
    pub(crate) fn boundary(&mut self) {
        if let Some(Document { frame, .. }) = self.document
            && self.out.len() - frame > FRAME_TARGET
        {
            self.next_frame();
        }
    }

    pub(crate) fn bool(&mut self, bool: bool) {
        self.op(if bool { op::NEWTRUE } else { op::NEWFALSE });
    }

    pub(crate) fn int(&mut self, n: i64) {
        if let Ok(n) = u8::try_from(n) {
            self.out.extend([op::BININT1, n]);
        } else if let Ok(n) = u16::try_from(n) {
            let [low, high] = n.to_le_bytes();
            self.out.extend([op::BININT2, low, high]);
        } else if let Ok(n) = i32::try_from(n) {
            self.op(op::BININT);
            self.out.extend(n.to_le_bytes());
        } else {
            self.long(&n.to_le_bytes());
        }
    }

    /// An integer in two's complement, little-endian, of any length.
    pub(crate) fn long(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        // Bytes that only repeat the sign.
        while let [rest @ .., next, last] = bytes
            && ((*last == 0 && *next < 0x80) || (*last == 0xff && *next >= 0x80))
        {
            bytes = bytes.get(..rest.len() + 1).unwrap_or_default();
        }
        self.integer = self.integer.max(bytes.len());
        if let Ok(len) = u8::try_from(bytes.len()) {
            self.out.extend([op::LONG1, len]);
        } else {
            self.op(op::LONG4);
            self.out.extend((bytes.len() as u32).to_le_bytes());
        }
        self.out.extend(bytes);
    }

    pub(crate) fn float(&mut self, number: f64) {
        self.op(op::BINFLOAT);
        self.out.extend(number.to_be_bytes());
    }

    pub(crate) fn str(&mut self, text: &str) {
        self.sized([op::SHORT_BINUNICODE, op::BINUNICODE, op::BINUNICODE8], text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.sized([op::SHORT_BINBYTES, op::BINBYTES, op::BINBYTES8], bytes);
    }

    #[inline]
    fn sized(&mut self, [short, medium, long]: [u8; 3], bytes: &[u8]) {
        if let Ok(len) = u8::try_from(bytes.len()) {
            self.out.extend([short, len]);
            self.out.extend_from_slice(bytes);
            return;
        }
        let outside = bytes.len() >= FRAME_TARGET && self.document.is_some();
        if outside {
            self.close_frame();
        }
        if let Ok(len) = u32::try_from(bytes.len()) {
            self.op(medium);
            self.out.extend(len.to_le_bytes());
        } else {
            self.op(long);
            self.out.extend((bytes.len() as u64).to_le_bytes());
        }
        self.out.extend_from_slice(bytes);
        if outside {
            let frame = self.open_frame();
            if let Some(document) = &mut self.document {
                document.frame = frame;
            }
        }
    }

    /// Text that is likely to come again: the key of a dict, say. The second time is a reference,
    /// which is shorter and which Python reads faster.
    pub(crate) fn key(&mut self, text: &str) {
        let Some(document) = &mut self.document else { return self.str(text) };
        if let Some(index) = document.memo.find(text, &self.out) {
            return if self.repeats(text.len()) { self.get(index) } else { self.str(text) };
        }
        self.str(text);
        let Some(document) = &mut self.document else { return };
        if document.memo.add(text, self.out.len()) {
            self.op(op::MEMOIZE);
        }
    }

    /// Whether a reader with the same limits allows this many more repeated bytes. If so, they are counted.
    #[inline]
    fn repeats(&mut self, bytes: usize) -> bool {
        let repeated = self.repeated.saturating_add(bytes as u64);
        let fits = repeated <= self.limits.expanded(self.out.len());
        if fits {
            self.repeated = repeated;
        }
        fits
    }

    fn get(&mut self, index: u32) {
        if let Ok(index) = u8::try_from(index) {
            self.out.extend([op::BINGET, index]);
        } else {
            self.op(op::LONG_BINGET);
            self.out.extend(index.to_le_bytes());
        }
    }

    pub(crate) fn class(&mut self, module: &str, name: &str) {
        self.key(module);
        self.key(name);
        self.op(op::STACK_GLOBAL);
    }

    /// One of the classes that this crate knows: found in the memo after its first time, because
    /// Python looks a class up whenever it is named.
    pub(crate) fn known_class(&mut self, module: &'static str, name: &'static str) {
        if let Some(document) = &self.document
            && let Some(index) = document.memo.find_class(module, name)
        {
            let fits = self.repeats(module.len() + name.len());
            return if fits { self.get(index) } else { self.class(module, name) };
        }
        self.class(module, name);
        if let Some(document) = &mut self.document {
            document.memo.add_class(module, name);
            self.op(op::MEMOIZE);
        }
    }

    pub(crate) fn raw(&mut self, opcodes: &[u8]) {
        self.out.extend_from_slice(opcodes);
    }
}
