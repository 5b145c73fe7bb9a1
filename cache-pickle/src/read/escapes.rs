//! The text forms of protocol 0: escaped text, and numbers in decimal digits.

use crate::error::Flaw;
use crate::read::cursor::utf8;
use crate::read::item::Item;
use crate::read::typed::big_integer;

/// A line in Python's `raw-unicode-escape`: Latin-1 with `\uXXXX` and `\UXXXXXXXX`. Appended to
/// `text` unless the line says it as it is.
pub(crate) fn unicode<'de>(line: &'de [u8], text: &mut String) -> Result<Item<'de>, Flaw> {
    if line.is_ascii() && !line.contains(&b'\\') {
        return Ok(Item::Str(utf8(line)?));
    }
    let at = text.len();
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let digits = match (byte, rest.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            (b'\\', Some(&other)) => {
                text.push('\\');
                text.push(char::from(other));
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            _ => {
                text.push(char::from(byte));
                continue;
            }
        };
        let code = rest.get(1..=digits).and_then(hexadecimal);
        let code = code.ok_or(Flaw::malformed("an escape without its digits"))?;
        let lone = Flaw::unsupported("a string has a lone surrogate, which Unicode does not allow");
        text.push(char::from_u32(code).ok_or(lone)?);
        rest = rest.get(1 + digits..).unwrap_or_default();
    }
    Ok(Item::Unescaped { at: at as u32, len: (text.len() - at) as u32 })
}

/// A Python 2 `str` as its `repr`: text, if it is ASCII.
pub(crate) fn string<'de>(line: &'de [u8], text: &mut String) -> Result<Item<'de>, Flaw> {
    let quoted = match line {
        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
        _ => return Err(Flaw::malformed("a string without its quotes")),
    };
    if !quoted.contains(&b'\\') {
        return ascii(quoted);
    }
    let at = text.len();
    let mut rest = quoted;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let mut code = u32::from(byte);
        if byte == b'\\' {
            let (&escape, after) =
                rest.split_first().ok_or(Flaw::malformed("a string ends in a backslash"))?;
            rest = after;
            code = match escape {
                b'\\' | b'\'' | b'"' => u32::from(escape),
                b'a' => 7,
                b'b' => 8,
                b't' => 9,
                b'n' => 10,
                b'v' => 11,
                b'f' => 12,
                b'r' => 13,
                b'x' => {
                    let digits = rest.get(..2).and_then(hexadecimal);
                    rest = rest.get(2..).unwrap_or_default();
                    digits.ok_or(Flaw::malformed("an escape without its digits"))?
                }
                _ => return Err(Flaw::unsupported("a string has an escape that Python's repr never writes")),
            };
        }
        let ascii = u8::try_from(code).ok().filter(u8::is_ascii).ok_or(NOT_ASCII)?;
        text.push(char::from(ascii));
    }
    Ok(Item::Unescaped { at: at as u32, len: (text.len() - at) as u32 })
}

const NOT_ASCII: Flaw = Flaw::unsupported("a Python 2 string that is not ASCII may be text or bytes");

/// A Python 2 `str`, as Python 3 reads it by default.
pub(crate) fn ascii(bytes: &[u8]) -> Result<Item<'_>, Flaw> {
    if bytes.is_ascii() { Ok(Item::Str(utf8(bytes)?)) } else { Err(NOT_ASCII) }
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |code, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        code.checked_mul(16)?.checked_add(digit)
    })
}

/// An integer in decimal digits of at most `limit` bytes in two's complement.
pub(crate) fn integer(digits: &str, limit: usize) -> Result<Item<'_>, Flaw> {
    if let Ok(n) = digits.parse() {
        return Ok(Item::Int(n));
    }
    let bare = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    if bare.is_empty() || !bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Flaw::malformed("an invalid number"));
    }
    let item = Item::LongText(digits);
    // A byte is between 2.4 and 2.5 digits. In between, only the number itself says.
    let fits = bare.len() / 3 <= limit
        && (bare.len() / 2 < limit
            || big_integer(&item).is_some_and(|n| n.to_signed_bytes_le().len() <= limit));
    if fits { Ok(item) } else { Err(Flaw::INTEGER) }
}
