//! Checks that no error text contains a value.

use std::error::Error as StdError;

use cache_core::{Error, Json};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};

use crate::checks::{LONG, entry_files};
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

/// In every value of this check, as text, as bytes and as a number.
const SECRET: &str = "s3cr3t-hunter2";
const NUMBER: i64 = 4_242_424_242_424_242;

/// Display and Debug, of the error and of all its sources.
fn shown(error: &Error) -> String {
    let mut all = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(inner) = source {
        all.push_str(&format!(" {inner} {inner:?}"));
        source = inner.source();
    }
    all
}

/// The error must be there, and without the secret.
fn ensure_quiet<V>(what: &str, result: Result<V, Error>) -> Outcome {
    let Err(error) = result else { return Err(crate::outcome::Stop::unexpected(what, "an error", "none")) };
    let shown = shown(&error);
    // In full, in part, and as the bytes of a Debug list.
    let bytes = format!("{:?}", &SECRET.as_bytes()[..4]);
    for leak in [SECRET, "hunter2", &NUMBER.to_string(), bytes.trim_matches(['[', ']'])] {
        ensure!(!shown.contains(leak), "{what}: the error text holds {leak:?}: {shown}");
    }
    Ok(())
}

#[derive(Serialize, Deserialize)]
struct Account {
    name: String,
    pin: i64,
}

/// An enum has no variant of the secret's name: serde likes to quote it.
#[derive(Deserialize)]
#[allow(dead_code, reason = "it is only ever refused")]
enum Choice {
    Yes,
    No,
}

/// Refuses to be written, and says why with the value in it: the text is the user's own doing,
/// so it holds the secret only by its name here.
struct Refusing;

impl Serialize for Refusing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("this type cannot be written"))
    }
}

pub(super) async fn no_values_in_errors(t: &TestContext) -> Outcome {
    let cache = t.cache();
    wrong_types(&cache).await?;
    if let Some(json) = t.in_codec(Json)? {
        wrong_types(&json).await?;
    }
    ensure_quiet("an overflow", {
        cache.set("n", &i64::MAX, LONG).await?;
        cache.incr_by("n", NUMBER).await
    })?;
    ensure_quiet("an encode error", cache.set("k", &(SECRET, NUMBER, Refusing), LONG).await)?;
    let many = [("a", Some(SECRET)), ("b", None)].map(|(key, text)| (key, text.ok_or(Refusing)));
    let many = many.into_iter().map(|(key, value)| (key, Either(value)));
    ensure_quiet("an encode error of many", cache.set_many(many, LONG).await)?;
    if let Ok(most) = t.max_value_size() {
        let large = SECRET.repeat(most / SECRET.len() + 1);
        ensure_quiet("a value too large", cache.set("large", &large, LONG).await)?;
    }
    let strict = t.build(|builder| builder.key_policy(cache_core::KeyPolicy::Refuse))?;
    ensure_quiet("a bad key", strict.set("bad key\n", SECRET, LONG).await)?;
    let absent = cache.incr_by("absent", NUMBER).await;
    ensure_quiet("an absent key", absent)?;
    if t.needs_file_per_entry().is_ok() {
        // A directory in the entry's place cannot be overwritten.
        let spec = t.spec("blocked")?;
        let cache = t.over(t.open(&spec)?)?;
        cache.set("k", SECRET, LONG).await?;
        let file = entry_files::of_key(&spec.dir, &cache.cache.make_key("k")?)?;
        std::fs::remove_file(&file)?;
        std::fs::create_dir_all(file.join("in the way"))?;
        ensure_quiet("a directory in the way", cache.set("k", SECRET, LONG).await)?;
    }
    Ok(())
}

/// A string, or a value that cannot be written.
struct Either(Result<&'static str, Refusing>);

impl Serialize for Either {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Ok(text) => serializer.serialize_some(&[text]),
            Err(refusing) => refusing.serialize(serializer),
        }
    }
}

/// Reads values as what they are not.
async fn wrong_types(cache: &TestCache) -> Outcome {
    cache.set("text", SECRET, LONG).await?;
    cache.set_bytes("bytes", SECRET.as_bytes().to_vec(), LONG).await?;
    cache.set("number", &NUMBER, LONG).await?;
    cache.set("some", &Some(vec![SECRET]), LONG).await?;
    cache.set("account", &Account { name: SECRET.to_owned(), pin: NUMBER }, LONG).await?;
    ensure_quiet("text as a number", cache.get::<i64>("text").await)?;
    ensure_quiet("text as an enum", cache.get::<Choice>("text").await)?;
    ensure_quiet("text as a struct", cache.get::<Account>("text").await)?;
    ensure_quiet("text as a char", cache.get::<char>("text").await)?;
    ensure_quiet("text as an address", cache.get::<std::net::IpAddr>("text").await)?;
    ensure_quiet("bytes as a number", cache.get::<i64>("bytes").await)?;
    ensure_quiet("bytes as a struct", cache.get::<Account>("bytes").await)?;
    ensure_quiet("a number as text", cache.get::<String>("number").await)?;
    ensure_quiet("a number too large for its type", cache.get::<u8>("number").await)?;
    ensure_quiet("a number as bytes", cache.get_bytes("number").await)?;
    ensure_quiet("a number as a bool", cache.get::<bool>("number").await)?;
    ensure_quiet("a list as a number", cache.get::<i64>("some").await)?;
    ensure_quiet("a list as numbers", cache.get::<Vec<i64>>("some").await)?;
    ensure_quiet("a list as enums", cache.get::<Vec<Choice>>("some").await)?;
    ensure_quiet("a list of another length", cache.get::<(String, String)>("some").await)?;
    ensure_quiet("a struct as a number", cache.get::<i64>("account").await)?;
    ensure_quiet("a struct as a list", cache.get::<Vec<i64>>("account").await)?;
    ensure_quiet("a struct as a map", cache.get::<std::collections::BTreeMap<String, i64>>("account").await)?;
    ensure_quiet("one of many", cache.get_many::<i64, _>(["number", "text"]).await)?;
    ensure_quiet("get_or_set", cache.get_or_set("text", LONG, || NUMBER).await)?;
    ensure_quiet("incr of text", cache.incr_by("text", NUMBER).await)?;
    ensure_quiet("decr of a struct", cache.decr_by("account", NUMBER).await)
}
