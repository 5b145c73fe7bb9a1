//! Bugs of keys: what a mutant does to a key.

use cache_core::{Error, ErrorKind, Result};

use crate::bug::Bug;
use crate::md5::md5_hex;

/// What begins a tag.
pub(crate) const TAG: char = '\u{2063}';

/// Which call the key belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Set,
    Add,
    Other,
}

/// The key under which a mutant with that bug keeps `key`.
pub(crate) fn stored_key(bug: Bug, key: &str, call: Call) -> Result<String> {
    let refused = || Error::invalid_cache_key(key, "the client refuses the key");
    match bug {
        Bug::SetRefusesBlanks if call == Call::Set && key.contains(' ') => return Err(refused()),
        Bug::AddRefusesControls if call == Call::Add && key.contains(char::is_control) => {
            return Err(refused());
        }
        Bug::LongKeysRaise if key.len() > 250 => {
            return Err(Error::new(ErrorKind::Storage, "the server refuses the key").with_key(key));
        }
        Bug::EmptyKeyRefused if key.ends_with(':') => return Err(refused()),
        _ => {}
    }
    Ok(match bug {
        Bug::KeysHashed => md5_hex(key.as_bytes()),
        Bug::TagsTakenOff => key.rsplit_once(TAG).map_or(key, |(key, _)| key).to_owned(),
        Bug::KeysCaseFolded => key.to_lowercase(),
        Bug::KeysTruncated => key.chars().take(250).collect(),
        Bug::KeysTrimmed => key.trim_end().to_owned(),
        Bug::KeysNormalised => key.replace("e\u{301}", "é"),
        Bug::KeysAsNumbers => match key.rsplit_once(':') {
            Some((head, tail)) => match tail.parse::<f64>() {
                Ok(number) if number.is_finite() => format!("{head}:{number}"),
                _ => key.to_owned(),
            },
            None => key.to_owned(),
        },
        Bug::KeysUnquoted => key.replace('\'', ""),
        Bug::KeysEndAtLine => key.split(['\r', '\n']).next().unwrap_or_default().to_owned(),
        Bug::KeysAreTags => match key.split_once('{').and_then(|(_, rest)| rest.split_once('}')) {
            Some((tag, _)) if !tag.is_empty() => tag.to_owned(),
            _ => key.to_owned(),
        },
        Bug::KeysCutAtNul => key.split('\0').next().unwrap_or_default().to_owned(),
        _ => key.to_owned(),
    })
}

/// Whether `pattern`, where `many` stands for any text and `one` for any character, is `text`.
pub(crate) fn matches(pattern: &str, text: &str, many: char, one: char) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some(c) if c == many => {
            let mut tails = text.char_indices().map(|(at, _)| &text[at..]).chain([""]);
            tails.any(|tail| matches(rest.as_str(), tail, many, one))
        }
        Some(c) => {
            let mut text = text.chars();
            let first = text.next();
            first.is_some_and(|first| first == c || c == one)
                && matches(rest.as_str(), text.as_str(), many, one)
        }
    }
}
