//! [`Incoming`]: bytes that have come, as lines and as blocks whose length was announced.

use std::fmt;

/// The bytes that wait to be read: longer than any line.
const BUFFER: usize = 16 * 1024;

/// A block's memory grows with what has come of it, and not with what was announced. With the buffer
/// less than 64 KiB are held for what never comes.
const FIRST_PIECE: usize = 32 * 1024;

/// A line that is too long, or a block without the end of line after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The bytes that came on a connection and were not taken yet. No I/O.
pub struct Incoming {
    buffer: Box<[u8]>,
    /// The part of the buffer that holds bytes.
    start: usize,
    end: usize,
    block: Option<Block>,
}

/// A block that is still coming.
struct Block {
    /// Its bytes, and the end of line after it; what is beyond `filled` is room.
    bytes: Vec<u8>,
    filled: usize,
    /// How long `bytes` will be.
    length: usize,
}

impl Block {
    const fn missing(&self) -> usize {
        self.length - self.filled
    }
}

impl Default for Incoming {
    fn default() -> Self {
        Self { buffer: vec![0; BUFFER].into(), start: 0, end: 0, block: None }
    }
}

/// No bytes: they may be a part of a value.
impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, missing) = (self.end - self.start, self.missing());
        f.debug_struct("Incoming").field("waiting", &waiting).field("missing", &missing).finish()
    }
}

impl Incoming {
    /// Whether every byte that came was taken, and no block is expected.
    pub const fn is_empty(&self) -> bool {
        self.start == self.end && self.block.is_none()
    }

    /// How many bytes of the expected block are still to come; 0 where none is.
    pub fn missing(&self) -> usize {
        self.block.as_ref().map_or(0, Block::missing)
    }

    /// The bytes of memory that the expected block holds.
    pub fn held(&self) -> usize {
        self.block.as_ref().map_or(0, |block| block.bytes.capacity())
    }

    /// Where the next bytes go; never empty. To be asked when nothing more can be taken.
    pub fn room(&mut self) -> &mut [u8] {
        match &mut self.block {
            // Long blocks go where they belong at once.
            Some(block) if self.start == self.end && block.missing() > BUFFER => {
                if block.filled == block.bytes.len() {
                    let more = block.missing().min(block.filled.max(FIRST_PIECE));
                    block.bytes.resize(block.filled + more, 0);
                }
                &mut block.bytes[block.filled..]
            }
            _ => {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
                &mut self.buffer[self.end..]
            }
        }
    }

    /// Says that `count` bytes were put into the [`room`](Self::room).
    pub fn filled(&mut self, count: usize) {
        match &mut self.block {
            Some(block) if self.start == self.end && block.missing() > BUFFER => block.filled += count,
            _ => self.end += count,
        }
    }

    /// Takes `bytes`, as far as they fit, as if they had just come, and returns how many it took. For callers that
    /// have them already, such as a test of a protocol.
    pub fn put(&mut self, bytes: &[u8]) -> usize {
        let room = self.room();
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.filled(count);
        count
    }

    /// The first of the bytes that were not taken.
    pub fn first(&self) -> Option<u8> {
        self.buffer[self.start..self.end].first().copied()
    }

    /// The next line, without the line feed that ends it; `None` if it is not whole yet.
    ///
    /// # Errors
    /// [`Malformed`] for 16 KiB without a line feed.
    pub fn line(&mut self) -> Result<Option<&[u8]>, Malformed> {
        let waiting = &self.buffer[self.start..self.end];
        let Some(length) = waiting.iter().position(|&b| b == b'\n') else {
            return if waiting.len() == BUFFER { Err(Malformed) } else { Ok(None) };
        };
        let line = self.start..self.start + length;
        self.start += length + 1;
        Ok(Some(&self.buffer[line]))
    }

    /// Says that a block of `length` bytes comes next, and CR LF after it.
    pub fn expect(&mut self, length: usize) {
        self.block = Some(Block { bytes: Vec::new(), filled: 0, length: length.saturating_add(2) });
    }

    /// Whether a [`block`](Self::block) comes next, and no line.
    pub const fn is_expecting(&self) -> bool {
        self.block.is_some()
    }

    /// The expected block; `None` if it is not whole yet.
    ///
    /// # Errors
    /// [`Malformed`] where no CR LF follows it.
    pub fn block(&mut self) -> Result<Option<Vec<u8>>, Malformed> {
        let Some(block) = &mut self.block else { return Ok(None) };
        let taken = block.missing().min(self.end - self.start);
        if taken > 0 {
            block.bytes.truncate(block.filled);
            block.bytes.extend_from_slice(&self.buffer[self.start..self.start + taken]);
            block.filled += taken;
            self.start += taken;
        }
        if block.missing() > 0 {
            return Ok(None);
        }
        let Some(Block { mut bytes, .. }) = self.block.take() else { return Ok(None) };
        if !bytes.ends_with(b"\r\n") {
            return Err(Malformed);
        }
        bytes.truncate(bytes.len() - 2);
        Ok(Some(bytes))
    }
}
