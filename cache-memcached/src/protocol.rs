//! [`Memcached`]: the meta protocol, as the connections speak it.

use std::fmt;

use cache_core::{Error, server_text};
use cache_net::{Incoming, Malformed, Protocol, RetrySafety, Verdict};

use crate::error::{protocol_error, unknown_reply};
use crate::replies::{Answer, Reply};
use crate::request::Request;

/// The first memcached whose meta protocol fits.
const OLDEST_VERSION: [u32; 3] = [1, 6, 10];

/// One memcached server.
#[derive(Debug)]
pub(crate) struct Memcached {
    /// The name under which keys are spread.
    pub(crate) name: String,
}

impl fmt::Display for Memcached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memcached server {}", self.name)
    }
}

impl Protocol for Memcached {
    type Request = Request;
    type Answer = Answer;
    type Malformed = Malformed;

    fn write(request: &Request, out: &mut Vec<u8>) {
        request.write(out);
    }

    fn answer_to(request: &Request) -> Answer {
        Answer::to(request)
    }

    fn read(incoming: &mut Incoming, answer: &mut Answer) -> Result<bool, Malformed> {
        answer.read(incoming)
    }

    fn verdict(answer: &Answer) -> Verdict {
        answer.verdict()
    }

    fn handshake(&self) -> Option<Request> {
        Some(Request::version())
    }

    /// Refuses a server that is too old before sending it anything: one that does not know `ms` reads the value after
    /// it as commands.
    fn check_handshake(&self, request: &Request, answer: Answer) -> Result<(), Error> {
        let said = match answer.into_replies() {
            Ok(replies) => match replies.into_iter().next() {
                Some(Reply::Text(line)) => line,
                _ => return Err(protocol_error(self)),
            },
            Err(reply) => match reply.not_understood() {
                Some(line) => line.to_owned(),
                None => return Err(reply.into_error(self, request.name(), RetrySafety::Idempotent)),
            },
        };
        if version(&said).is_some_and(|version| version >= OLDEST_VERSION) {
            return Ok(());
        }
        Err(Error::rejected(format!(
            "{self} answers \"{}\" when asked for its version, and memcached 1.6.10 or newer is needed",
            server_text(&said)
        )))
    }

    fn malformed(&self, request: &Request, _: Malformed) -> Error {
        unknown_reply(self, request.name())
    }

    fn why_closed(&self) -> &'static str {
        "it is going down, speaks TLS (-Z), or wants a SASL log-in (-S); use a port that speaks plain memcached"
    }
}

/// Reads the numbers of `VERSION 1.6.18`, whatever follows them.
fn version(line: &str) -> Option<[u32; 3]> {
    let mut numbers = line.strip_prefix("VERSION ")?.splitn(3, '.').map(|part| {
        let digits = part.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        digits.parse().ok()
    });
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (line, expected) in [
            ("VERSION 1.6.18", Some([1, 6, 18])),
            ("VERSION 1.6.21_14_ga1b2", Some([1, 6, 21])),
            ("VERSION 1.6.9-beta1", Some([1, 6, 9])),
            ("VERSION 1.4.34", Some([1, 4, 34])),
            ("VERSION 2.0", None),
            ("VERSION x.y.z", None),
            ("ERROR", None),
            ("", None),
        ] {
            assert_eq!(version(line), expected, "{line}");
        }
    }
}
