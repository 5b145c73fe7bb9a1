//! [`escape`]: stored text on its way to a terminal, which would obey what it finds in it.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// The text with `\u009b` in place of each character that a terminal obeys or that changes how the text
/// around it reads: control characters (C0, DEL, C1), format characters (of direction, of no width, tags),
/// line and paragraph separators, and what Unicode has not assigned.
///
/// The form is JSON's, so that JSON stays the same JSON: outside of the Basic Multilingual Plane it is a pair.
/// ([`cache_core::printable`], for the texts of servers in errors, has Rust's form.)
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_obeyed(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

fn is_obeyed(c: char) -> bool {
    match c {
        ' '..='~' => false,
        _ => matches!(
            c.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::Unassigned
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        let controls = ('\0'..=' ').filter(|&c| c != ' ').chain('\u{7f}'..='\u{9f}');
        let directions = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        let others = "\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{2028}\u{2029}\u{feff}\u{fff9}\u{e0041}\u{ffff}";
        for c in controls.chain(directions).chain(others.chars()) {
            let escaped = escape(&format!("a{c}b")).into_owned();
            assert!(
                escaped.starts_with("a\\u") && escaped.ends_with('b') && escaped.is_ascii(),
                "{escaped:?}"
            );
            let read: String = serde_json::from_str(&format!("\"{escaped}\"")).unwrap();
            assert_eq!(read, format!("a{c}b"), "JSON reads it as it was");
        }
        assert_eq!(escape("\u{9b}2J\u{202e}"), "\\u009b2J\\u202e");
        assert_eq!(escape("\u{e0041}"), "\\udb40\\udc41");
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["", "plain ~", "Grüße", "清水", "\u{1f600}", "e\u{301}", "\\ \"", "\u{a0}\u{3000}"] {
            assert!(matches!(escape(text), Cow::Borrowed(_)), "{text:?}");
        }
    }
}
