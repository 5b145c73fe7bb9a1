//! Requests as bytes: meta commands, and the classic text commands.

use bytes::Bytes;
use cache_core::{Error, Key, Result};
use memcache::exp::{MetaCommand, MetaOp};

/// A command and the data after it.
#[derive(Debug)]
pub(crate) struct Command {
    line: MetaCommand,
    data: Option<Bytes>,
}

/// When `ms` stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// Replaces any item.
    Always,
    /// Stores only if the key has no item.
    Absent,
    /// Replaces the item of this CAS token.
    Unchanged(u64),
    /// Like one of the two, and the reply has the new item's CAS token.
    WithCas(Option<u64>),
}

impl Command {
    /// `mg`: the value and its flags.
    pub(crate) fn get(key: Key<'_>) -> Self {
        Self::line(MetaOp::Get, key, &["v", "f"])
    }

    /// `mg`: the value, its flags, its CAS token and its remaining seconds.
    pub(crate) fn get_whole(key: Key<'_>) -> Self {
        Self::line(MetaOp::Get, key, &["v", "f", "c", "t"])
    }

    /// `mg`: its CAS token, without counting as a use.
    pub(crate) fn get_cas(key: Key<'_>) -> Self {
        Self::line(MetaOp::Get, key, &["c", "u"])
    }

    /// `mg`: whether the item exists, without counting as a use.
    pub(crate) fn has(key: Key<'_>) -> Self {
        Self::line(MetaOp::Get, key, &["u"])
    }

    /// `mg`: a new lifetime.
    pub(crate) fn touch(key: Key<'_>, exptime: u32) -> Self {
        Self::line(MetaOp::Get, key, &[&format!("T{exptime}")])
    }

    /// `ms`.
    pub(crate) fn set(key: Key<'_>, (flags, data): (u32, Bytes), exptime: u32, store: Store) -> Self {
        // The length stands before the flags. The crate would write it itself, of a copy of the
        // data that it owns.
        let mut line = MetaCommand::new(MetaOp::Set, key.as_bytes()).flag(data.len().to_string());
        line = match store {
            Store::Always => line,
            Store::Absent => line.flag("ME"),
            Store::Unchanged(cas) => line.flag(format!("C{cas}")),
            Store::WithCas(None) => line.flag("ME").flag("c"),
            Store::WithCas(Some(cas)) => line.flag(format!("C{cas}")).flag("c"),
        };
        if flags != 0 {
            line = line.flag(format!("F{flags}"));
        }
        if exptime != 0 {
            line = line.flag(format!("T{exptime}"));
        }
        Self { line, data: Some(data) }
    }

    /// `ma`: adds `delta` to the item of this CAS token.
    pub(crate) fn count(key: Key<'_>, delta: i64, cas: u64) -> Self {
        let mode = if delta < 0 { "MD" } else { "MI" };
        Self::line(
            MetaOp::Arithmetic,
            key,
            &[mode, &format!("D{}", delta.unsigned_abs()), &format!("C{cas}")],
        )
    }

    /// `md`.
    pub(crate) fn delete(key: Key<'_>) -> Self {
        Self::line(MetaOp::Delete, key, &[])
    }

    /// `md`: only the item of this CAS token.
    pub(crate) fn delete_unchanged(key: Key<'_>, cas: u64) -> Self {
        Self::line(MetaOp::Delete, key, &[&format!("C{cas}")])
    }

    fn line(op: MetaOp, key: Key<'_>, flags: &[&str]) -> Self {
        let line = MetaCommand::new(op, key.as_bytes());
        Self { line: flags.iter().fold(line, |line, &flag| line.flag(flag)), data: None }
    }
}

/// Room for the line of most commands.
const USUAL_LINE: usize = 64;

/// The form of a request's replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplyForm {
    /// Replies of the meta protocol.
    Meta,
    /// The same. Each command carries its place, which its reply must show.
    Numbered,
    /// One plain line, which begins like this.
    Line(&'static str),
    /// Statistics: plain lines up to `END`.
    Statistics,
}

/// One command or several, in the bytes that are sent.
#[derive(Debug)]
pub(crate) struct Request {
    lines: Vec<u8>,
    /// The data blocks, each with its place: the number of bytes of the lines before it. They are not copied before
    /// they are sent.
    data: Vec<(usize, Bytes)>,
    /// How many bytes it has.
    pub(crate) len: usize,
    pub(crate) form: ReplyForm,
    /// How many replies it has.
    pub(crate) replies: usize,
}

impl Request {
    const fn new(form: ReplyForm) -> Self {
        Self { lines: Vec::new(), data: Vec::new(), len: 0, form, replies: 0 }
    }

    /// One command.
    pub(crate) fn one(command: Command) -> Result<Self> {
        let mut request = Self { lines: Vec::with_capacity(USUAL_LINE), ..Self::new(ReplyForm::Meta) };
        request.push(command)?;
        Ok(request)
    }

    /// No command yet; each is numbered.
    pub(crate) const fn many() -> Self {
        Self::new(ReplyForm::Numbered)
    }

    /// Asks for the server's version.
    pub(crate) fn version() -> Self {
        Self::plain("version\r\n", ReplyForm::Line("VERSION "))
    }

    /// Empties the server.
    pub(crate) fn flush_all() -> Self {
        Self::plain("flush_all\r\n", ReplyForm::Line("OK"))
    }

    /// Asks for the server's statistics.
    pub(crate) fn stats() -> Self {
        Self::plain("stats\r\n", ReplyForm::Statistics)
    }

    /// A command from before the meta protocol.
    fn plain(line: &str, form: ReplyForm) -> Self {
        Self { lines: line.into(), len: line.len(), replies: 1, ..Self::new(form) }
    }

    /// The name of the first command, for an error: never a key or a value.
    pub(crate) fn name(&self) -> &str {
        let word = self.lines.split(|&b| b == b' ' || b == b'\r').next().unwrap_or_default();
        std::str::from_utf8(word).unwrap_or_default()
    }

    /// Adds a command.
    pub(crate) fn push(&mut self, command: Command) -> Result<()> {
        let Command { mut line, data } = command;
        if self.form == ReplyForm::Numbered {
            line = line.flag(format!("O{}", self.replies));
        }
        let before = self.lines.len();
        line.encode_into(&mut self.lines)
            .map_err(|e| Error::storage("a memcached command cannot be written").with_source(e))?;
        self.len += self.lines.len() - before;
        if let Some(data) = data {
            self.len += data.len() + 2;
            self.data.push((self.lines.len(), data));
        }
        self.replies += 1;
        Ok(())
    }

    /// Appends its bytes to `out`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.len);
        let mut written = 0;
        for (end, data) in &self.data {
            out.extend_from_slice(&self.lines[written..*end]);
            out.extend_from_slice(data);
            out.extend_from_slice(b"\r\n");
            written = *end;
        }
        out.extend_from_slice(&self.lines[written..]);
    }
}
