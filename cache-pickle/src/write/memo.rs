//! The values that a pickle refers back to: short strings and classes.

/// How many strings are remembered; a later one takes the place of an earlier.
const PLACES: usize = 256;

/// Longer strings are not worth a comparison.
const LONGEST: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Memo {
    /// How many MEMOIZE opcodes were written: the next one's number.
    next: u32,
    /// By a hash of the text.
    strings: Vec<Option<Text>>,
    classes: Vec<(&'static str, &'static str, u32)>,
}

/// A string in the output.
#[derive(Clone, Copy, Debug)]
struct Text {
    start: usize,
    len: usize,
    index: u32,
}

impl Memo {
    /// The number of `text`, if it was written to `out` before and is still remembered.
    pub(crate) fn find(&self, text: &str, out: &[u8]) -> Option<u32> {
        let known = (*self.strings.get(place(text)?)?)?;
        let before = out.get(known.start..known.start + known.len)?;
        (before == text.as_bytes()).then_some(known.index)
    }

    /// Remembers `text`, which has just been written to the output up to `end`; says whether it
    /// is to be followed by MEMOIZE.
    pub(crate) fn add(&mut self, text: &str, end: usize) -> bool {
        let Some(place) = place(text) else { return false };
        if self.strings.is_empty() {
            self.strings = vec![None; PLACES];
        }
        let (len, index) = (text.len(), self.next);
        if let Some(place) = self.strings.get_mut(place) {
            *place = Some(Text { start: end - len, len, index });
        }
        self.next += 1;
        true
    }

    pub(crate) fn find_class(&self, module: &'static str, name: &'static str) -> Option<u32> {
        let found = self.classes.iter().find(|known| (known.0, known.1) == (module, name));
        found.map(|&(_, _, index)| index)
    }

    /// Remembers a class that is followed by MEMOIZE.
    pub(crate) fn add_class(&mut self, module: &'static str, name: &'static str) {
        self.classes.push((module, name, self.next));
        self.next += 1;
    }
}

/// Where `text` is remembered, if it is of a length for that.
fn place(text: &str) -> Option<usize> {
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    // FNV-1a.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Some((hash >> 32) as usize % PLACES)
}
