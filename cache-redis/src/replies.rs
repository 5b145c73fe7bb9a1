//! [`Answer`]: RESP2, read from bytes as they come. No I/O.
//!
//! Not the `redis` crate's parser: it recurses, a hundred levels deep, sets aside room for 4,096 elements at
//! each, and keeps bytes behind a reply for the next one.

use cache_net::{Incoming, Malformed, Verdict};
use redis::{Value, parse_redis_value};

use crate::meanings;
use crate::request::Commands;

/// Replies to this crate's commands are at most three deep. With [`FIRST_ELEMENTS`] at each depth and a block that
/// never comes, less than 64 KiB are held.
const DEEPEST: usize = 8;

/// How many elements room is made for at once, at each depth; more come with their bytes.
const FIRST_ELEMENTS: usize = 32;

/// Bytes that are not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProtocolError {
    /// They begin as a record of TLS does.
    Tls,
    Other,
}

impl From<Malformed> for ProtocolError {
    fn from(_: Malformed) -> Self {
        Self::Other
    }
}

/// The replies to the commands of one request, as they come.
pub(crate) struct Answer {
    whole: Whole,
    /// Arrays that are still coming, the innermost last, and how many elements each still lacks.
    open: Vec<(Vec<Value>, usize)>,
}

/// The replies that are whole.
enum Whole {
    One(Option<Value>),
    Many { found: Vec<Value>, wanted: usize },
}

impl Answer {
    /// Makes the answer to `commands` before any bytes have come.
    pub(crate) fn to(commands: &Commands) -> Self {
        let whole = match commands {
            Commands::One(_) => Whole::One(None),
            Commands::Many(pipeline) => {
                Whole::Many { found: Vec::with_capacity(pipeline.len()), wanted: pipeline.len() }
            }
        };
        Self { whole, open: Vec::new() }
    }

