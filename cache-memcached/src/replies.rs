//! What is answered: replies, read from bytes as they come. No I/O.

use cache_pipeline::{Incoming, Malformed};
use memcache::exp::{Error, MetaCommandResult, MetaResponse, parse_meta_result};

/// No line of the protocol is longer: the longest are of statistics. To read one takes a few copies of it.
const LONGEST_LINE: usize = 4 * 1024;

/// A whole reply.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Of the meta protocol.
    Meta(MetaCommandResult),
    /// `SERVER_ERROR`, with the server's reason.
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
#[derive(Default)]
pub(crate) struct Replies {
    incoming: Incoming,
    /// Of the value that is still coming.
    head: Option<MetaCommandResult>,
}

impl From<Malformed> for Nonsense {
    fn from(_: Malformed) -> Self {
        Self::Garbled
    }
}

impl Replies {
    /// Whether every byte that came was a part of a reply that was taken.
    pub(crate) const fn is_empty(&self) -> bool {
        self.incoming.is_empty()
    }

    /// How many bytes of a value are still to come.
    pub(crate) fn missing(&self) -> usize {
        self.incoming.missing()
    }

    /// Where the next bytes go; never empty. To be asked when [`Replies::next`] has no more.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.incoming.room()
    }

    /// Says that `count` bytes were put into the [`Replies::room`].
    pub(crate) fn filled(&mut self, count: usize) {
        self.incoming.filled(count);
    }

    /// The next whole reply, if it is there; a line as it is where `plain`.
    pub(crate) fn next(&mut self, plain: bool) -> Result<Option<Reply>, Nonsense> {
        if !self.incoming.is_expecting() {
            let Some(line) = self.incoming.line()? else { return Ok(None) };
            let line = line.trim_ascii_end();
            if line.len() > LONGEST_LINE {
                return Err(Nonsense::Garbled);
            }
            if plain && !is_error(line) {
                return Ok(Some(Reply::Line(String::from_utf8_lossy(line).into_owned())));
            }
            match parse(line)? {
                (reply, None) => return Ok(Some(reply)),
                (Reply::Meta(head), Some(length)) => {
                    self.head = Some(head);
                    self.incoming.expect(length);
                }
                (_, Some(_)) => return Err(Nonsense::Garbled),
            }
        }
        let Some(value) = self.incoming.block()? else { return Ok(None) };
        let mut head = self.head.take().ok_or(Nonsense::Garbled)?;
        head.value = Some(value);
        Ok(Some(Reply::Meta(head)))
    }
}

/// Whether a line of any command's reply says that the command failed.
fn is_error(line: &[u8]) -> bool {
    let word = line.split(|&b| b == b' ').next().unwrap_or_default();
    [&b"ERROR"[..], b"CLIENT_ERROR", b"SERVER_ERROR"].contains(&word)
}

/// A line of the meta protocol, and the length of the value that follows.
fn parse(line: &[u8]) -> Result<(Reply, Option<usize>), Nonsense> {
    // What may follow the word, the crate leaves out.
    if line.starts_with(b"ERROR ") {
        return Err(Nonsense::NotUnderstood(String::from_utf8_lossy(line).into_owned()));
    }
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
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    /// The replies in `bytes`, which come in pieces of `piece` bytes.
    fn read(bytes: &[u8], piece: usize, plain: bool) -> Result<Vec<Reply>, Nonsense> {
        let (mut replies, mut found) = (Replies::default(), Vec::new());
        let mut rest = bytes;
        loop {
            while let Some(reply) = replies.next(plain)? {
                found.push(reply);
            }
            if rest.is_empty() {
                return Ok(found);
            }
            let taken = replies.incoming.put(&rest[..piece.min(rest.len())]);
            assert!(taken > 0, "no room");
            rest = &rest[taken..];
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
            (b"ERROR Too many open connections\r\n", not_understood("ERROR Too many open connections")),
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
        assert_eq!(read(&[b'x'; 40_000], 100, false).unwrap_err(), Nonsense::Garbled);
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
        const FIRST_PIECE: usize = 64 * 1024;
        let mut replies = Replies::default();
        let head = b"VA 1000000000 f0\r\n";
        assert_eq!(replies.incoming.put(head), head.len());
        assert!(replies.next(false).unwrap().is_none());
        assert!(replies.room().len() <= FIRST_PIECE);
        let mut come = 0;
        while come < 10 << 20 {
            let room = replies.room().len().min(60_000);
            replies.filled(room);
            come += room;
            assert!(replies.next(false).unwrap().is_none());
            assert!(
                replies.incoming.held() <= 2 * come + FIRST_PIECE,
                "{} for {come}",
                replies.incoming.held()
            );
        }
    }
}
