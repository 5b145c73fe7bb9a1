//! Texts of strangers, made fit for a terminal and a log.

use std::fmt;

/// How many characters of a server's text are shown.
const LONGEST: usize = 200;

/// The marks that servers put around what they were sent.
const QUOTES: [char; 3] = ['\'', '"', '`'];

/// Shows `text` with every character escaped that does something else than stand there: control
/// characters (C0, DEL, C1), those that change the direction of writing or are invisible, line breaks, and blanks other
/// than a space. The length is not bounded.
///
/// ```
/// assert_eq!(cache_core::printable("a\u{1b}[2J\u{202e}b").to_string(), r"a\u{1b}[2J\u{202e}b");
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
    match c {
        // These are escaped in a literal, and need not be in a text.
        '\'' | '"' | '\\' => to.write_char(c),
        _ => c.escape_debug().try_for_each(|c| to.write_char(c)),
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
        // To write to a text cannot fail.
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
            .chain(['\u{ad}', '\u{61c}', '\u{feff}', '\u{fff9}', '\u{e0001}', '\u{a0}'])
        {
            for shown in [server_text(&format!("a{c}b")), printable(&format!("a{c}b")).to_string()] {
                assert!(shown.is_ascii() && !shown.chars().any(|c| c.is_ascii_control()), "{c:?}: {shown:?}");
                assert!(shown.len() > 3, "{c:?} is not shown at all");
            }
        }
        assert_eq!(printable(r#"it's "so" \ 清 é"#).to_string(), r#"it's "so" \ 清 é"#);
    }

    #[test]
    fn the_length_is_bounded() {
        assert_eq!(server_text(&"x".repeat(LONGEST)).len(), LONGEST);
        let cut = server_text(&"é".repeat(LONGEST + 1));
        assert_eq!((cut.chars().count(), cut.ends_with('…')), (LONGEST + 1, true));
        // An escape takes ten characters at most.
        assert!(server_text(&"\u{e0001}".repeat(100_000)).len() <= 10 * LONGEST + 3);
    }
}
