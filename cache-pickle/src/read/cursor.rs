//! What is left of the input.

use crate::error::Flaw;

#[derive(Debug)]
pub(crate) struct Cursor<'de> {
    rest: &'de [u8],
}

impl<'de> Cursor<'de> {
    pub(crate) fn new(input: &'de [u8]) -> Self {
        Self { rest: input }
    }

    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Flaw> {
        let (&byte, rest) = self.rest.split_first().ok_or(Flaw::TRUNCATED)?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (&array, rest) = self.rest.split_first_chunk().ok_or(Flaw::TRUNCATED)?;
        self.rest = rest;
        Ok(array)
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'de [u8], Flaw> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Flaw::TRUNCATED)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes the number of bytes that the next byte gives.
    #[inline]
    pub(crate) fn take1(&mut self) -> Result<&'de [u8], Flaw> {
        let len = self.byte()?;
        self.take(usize::from(len))
    }

    pub(crate) fn take4(&mut self) -> Result<&'de [u8], Flaw> {
        let len = u32::from_le_bytes(self.array()?);
        self.take(len as usize)
    }

    /// The same with a signed length.
    pub(crate) fn take_signed4(&mut self) -> Result<&'de [u8], Flaw> {
        let len = i32::from_le_bytes(self.array()?);
        self.take(usize::try_from(len).map_err(|_| Flaw::malformed("a length below zero"))?)
    }

    pub(crate) fn take8(&mut self) -> Result<&'de [u8], Flaw> {
        let len = u64::from_le_bytes(self.array()?);
        self.take(usize::try_from(len).map_err(|_| Flaw::TRUNCATED)?)
    }

    /// Up to the end of the line, which is taken too.
    pub(crate) fn line(&mut self) -> Result<&'de [u8], Flaw> {
        let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or(Flaw::TRUNCATED)?;
        let line = self.take(end)?;
        self.byte()?;
        Ok(line)
    }

    pub(crate) fn text_line(&mut self) -> Result<&'de str, Flaw> {
        utf8(self.line()?)
    }
}

#[inline]
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Flaw> {
    std::str::from_utf8(bytes).map_err(|_| {
        Flaw::unsupported("a string is not UTF-8 (Python allows lone surrogates, Unicode does not)")
    })
}
