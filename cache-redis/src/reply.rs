//! The meaning of replies: the value for each kind of command. No I/O.

use cache_core::{Bytes, CodecId, Info, Payload, server_text};
use redis::{ServerError, Value};

use crate::meanings;

/// A reply that does not fit its command.
#[derive(Debug)]
pub(crate) enum Wrong {
    Server(ServerError),
    /// Not a reply to this command at all.
    Shape,
}

pub(crate) fn understood<T>(value: Value, read: impl FnOnce(Value) -> Option<T>) -> Result<T, Wrong> {
    match value {
        Value::ServerError(e) => Err(Wrong::Server(e)),
        value => read(value).ok_or(Wrong::Shape),
    }
}

/// The reply of `GET`. A value that is not a string is not this cache's, and counts as a miss.
pub(crate) fn payload(value: Value) -> Result<Option<Payload>, Wrong> {
    if let Value::ServerError(e) = &value
        && is_wrong_type(e)
    {
        return Ok(None);
    }
    understood(value, |value| match value {
        Value::Nil => Some(None),
        Value::BulkString(data) => Some(Some(decode(data))),
        _ => None,
    })
}

/// The replies of several commands, or of `MGET`: one element for each.
pub(crate) fn elements(value: Value, count: usize) -> Result<Vec<Value>, Wrong> {
    let mut values = replies(value, count)?;
    match values.pop() {
        Some(Value::ServerError(e)) if values.len() + 1 < count => Err(Wrong::Server(e)),
        last => {
            values.extend(last);
            Ok(values)
        }
    }
}

/// The replies of several commands: one element for each, or fewer, of which the last is the refusal with which the
/// server closed the connection.
pub(crate) fn replies(value: Value, count: usize) -> Result<Vec<Value>, Wrong> {
    understood(value, |value| match value {
        Value::Array(values) if values.len() == count => Some(values),
        Value::Array(values)
            if values.len() < count && matches!(values.last(), Some(Value::ServerError(_))) =>
        {
            Some(values)
        }
        _ => None,
    })
}

/// The reply of `SET`: false if `NX` found the key.
pub(crate) fn stored(value: Value) -> Result<bool, Wrong> {
    understood(value, |value| match value {
        Value::Okay => Some(true),
        Value::Nil => Some(false),
        _ => None,
    })
}

/// The reply of `DEL`, `EXISTS`, `PEXPIRE` and the scripts: how many keys it was true of.
pub(crate) fn count(value: Value) -> Result<u64, Wrong> {
    understood(value, |value| match value {
        Value::Int(n) => u64::try_from(n).ok(),
        _ => None,
    })
}

/// A value in stored form, and its remaining lifetime in milliseconds; `None` for ever.
#[cfg(feature = "cluster")]
pub(crate) type Raw = (Vec<u8>, Option<u64>);

/// The reply of the script that reads a value with its remaining lifetime, which is rounded up.
#[cfg(feature = "cluster")]
pub(crate) fn read(value: Value) -> Result<Option<Raw>, Wrong> {
    understood(value, |value| match value {
        Value::Nil => Some(None),
        Value::Array(both) => match <[Value; 2]>::try_from(both).ok()? {
            [Value::BulkString(data), Value::Int(ttl)] => {
                Some(Some((data, u64::try_from(ttl).ok().map(|ttl| ttl + 1))))
            }
            _ => None,
        },
        _ => None,
    })
}

/// The reply of `FLUSHDB`, `AUTH` and `SELECT`.
pub(crate) fn okay(value: Value) -> Result<(), Wrong> {
    understood(value, |value| (value == Value::Okay).then_some(()))
}

/// The reply of `PING`.
pub(crate) fn pong(value: Value) -> Result<(), Wrong> {
    understood(value, |value| matches!(value, Value::SimpleString(said) if said == "PONG").then_some(()))
}

/// The reply of one of the [`trials`], on a server that is a member of a cluster or is not.
pub(crate) fn tried(value: Value, in_cluster: bool) -> Result<(), Wrong> {
    match value {
        Value::ServerError(e) if !meanings::is_no_matter(&e, in_cluster) => Err(Wrong::Server(e)),
        _ => Ok(()),
    }
}

/// The reply of `INFO`.
pub(crate) fn text(value: Value) -> Result<String, Wrong> {
    understood(value, |value| match value {
        Value::BulkString(said) => Some(String::from_utf8_lossy(&said).into_owned()),
        Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    })
}

/// The outcome of counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Sum(i64),
    Absent,
    NotAnInteger,
    Overflow,
}

/// The reply of the script that counts.
pub(crate) fn counted(value: Value) -> Result<Counted, Wrong> {
    if let Value::ServerError(e) = &value {
        let says = |words: &str| e.details().is_some_and(|detail| detail.contains(words));
        if is_wrong_type(e) || says("not an integer") {
            return Ok(Counted::NotAnInteger);
        }
        if says("would overflow") {
            return Ok(Counted::Overflow);
        }
    }
    understood(value, |value| match value {
        Value::Nil => Some(Counted::Absent),
        Value::BulkString(digits) => integer(&digits).map(Counted::Sum),
        _ => None,
    })
}

