//! Makes strings from outside fit for a terminal and a log.

use std::fmt;

/// How many characters of a server's text are shown.
const LONGEST: usize = 200;

/// The marks that servers put around what they were sent.
const QUOTES: [char; 3] = ['\'', '"', '`'];

/// Shows `text` with `\u009b` in place of each character that a terminal obeys or that changes how the text
/// around it reads: control characters (C0, DEL, C1), format characters (of direction, of no width, tags), line and
/// paragraph separators, and what Unicode has not assigned. The length is not bounded.
///
/// The form is JSON's, so that JSON stays the same JSON: outside of the Basic Multilingual Plane it is a pair.
///
/// ```
/// assert_eq!(cache_core::printable("a\u{1b}[2J\u{202e}b").to_string(), r"a\u001b[2J\u202eb");
/// ```
pub fn printable(text: &str) -> impl fmt::Display + '_ {
    Printable(text)
}

struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| write_printable(f, c))
    }
}

fn write_printable(to: &mut impl fmt::Write, c: char) -> fmt::Result {
    if only_stands_there(c) {
        return to.write_char(c);
    }
    c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(to, "\\u{unit:04x}"))
}

fn only_stands_there(c: char) -> bool {
    match c {
        ' '..='~' => true,
        // Rust escapes these in a literal, but no terminal obeys a wide or a fixed blank.
        _ if c.is_whitespace() => !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}'),
        // Behind another character, as an accent stands.
        _ => ['a', c].iter().collect::<String>().escape_debug().nth(1) == Some(c),
    }
}

/// Returns what a server said of a refused command, for an error or a log.
///
/// - What the server quotes is left out: it may be a key, a value or a password. All from the first quotation
///   mark to the last one goes, since a quoted text may have marks in it. An apostrophe within a word (`don't`) is not a
///   quotation mark. The caller names the command that it sent.
/// - What is not [`printable`] is escaped.
/// - More than 200 characters are cut.
///
/// ```
/// let said = "unknown command 'GTE', with args beginning with: 'hunter2' ";
/// assert_eq!(cache_core::server_text(said), "unknown command '…'");
/// let said = "CROSSSLOT Keys in request don't hash to the same slot";
/// assert_eq!(cache_core::server_text(said), said);
/// ```
#[must_use]
pub fn server_text(text: &str) -> String {
    let text = text.trim();
    let (before, after) = match quoted(text) {
        Some((begin, end)) => (&text[..begin], Some(&text[end..])),
        None => (text, None),
    };
    let mut shown = String::new();
    let parts = [before, if after.is_some() { "'…'" } else { "" }, after.unwrap_or_default()];
    for (count, c) in parts.iter().flat_map(|part| part.chars()).enumerate() {
        if count == LONGEST {
            shown.push('…');
            break;
        }
        // Writing to a string cannot fail.
        let _ = write_printable(&mut shown, c);
    }
    shown
}

/// Where the first quoted text begins and the last one ends.
fn quoted(text: &str) -> Option<(usize, usize)> {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let marks = || text.char_indices().filter(|(_, c)| QUOTES.contains(c));
    let opens = |&(at, _): &(usize, char)| !is_word(text[..at].chars().next_back());
    let (begin, _) = marks().find(opens)?;
    let (last, _) = marks().next_back()?;
    // One that is never closed: nobody knows where it ends.
    Some((begin, if last > begin { last + 1 } else { text.len() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_quote_is_left_out() {
        for (said, shown) in [
            ("unknown command 'GTE', with args beginning with: 'a' 'b' ", "unknown command '…'"),
            ("unknown command `x`, with args", "unknown command '…', with args"),
            // A value with marks in it.
            ("bad 'it's a 'secret' thing' here", "bad '…' here"),
            ("bad \"a' secret\"", "bad '…'"),
            ("bad 'secret that is cut", "bad '…'"),
            ("bad arg='secret'", "bad arg='…'"),
            ("'secret'", "'…'"),
            ("Keys in request don't hash", "Keys in request don't hash"),
            // An apostrophe first, then a quotation.
            ("don't 'secret' there", "don't '…' there"),
            ("the users' choice isn't", "the users' choice isn't"),
            ("", ""),
        ] {
            assert_eq!(server_text(said), shown, "{said:?}");
        }
    }

    #[test]
    fn nothing_reaches_a_terminal() {
        for c in ('\0'..='\u{1f}')
            .chain('\u{7f}'..='\u{9f}')
            .chain('\u{200b}'..='\u{200f}')
            .chain('\u{2028}'..='\u{202e}')
            .chain('\u{2060}'..='\u{206f}')
            .chain(['\u{ad}', '\u{61c}', '\u{feff}', '\u{fff9}', '\u{ffff}', '\u{e0041}'])
        {
            let shown = printable(&format!("a{c}b")).to_string();
            assert!(
                shown.starts_with("a\\u") && shown.ends_with('b') && shown.is_ascii(),
                "{c:?} is shown as {shown:?}"
            );
            assert_eq!(server_text(&format!("a{c}b")), shown, "of a server");
            #[cfg(feature = "json")]
            assert_eq!(
                serde_json::from_str::<String>(&format!("\"{shown}\"")).unwrap(),
                format!("a{c}b"),
                "JSON reads it as it was"
            );
        }
        assert_eq!(printable("\u{9b}2J\u{202e}").to_string(), "\\u009b2J\\u202e");
        assert_eq!(printable("\u{e0041}").to_string(), "\\udb40\\udc41");
    }

    #[test]
    fn what_people_write_stays() {
        for text in [
            "",
            "plain ~",
            "it's \"so\" \\",
            "Grüße",
            "清水",
            "\u{1f600}",
            "e\u{301}",
            "\u{301}",
            "नमस्ते",
            "\u{a0}\u{3000}\u{2009}",
        ] {
            assert_eq!(printable(text).to_string(), text);
        }
    }

    #[test]
    fn the_length_is_bounded() {
        assert_eq!(server_text(&"x".repeat(LONGEST)).len(), LONGEST);
        let cut = server_text(&"é".repeat(LONGEST + 1));
        assert_eq!((cut.chars().count(), cut.ends_with('…')), (LONGEST + 1, true));
        // An escape takes twelve characters at most.
        assert!(server_text(&"\u{e0001}".repeat(100_000)).len() <= 12 * LONGEST + 3);
    }
}
