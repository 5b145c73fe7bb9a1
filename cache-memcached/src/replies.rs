//! [`Answer`]: the replies to a request, read from bytes as they come. No I/O.

use cache_net::{Incoming, Malformed, Verdict};
use memcache::exp::{MetaCommandResult, MetaResponse, parse_meta_result};

use crate::error::ErrorReply;
use crate::request::{ReplyForm, Request};

/// No line of the protocol is longer; the longest are statistics. Reading one takes a few copies of it.
const LONGEST_LINE: usize = 4 * 1024;

/// More lines than these cannot be statistics, of which a server has about 4 KiB.
const LONGEST_TEXT: usize = 16 * 1024;

/// A whole reply.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Of the meta protocol.
    Meta(MetaCommandResult),
    /// The server refuses the item.
    Refused(ErrorReply),
    /// A plain line, or the lines of statistics.
    Text(String),
}

/// Returns the statistic of this name in the text of a server's statistics.
pub(crate) fn statistic<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix("STAT ")?.strip_prefix(name)?.strip_prefix(' '))
}

/// The replies to one request, including the ones that are still to come.
#[derive(Debug)]
pub(crate) struct Answer {
    form: ReplyForm,
    /// How many replies are to come.
    missing: usize,
    /// How many have come.
    number: usize,
    /// The last may be the head of a value that is still coming.
    replies: Vec<Reply>,
    /// The first reply that is about the server or the connection rather than an item.
    failure: Option<ErrorReply>,
}

impl Answer {
    /// Makes the answer to `request` before any bytes have come.
    pub(crate) fn to(request: &Request) -> Self {
        let (form, missing) = (request.form, request.replies);
        Self { form, missing, number: 0, replies: Vec::with_capacity(missing), failure: None }
    }

    /// Returns the replies, or the one that says that the server cannot carry out the request.
    pub(crate) fn into_replies(self) -> Result<Vec<Reply>, ErrorReply> {
        self.failure.map_or(Ok(self.replies), Err)
    }

    /// Returns what it says about its connection.
    pub(crate) fn verdict(&self) -> Verdict {
        self.failure.as_ref().map_or(Verdict::Keep, ErrorReply::verdict)
    }

    /// Takes what has come. Returns true when nothing is missing.
    ///
    /// # Errors
    /// The bytes are not a reply to the request.
    pub(crate) fn read(&mut self, incoming: &mut Incoming) -> Result<bool, Malformed> {
        while self.missing > 0 {
            if incoming.is_expecting() {
                let Some(value) = incoming.block()? else { return Ok(false) };
                if let Some(Reply::Meta(head)) = self.replies.last_mut() {
                    head.value = Some(value);
                }
                self.one_came();
                continue;
            }
            let Some(line) = incoming.line()? else { return Ok(false) };
            let line = line.trim_ascii_end();
            if line.len() > LONGEST_LINE {
                return Err(Malformed);
            }
            if let Some(error) = ErrorReply::parse(line) {
                self.take_error(error);
            } else if matches!(self.form, ReplyForm::Line(_) | ReplyForm::Statistics) {
                self.take_text(&String::from_utf8_lossy(line))?;
            } else if let Some(length) = self.take_meta(line)? {
                incoming.expect(length);
            }
        }
        Ok(true)
    }

    const fn one_came(&mut self) {
        self.missing -= 1;
        self.number += 1;
    }

    fn take_error(&mut self, error: ErrorReply) {
        self.one_came();
        match error.verdict() {
            Verdict::Keep => self.replies.push(Reply::Refused(error)),
            Verdict::Broken => _ = self.failure.get_or_insert(error),
            // Nothing behind it is an answer to this request.
            _ => {
                self.missing = 0;
                self.failure = Some(error);
            }
        }
    }

