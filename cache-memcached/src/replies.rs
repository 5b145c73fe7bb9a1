//! What is answered: replies, read from bytes as they come. No I/O.

use memcache::exp::{Error, MetaCommandResult, MetaResponse, parse_meta_result};

/// The bytes that wait to be read: longer than any line of a reply.
const BUFFER: usize = 16 * 1024;

/// A value's memory grows with what has come of it, and not with what was announced.
const FIRST_PIECE: usize = 64 * 1024;

/// A whole reply.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Of the meta protocol.
    Meta(MetaCommandResult),
    /// `SERVER_ERROR`, with the server's reason: the command was read whole and not done.
    Refused(String),
    /// A plain line.
    Line(String),
}

/// Bytes that are no reply; the connection is of no use any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Nonsense {
    /// `CLIENT_ERROR` or `ERROR`, with the server's reason: the command was not understood.
    NotUnderstood(String),
    /// Something else.
    Garbled,
}

/// Turns bytes into replies.
pub(crate) struct Replies {
    buffer: Box<[u8]>,
    /// The part of the buffer that holds bytes.
    start: usize,
    end: usize,
    value: Option<Value>,
}

/// A value that is still coming.
struct Value {
    head: MetaCommandResult,
    /// Its bytes, and the end of line after it; what is beyond `filled` is room.
    bytes: Vec<u8>,
    filled: usize,
    /// How long `bytes` will be.
    length: usize,
}

impl Replies {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; BUFFER].into(), start: 0, end: 0, value: None }
    }

    /// Whether every byte that came was a part of a reply that was taken.
    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end && self.value.is_none()
    }

    /// How many bytes of a value are still to come.
    pub(crate) fn missing(&self) -> usize {
        self.value.as_ref().map_or(0, |value| value.length - value.filled)
    }

    /// Where the next bytes go; never empty. To be asked when [`Replies::next`] has no more.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        match &mut self.value {
            // Large values go where they belong at once.
            Some(value) if self.start == self.end && value.length - value.filled > BUFFER => {
                if value.filled == value.bytes.len() {
                    let more = (value.length - value.filled).min(value.filled.max(FIRST_PIECE));
                    value.bytes.resize(value.filled + more, 0);
                }
                &mut value.bytes[value.filled..]
            }
            _ => {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
                &mut self.buffer[self.end..]
            }
        }
    }

    /// Says that `count` bytes were put into the [`Replies::room`].
    pub(crate) fn filled(&mut self, count: usize) {
        match &mut self.value {
            Some(value) if self.start == self.end && value.length - value.filled > BUFFER => {
                value.filled += count;
            }
            _ => self.end += count,
        }
    }

    /// The next whole reply, if it is there; a line as it is where `plain`.
    pub(crate) fn next(&mut self, plain: bool) -> Result<Option<Reply>, Nonsense> {
        if self.value.is_none() {
            let Some(line) = self.line()? else { return Ok(None) };
            if plain {
                return Ok(Some(Reply::Line(String::from_utf8_lossy(line).into_owned())));
            }
            match parse(line)? {
                (reply, None) => return Ok(Some(reply)),
                (Reply::Meta(head), Some(length)) => {
                    self.value = Some(Value { head, bytes: Vec::new(), filled: 0, length: length + 2 });
                }
                (_, Some(_)) => return Err(Nonsense::Garbled),
            }
        }
        self.rest_of_value()
    }

    /// The next line without its end.
    fn line(&mut self) -> Result<Option<&[u8]>, Nonsense> {
        let waiting = &self.buffer[self.start..self.end];
        let Some(length) = waiting.iter().position(|&b| b == b'\n') else {
            return if waiting.len() == BUFFER { Err(Nonsense::Garbled) } else { Ok(None) };
        };
        let line = self.start..self.start + length;
        self.start += length + 1;
        Ok(Some(self.buffer[line].trim_ascii_end()))
    }

    fn rest_of_value(&mut self) -> Result<Option<Reply>, Nonsense> {
        let Some(value) = &mut self.value else { return Ok(None) };
        let taken = (value.length - value.filled).min(self.end - self.start);
        if taken > 0 {
            value.bytes.truncate(value.filled);
            value.bytes.extend_from_slice(&self.buffer[self.start..self.start + taken]);
            value.filled += taken;
            self.start += taken;
        }
        if value.filled < value.length {
            return Ok(None);
        }
        let Some(Value { mut head, mut bytes, .. }) = self.value.take() else { return Ok(None) };
        if !bytes.ends_with(b"\r\n") {
            return Err(Nonsense::Garbled);
        }
        bytes.truncate(bytes.len() - 2);
        head.value = Some(bytes);
        Ok(Some(Reply::Meta(head)))
    }
}