/// Whether it is this error. Servers before 7 wrap an error within a script: `ERR Error running script …:
/// WRONGTYPE …`.
fn is_wrong_type(e: &ServerError) -> bool {
    e.code() == "WRONGTYPE" || e.details().is_some_and(|detail| detail.contains("WRONGTYPE"))
}

/// Decimal text in the form that Redis itself writes is an integer; everything else belongs to a codec.
fn decode(data: Vec<u8>) -> Payload {
    match integer(&data) {
        Some(n) => Payload::Int(n),
        None => Payload::Encoded(CodecId::UNKNOWN, Bytes::from(data)),
    }
}

fn integer(data: &[u8]) -> Option<i64> {
    // The longest is "-9223372036854775808".
    if data.is_empty() || data.len() > 20 || !data[data.len() - 1].is_ascii_digit() {
        return None;
    }
    let n: i64 = std::str::from_utf8(data).ok()?.parse().ok()?;
    (itoa::Buffer::new().format(n).as_bytes() == data).then_some(n)
}

/// Adds what a server reported in answer to `INFO`.
pub(crate) fn add_info(info: &mut Info, server: &str, said: &str) {
    let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    for (sum, name) in [
        (&mut info.bytes, "used_memory"),
        (&mut info.hits, "keyspace_hits"),
        (&mut info.misses, "keyspace_misses"),
        (&mut info.evictions, "evicted_keys"),
    ] {
        let number = field(name).and_then(|text| text.trim().parse::<u64>().ok());
        *sum = number.map(|number| sum.unwrap_or_default().saturating_add(number)).or(*sum);
    }
    let version = match (field("valkey_version"), field("redis_version")) {
        (Some(version), _) => format!("Valkey {}", server_text(version)),
        (None, Some(version)) => format!("Redis {}", server_text(version)),
        (None, None) => "unknown".to_owned(),
    };
    info.servers.push((server.to_owned(), version));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_what_redis_counts() {
        for n in [0, 1, -1, 42, i64::MAX, i64::MIN] {
            assert_eq!(decode(n.to_string().into_bytes()), Payload::Int(n));
        }
        for text in ["", "-", "+1", "01", "-0", " 1", "1 ", "1.0", "9223372036854775808", "1e3", "\u{661}"] {
            assert!(matches!(decode(text.into()), Payload::Encoded(CodecId::UNKNOWN, _)), "{text:?}");
        }
    }

    #[test]
    fn replies_of_another_shape_are_refused() {
        assert!(matches!(payload(Value::Okay), Err(Wrong::Shape)));
        assert!(matches!(stored(Value::Int(1)), Err(Wrong::Shape)));
        assert!(matches!(count(Value::Int(-1)), Err(Wrong::Shape)));
        assert!(matches!(okay(Value::Nil), Err(Wrong::Shape)));
        assert!(matches!(counted(Value::BulkString(b"x".to_vec())), Err(Wrong::Shape)));
        assert!(matches!(elements(Value::Array(vec![Value::Nil]), 2), Err(Wrong::Shape)));
    }

    #[test]
    fn what_servers_say_is_added_up() {
        let mut info = Info::default();
        let said = "# Server\r\nredis_version:7.0.15\r\n# Stats\r\nused_memory:100\r\nkeyspace_hits:3\r\nevicted_keys:2\r\n";
        add_info(&mut info, "a:1", said);
        add_info(&mut info, "b:1", "redis_version:7.2.4\r\nvalkey_version:8.1.0\r\nused_memory:11\r\n");
        assert_eq!((info.bytes, info.hits, info.misses), (Some(111), Some(3), None));
        assert_eq!(info.evictions, Some(2));
        let servers = [("a:1", "Redis 7.0.15"), ("b:1", "Valkey 8.1.0")];
        assert_eq!(info.servers, servers.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn errors_of_counting_are_told_apart() {
        let reply = |text: &str| redis::parse_redis_value(text.as_bytes()).unwrap();
        let told = |text: &str| counted(reply(text)).unwrap();
        assert_eq!(told("-ERR value is not an integer or out of range script: x\r\n"), Counted::NotAnInteger);
        assert_eq!(told("-WRONGTYPE Operation against a key\r\n"), Counted::NotAnInteger);
        assert_eq!(told("-ERR Error running script: WRONGTYPE Operation\r\n"), Counted::NotAnInteger);
        assert_eq!(told("-ERR increment or decrement would overflow\r\n"), Counted::Overflow);
        assert_eq!(told("$-1\r\n"), Counted::Absent);
        assert!(matches!(counted(reply("-OOM command not allowed\r\n")), Err(Wrong::Server(_))));
    }
}