    fn take_text(&mut self, line: &str) -> Result<(), Malformed> {
        let fits = match self.form {
            ReplyForm::Line(begin) => line.starts_with(begin),
            _ => line == "END" || line.starts_with("STAT "),
        };
        if !fits {
            self.take_error(ErrorReply::unknown(line.to_owned()));
            return Ok(());
        }
        match self.replies.last_mut() {
            // One text of all lines: a reply for each would take many times what came.
            Some(Reply::Text(text)) => {
                if text.len() + line.len() > LONGEST_TEXT {
                    return Err(Malformed);
                }
                text.push('\n');
                text.push_str(line);
            }
            _ => self.replies.push(Reply::Text(line.to_owned())),
        }
        if self.form != ReplyForm::Statistics || line == "END" {
            self.one_came();
        }
        Ok(())
    }

    /// Takes a line of the meta protocol. Returns the length of the value that follows.
    fn take_meta(&mut self, line: &[u8]) -> Result<Option<usize>, Malformed> {
        let reply = MetaResponse::parse_header(line).and_then(parse_meta_result).map_err(|_| Malformed)?;
        // A reply to something else would be taken for a value of this key.
        let is_numbered = self.form == ReplyForm::Numbered;
        if is_numbered && reply.opaque.as_deref() != Some(self.number.to_string().as_bytes()) {
            return Err(Malformed);
        }
        self.replies.push(Reply::Meta(reply));
        let Some(rest) = line.strip_prefix(b"VA ") else {
            self.one_came();
            return Ok(None);
        };
        // The crate has read the length, as a number up to 1 GiB, and keeps it to itself.
        let digits = rest.split(|&b| b == b' ').find(|word| !word.is_empty()).unwrap_or_default();
        std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).map(Some).ok_or(Malformed)
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    /// What has come of `count` replies when `bytes` have, in pieces of `piece` bytes.
    pub(super) fn read(
        bytes: &[u8],
        piece: usize,
        form: ReplyForm,
        count: usize,
    ) -> Result<Answer, Malformed> {
        let (mut incoming, mut rest) = (Incoming::default(), bytes);
        let mut answer = Answer { form, missing: count, number: 0, replies: Vec::new(), failure: None };
        while !answer.read(&mut incoming)? && !rest.is_empty() {
            let taken = incoming.put(&rest[..piece.min(rest.len())]);
            assert!(taken > 0, "no room");
            rest = &rest[taken..];
        }
        Ok(answer)
    }

    fn values(replies: &[Reply]) -> Vec<Option<&[u8]>> {
        replies
            .iter()
            .map(|reply| if let Reply::Meta(m) = reply { m.value.as_deref() } else { None })
            .collect()
    }

    #[test]
    fn whole_replies_however_they_come() {
        let large: Vec<u8> = (0..200_000_u32).map(|n| ((n * 7) >> 3) as u8).collect();
        let mut bytes =
            b"HD O0\r\nVA 4 f2 c7 t-1\r\n\r\n\r\n\r\nEN\r\nSERVER_ERROR object too large\r\n".to_vec();
        bytes.extend_from_slice(b"VA 200000 f0\r\n");
        bytes.extend_from_slice(&large);
        bytes.extend_from_slice(b"\r\nVA 0 f16\r\n\r\nNF\r\n");
        for piece in [1, 2, 3, 7, 100, 1_000, 16_383, 16_384, 70_000, 1 << 20] {
            let found = read(&bytes, piece, ReplyForm::Meta, 7).unwrap();
            assert_eq!(found.missing, 0);
            let found = found.replies;
            let expected = [None, Some(&b"\r\n\r\n"[..]), None, None, Some(&large[..]), Some(b""), None];
            assert!(values(&found) == expected, "pieces of {piece}");
            assert!(
                matches!(&found[1], Reply::Meta(m) if (m.cas, m.ttl, m.client_flags) == (Some(7), Some(-1), Some(2)))
            );
            assert!(matches!(&found[3], Reply::Refused(e) if e.is_too_large()));
        }
        let version = read(b"VERSION 1.6.18\r\n", 4, ReplyForm::Line("VERSION "), 1).unwrap().replies;
        assert!(matches!(&version[..], [Reply::Text(line)] if line == "VERSION 1.6.18"));
    }