/// A line of the meta protocol, and the length of the value that follows.
fn parse(line: &[u8]) -> Result<(Reply, Option<usize>), Nonsense> {
    match MetaResponse::parse_header(line).and_then(parse_meta_result) {
        Ok(result) => {
            // The crate has read the length, as a number up to 1 GiB, and keeps it to itself.
            let length = line.strip_prefix(b"VA ").map(|rest| {
                let digits = rest.split(|&b| b == b' ').find(|word| !word.is_empty()).unwrap_or_default();
                std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok())
            });
            match length {
                None => Ok((Reply::Meta(result), None)),
                Some(length) => Ok((Reply::Meta(result), Some(length.ok_or(Nonsense::Garbled)?))),
            }
        }
        Err(Error::Server(reason)) => Ok((Reply::Refused(reason), None)),
        Err(Error::Rejected(reason)) => Err(Nonsense::NotUnderstood(reason)),
        Err(_) => Err(Nonsense::Garbled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The replies in `bytes`, which come in pieces of `piece` bytes.
    fn read(bytes: &[u8], piece: usize, plain: bool) -> Result<Vec<Reply>, Nonsense> {
        let (mut replies, mut found) = (Replies::new(), Vec::new());
        let mut rest = bytes;
        loop {
            while let Some(reply) = replies.next(plain)? {
                found.push(reply);
            }
            if rest.is_empty() {
                assert_eq!(replies.value.is_none() && replies.start == replies.end, replies.is_empty());
                return Ok(found);
            }
            let room = replies.room();
            let taken = piece.min(rest.len()).min(room.len());
            assert!(taken > 0, "no room");
            room[..taken].copy_from_slice(&rest[..taken]);
            rest = &rest[taken..];
            replies.filled(taken);
        }
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
            let found = read(&bytes, piece, false).unwrap();
            let expected = [None, Some(&b"\r\n\r\n"[..]), None, None, Some(&large[..]), Some(b""), None];
            assert!(values(&found) == expected, "pieces of {piece}");
            assert!(
                matches!(&found[1], Reply::Meta(m) if (m.cas, m.ttl, m.client_flags) == (Some(7), Some(-1), Some(2)))
            );
            assert!(matches!(&found[3], Reply::Refused(reason) if reason == "object too large"));
        }
        let lines = read(b"VERSION 1.6.18\r\nOK\r\n", 4, true).unwrap();
        assert!(matches!(&lines[..], [Reply::Line(a), Reply::Line(b)] if a == "VERSION 1.6.18" && b == "OK"));
    }

    #[test]
    fn cut_anywhere_there_is_no_value() {
        let bytes = b"VA 10 f16\r\n0123456789\r\n";
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut], 100, false).unwrap().is_empty(), "cut after {cut}");
        }
        assert_eq!(values(&read(bytes, 100, false).unwrap()), [Some(&b"0123456789"[..])]);
    }

    #[test]
    fn nonsense_is_told_apart() {
        let not_understood = |reason: &str| Nonsense::NotUnderstood(reason.to_owned());
        for (bytes, expected) in [
            (&b"ERROR\r\n"[..], not_understood("ERROR")),
            (b"CLIENT_ERROR bad data chunk\r\n", not_understood("bad data chunk")),
            (b"HTTP/1.1 400 Bad Request\r\n", Nonsense::Garbled),
            (b"\r\n", Nonsense::Garbled),
            (b"VA\r\n", Nonsense::Garbled),
            (b"VA x\r\n", Nonsense::Garbled),
            (b"VA -1\r\n", Nonsense::Garbled),
            (b"VA 99999999999999999999\r\n", Nonsense::Garbled),
            (b"VA 2147483648\r\n", Nonsense::Garbled),
            (b"VA 1 f99999999999\r\nx\r\n", Nonsense::Garbled),
            (b"VA 3\r\nabcd\r\n", Nonsense::Garbled),
        ] {
            assert_eq!(read(bytes, 5, false).unwrap_err(), expected, "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(read(&[b'x'; 2 * BUFFER], 100, false).unwrap_err(), Nonsense::Garbled);
    }

    #[test]
    fn random_bytes_do_no_harm() {
        let mut random = fastrand::Rng::with_seed(7);
        let words: [&[u8]; 12] = [
            b"VA ",
            b"HD",
            b"EN",
            b"\r\n",
            b" ",
            b"12",
            b"f3",
            b"c",
            b"t-1",
            b"O0",
            b"SERVER_ERROR",
            b"\xff\0",
        ];
        for _ in 0..20_000 {
            let mut bytes = Vec::new();
            for _ in 0..random.usize(..30) {
                bytes.extend_from_slice(words[random.usize(..words.len())]);
            }
            let _ = read(&bytes, random.usize(1..20), random.bool());
        }
    }

    #[test]
    fn memory_grows_with_what_comes() {
        let mut replies = Replies::new();
        let head = b"VA 1000000000 f0\r\n";
        replies.room()[..head.len()].copy_from_slice(head);
        replies.filled(head.len());
        assert!(replies.next(false).unwrap().is_none());
        assert!(replies.room().len() <= FIRST_PIECE);
        let held = |replies: &Replies| replies.value.as_ref().map_or(0, |value| value.bytes.capacity());
        let mut come = 0;
        while come < 10 << 20 {
            let room = replies.room().len().min(60_000);
            replies.filled(room);
            come += room;
            assert!(replies.next(false).unwrap().is_none());
            assert!(held(&replies) <= 2 * come + FIRST_PIECE, "{} for {come}", held(&replies));
        }
    }
}