    /// Takes the bytes that have come. Returns true when the answer is whole.
    pub(crate) fn read(&mut self, incoming: &mut Incoming) -> Result<bool, ProtocolError> {
        while let Some(value) = self.next(incoming)? {
            match &mut self.whole {
                Whole::One(place) => {
                    *place = Some(value);
                    return Ok(true);
                }
                Whole::Many { found, wanted } => {
                    // Behind the reply with which the server closes the connection nothing comes.
                    let ends = matches!(&value, Value::ServerError(e) if meanings::is_last(e));
                    found.push(value);
                    if ends || found.len() >= *wanted {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Returns what it says about its connection.
    pub(crate) fn verdict(&self) -> Verdict {
        match &self.whole {
            Whole::One(value) => value.as_ref().map_or(meanings::GOOD, meanings::verdict),
            Whole::Many { found, .. } => meanings::verdict_of_many(found),
        }
    }

    /// Returns the reply, or an array of the replies to all commands, up to the one with which the server closed
    /// the connection.
    pub(crate) fn into_value(self) -> Value {
        match self.whole {
            Whole::One(value) => value.unwrap_or(Value::Nil),
            Whole::Many { found, .. } => Value::Array(found),
        }
    }

    /// Returns the next reply if it has arrived whole.
    fn next(&mut self, incoming: &mut Incoming) -> Result<Option<Value>, ProtocolError> {
        loop {
            let value = if incoming.is_expecting() {
                match incoming.block()? {
                    Some(data) => Value::BulkString(data),
                    None => return Ok(None),
                }
            } else {
                // What is not a reply may go on for long without the end of a line.
                match incoming.first() {
                    Some(0x14..=0x17) => return Err(ProtocolError::Tls),
                    Some(kind) if !b"+-:$*".contains(&kind) => return Err(ProtocolError::Other),
                    _ => {}
                }
                let Some(line) = incoming.line()? else { return Ok(None) };
                match Head::parse(line)? {
                    Head::Whole(value) => value,
                    Head::Bulk(length) => {
                        incoming.expect(length);
                        continue;
                    }
                    Head::Array(_) if self.open.len() >= DEEPEST => return Err(ProtocolError::Other),
                    Head::Array(0) => Value::Array(Vec::new()),
                    Head::Array(count) => {
                        self.open.push((Vec::with_capacity(count.min(FIRST_ELEMENTS)), count));
                        continue;
                    }
                }
            };
            if let Some(whole) = self.put(value) {
                return Ok(Some(whole));
            }
        }
    }

    /// Puts `value` into the innermost array, which may then be whole and belong in another. Returns a value
    /// that belongs in none: a whole reply.
    fn put(&mut self, mut value: Value) -> Option<Value> {
        while let Some((mut values, missing)) = self.open.pop() {
            values.push(value);
            if missing > 1 {
                self.open.push((values, missing - 1));
                return None;
            }
            value = Value::Array(values);
        }
        Some(value)
    }
}

/// What the first line of a reply says.
enum Head {
    Whole(Value),
    /// This many bytes follow.
    Bulk(usize),
    /// This many elements follow.
    Array(usize),
}

impl Head {
    fn parse(line: &[u8]) -> Result<Self, ProtocolError> {
        let line = line.strip_suffix(b"\r").ok_or(ProtocolError::Other)?;
        let (kind, rest) = line.split_first().ok_or(ProtocolError::Other)?;
        match kind {
            b'+' if rest == b"OK" => Ok(Self::Whole(Value::Okay)),
            b'+' => Ok(Self::Whole(Value::SimpleString(text(rest)?.to_owned()))),
            b':' => Ok(Self::Whole(Value::Int(number(rest)?))),
            b'$' | b'*' if rest == b"-1" => Ok(Self::Whole(Value::Nil)),
            b'$' => Ok(Self::Bulk(usize::try_from(number(rest)?).map_err(|_| ProtocolError::Other)?)),
            b'*' => Ok(Self::Array(usize::try_from(number(rest)?).map_err(|_| ProtocolError::Other)?)),
            // The `redis` crate decides which kinds of errors exist. A server may quote bytes that are not UTF-8.
            b'-' => parse_redis_value((String::from_utf8_lossy(line) + "\r\n").as_bytes())
                .map(Self::Whole)
                .map_err(|_| ProtocolError::Other),
            _ => Err(ProtocolError::Other),
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, ProtocolError> {
    std::str::from_utf8(bytes).map_err(|_| ProtocolError::Other)
}

fn number(digits: &[u8]) -> Result<i64, ProtocolError> {
    text(digits)?.parse().map_err(|_| ProtocolError::Other)
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    /// The replies in `bytes`, which come in pieces of `piece` bytes, and whether any is left half.
    pub(super) fn read(bytes: &[u8], piece: usize) -> Result<(Vec<Value>, bool), ProtocolError> {
        let (mut incoming, mut answer) =
            (Incoming::default(), Answer::to(&Commands::One(redis::cmd("PING"))));
        let (mut found, mut rest) = (Vec::new(), bytes);
        loop {
            while let Some(value) = answer.next(&mut incoming)? {
                found.push(value);
            }
            if rest.is_empty() {
                return Ok((found, !incoming.is_empty() || !answer.open.is_empty()));
            }
            let taken = incoming.put(&rest[..piece.min(rest.len())]);
            assert!(taken > 0, "no room");
            rest = &rest[taken..];
        }
    }

    #[test]
    fn whole_replies_however_they_come_and_as_the_crate_reads_them() {
        let large = "x\r\n".repeat(60_000);
        let replies = [
            "+OK\r\n",
            "+PONG\r\n",
            ":-42\r\n",
            "$-1\r\n",
            "$0\r\n\r\n",
            "$4\r\n\r\n\r\n\r\n",
            "*-1\r\n",
            "*0\r\n",
            "*3\r\n$1\r\na\r\n$-1\r\n:7\r\n",
            "*2\r\n*2\r\n:1\r\n*1\r\n*0\r\n+OK\r\n",
            "-ERR no such thing\r\n",
            "-NOSCRIPT none\r\n",
            "-MOVED 1 127.0.0.1:7000\r\n",
            "*1\r\n-WRONGTYPE x\r\n",
            &format!("${}\r\n{large}\r\n", large.len()),
        ];
        let expected: Vec<Value> =
            replies.iter().map(|text| parse_redis_value(text.as_bytes()).unwrap()).collect();
        for piece in [1, 2, 3, 7, 100, 16_383, 16_384, 70_000, 1 << 20] {
            let (found, half) = read(replies.concat().as_bytes(), piece).unwrap();
            assert!(found == expected && !half, "pieces of {piece}");
        }
    }

    #[test]
    fn cut_anywhere_there_is_no_reply() {
        let bytes = b"*2\r\n$3\r\nabc\r\n*1\r\n:12\r\n";
        for cut in 1..bytes.len() {
            assert_eq!(read(&bytes[..cut], 100).unwrap(), (Vec::new(), true), "cut after {cut}");
        }
        assert_eq!(read(bytes, 100).unwrap().0.len(), 1);
    }

    #[test]
    fn nonsense_is_no_reply() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"\r\n",
            b"+OK\n",
            b":x\r\n",
            b"$-2\r\n",
            b"$99999999999999999999\r\n",
            b"$3\r\nabcd\r\n",
            b"*-2\r\n",
            b"+\xff\r\n",
            b"\x15\x03\x03\0",
        ] {
            let kind = if bytes[0] == 0x15 { ProtocolError::Tls } else { ProtocolError::Other };
            assert_eq!(read(bytes, 5).unwrap_err(), kind, "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(read(&b"*1\r\n".repeat(100), 100).unwrap_err(), ProtocolError::Other);
        // An array's memory grows with what comes.
        assert_eq!(read(b"*1000000000000\r\n:1\r\n", 100).unwrap(), (Vec::new(), true));
    }

    #[test]
    fn an_error_may_quote_what_is_no_text() {
        let (found, _) = read(b"-ERR unknown command '\xff\xfe'\r\n", 100).unwrap();
        assert!(matches!(&found[..], [Value::ServerError(e)] if e.code() == "ERR"), "{found:?}");
    }
}