    #[test]
    fn cut_anywhere_there_is_no_value() {
        let bytes = b"VA 10 f16\r\n0123456789\r\n";
        for cut in 0..bytes.len() {
            assert_eq!(read(&bytes[..cut], 100, ReplyForm::Meta, 1).unwrap().missing, 1, "cut after {cut}");
        }
        assert_eq!(
            values(&read(bytes, 100, ReplyForm::Meta, 1).unwrap().replies),
            [Some(&b"0123456789"[..])]
        );
    }

    #[test]
    fn error_replies_end_an_answer_where_nothing_behind_them_belongs_to_it() {
        for (bytes, form, missing, verdict) in [
            (&b"ERROR\r\n"[..], ReplyForm::Meta, 0, Verdict::OutOfStep),
            (b"CLIENT_ERROR bad data chunk\r\n", ReplyForm::Meta, 0, Verdict::OutOfStep),
            (b"ERROR Too many open connections\r\n", ReplyForm::Meta, 0, Verdict::Ends),
            (b"HD\r\nSERVER_ERROR temporary failure\r\n", ReplyForm::Meta, 1, Verdict::Broken),
            (b"SERVER_ERROR object too large for cache\r\n", ReplyForm::Meta, 2, Verdict::Keep),
            (b"-READONLY\r\n", ReplyForm::Line("OK"), 0, Verdict::OutOfStep),
            (b"STAT pid 1\r\nVERSION 1\r\n", ReplyForm::Statistics, 0, Verdict::OutOfStep),
        ] {
            let answer = read(bytes, 5, form, 3).unwrap();
            let name = String::from_utf8_lossy(bytes);
            assert_eq!((answer.missing, answer.verdict()), (missing, verdict), "{name}");
            assert_eq!(answer.into_replies().is_err(), verdict != Verdict::Keep, "{name}");
        }
    }

    #[test]
    fn what_is_not_a_reply_is_an_error() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"\r\n",
            b"VA\r\n",
            b"VA x\r\n",
            b"VA -1\r\n",
            b"VA 99999999999999999999\r\n",
            b"VA 2147483648\r\n",
            b"VA 1 f99999999999\r\nx\r\n",
            b"VA 3\r\nabcd\r\n",
            &[b'x'; 40_000],
        ] {
            let name = String::from_utf8_lossy(bytes);
            assert_eq!(read(bytes, 100, ReplyForm::Meta, 1).unwrap_err(), Malformed, "{name}");
        }
        assert_eq!(read(b"VA 3 f0 O7\r\nxyz\r\n", 100, ReplyForm::Numbered, 2).unwrap_err(), Malformed);
    }

    #[test]
    fn lines_are_one_text_and_come_to_an_end() {
        let stats = read(b"STAT pid 1\r\nSTAT time 2\r\nEND\r\n", 3, ReplyForm::Statistics, 1).unwrap();
        assert!(matches!(&stats.replies[..], [Reply::Text(text)] if text == "STAT pid 1\nSTAT time 2\nEND"));
        let endless = b"STAT pid 1\r\n".repeat(10_000);
        assert_eq!(read(&endless, 1_000, ReplyForm::Statistics, 1).unwrap_err(), Malformed);
    }

    #[test]
    fn memory_grows_with_what_comes() {
        const FIRST_PIECE: usize = 64 * 1024;
        let mut incoming = Incoming::default();
        let mut answer = read(b"", 1, ReplyForm::Meta, 1).unwrap();
        let head = b"VA 1000000000 f0\r\n";
        assert_eq!(incoming.put(head), head.len());
        assert!(!answer.read(&mut incoming).unwrap());
        assert!(incoming.room().len() <= FIRST_PIECE);
        let mut come = 0;
        while come < 10 << 20 {
            let room = incoming.room().len().min(60_000);
            incoming.filled(room);
            come += room;
            assert!(!answer.read(&mut incoming).unwrap());
            assert!(incoming.held() <= 2 * come + FIRST_PIECE, "{} for {come}", incoming.held());
        }
    }
}
