//! What an error says: where the types do not fit, and nothing of the value.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cache_core::{Codec, CodecError, PublicError};
use cache_pickle::{DateTime, Error, ErrorKind, Pickle, Value, from_slice, to_vec};
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Debug, Serialize, Deserialize)]
struct User {
    id: u32,
    tags: Vec<Tag>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Tag {
    name: String,
    color: Color,
}

#[derive(Debug, Serialize, Deserialize)]
enum Color {
    Red,
}

/// Quotes its value, as types do.
#[derive(Debug)]
struct Talkative(String);

impl Serialize for Talkative {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom(format!("{} is not a password", self.0)))
    }
}

impl<'de> Deserialize<'de> for Talkative {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(D::Error::custom(format!("invalid type: string \"{text}\", expected a password")))
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut value = None;
    Pickle::default().decode(bytes, &mut |deserializer| {
        value = Some(erased_serde::deserialize::<T>(deserializer)?);
        Ok(())
    })?;
    Ok(value.unwrap())
}

/// What the codec, whose deserializer is a trait object, says of `bytes`.
#[track_caller]
fn says<T: DeserializeOwned + std::fmt::Debug>(bytes: &[u8], expected: &str) {
    let error = decode::<T>(bytes).unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert!(error.is::<PublicError>());
    assert!(error.source().is_none(), "it would say the same again");
}

fn dict(entries: Vec<(&str, Value)>) -> Value {
    Value::Dict(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

#[test]
fn a_type_error_of_any_depth_reaches_the_codecs_user() {
    let user = |id: Value, tags| dict(vec![("id", id), ("tags", Value::List(tags))]).write().unwrap();
    let tag = |entries| vec![dict(entries)];
    says::<User>(&user("hunter2".into(), vec![]), "found string, expected u32");
    says::<Vec<User>>(
        &to_vec(&[[(); 0]; 1]).unwrap(),
        "invalid length 0, expected struct User with 2 elements",
    );
    says::<User>(&user(1.into(), tag(vec![("name", 7.into())])), "found integer, expected a string");
    says::<User>(&user(1.into(), tag(vec![("name", "a".into())])), "missing field `color`");
    says::<User>(&user((-1).into(), vec![]), "found integer that does not fit, expected u32");
    for n in [1_i128 << 70, i64::MIN as i128 - 1] {
        let large = Value::from(n).write().unwrap();
        says::<i64>(&large, "found integer of more than 64 bits, expected i64");
        says::<String>(&large, "found integer of more than 64 bits, expected a string");
        assert_eq!(decode::<i128>(&large).unwrap(), n);
    }
    let unknown = tag(vec![("name", "a".into()), ("color", "hunter2".into())]);
    says::<User>(&user(1.into(), unknown), "unknown variant, expected one of [\"Red\"]");
    // django.utils.safestring.SafeString('x')
    let safe = b"](cdjango.utils.safestring\nSafeString\n(X\x01\0\0\0xt\x81e.";
    says::<Vec<String>>(safe, "found an object of a Python class, expected a string");
}

#[test]
fn a_refused_pickle_says_why() {
    let deep = [b"]".repeat(201), b"a".repeat(200), b".".to_vec()].concat();
    says::<()>(&deep, "the pickle is refused: it nests deeper than 200 levels (byte 401)");
    says::<()>(b"]q\0h\0a.", "the pickle cannot be read: an object contains itself, which no value here can");
    says::<()>(b"N.N", "not a pickle that can be read: bytes are left over after it (byte 2)");
    says::<()>(
        b"X\x03\0\0\0\xed\xa0\x80.",
        "the pickle cannot be read: a string is not UTF-8 (Python allows lone surrogates, Unicode does \
         not) (byte 8)",
    );
}

#[test]
fn a_types_own_words_are_dropped() {
    let pickle = to_vec(&["hunter2"]).unwrap();
    says::<Vec<Talkative>>(&pickle, "the type refuses the value");
    let error = from_slice::<Vec<Talkative>>(&pickle).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Type, "the type refuses the value"));
    let talkative = [Talkative("hunter2".to_owned())];
    let error = to_vec(&talkative).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Type, "the type refuses to be written")
    );
    let error = Pickle::default().encode(&talkative).unwrap_err();
    assert_eq!(error.to_string(), "the type refuses to be written");
}

#[test]
fn a_refusal_to_write_survives_a_trait_object() {
    let mut deep = Value::None;
    for _ in 0..201 {
        deep = Value::FrozenSet(vec![deep]);
    }
    let error = Pickle::default().encode(&[deep]).unwrap_err();
    assert_eq!(error.to_string(), "the pickle is refused: it nests deeper than 200 levels");
    assert_eq!(error.downcast_ref::<Error>().unwrap().kind(), ErrorKind::Limit);
}

#[test]
fn a_field_of_pythons_own_type_says_which() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Event {
        #[serde(with = "cache_pickle::python")]
        at: DateTime,
        #[serde(with = "cache_pickle::python")]
        until: Option<DateTime>,
    }
    let event = |at| dict(vec![("at", at), ("until", Value::None)]).write().unwrap();
    says::<Event>(&event("hunter2".into()), "found something else, expected a datetime.datetime");
    let date = cache_pickle::Date::new(2024, 2, 29).unwrap();
    let time = DateTime { date, time: cache_pickle::Time::new(1, 2, 3, 4).unwrap() };
    let read = decode::<Event>(&event(time.clone().into())).unwrap();
    assert_eq!((&read.at, &read.until), (&time, &None));
    let written = to_vec(&Event { until: Some(time.clone()), ..read }).unwrap();
    assert_eq!(Value::read(&written).unwrap().get("until"), Some(&time.into()));
}
