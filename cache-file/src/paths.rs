//! The names of the files in a directory of entries, in any layout.

pub(crate) const HEX: &[u8; 16] = b"0123456789abcdef";

/// The beginning of a temporary file's name; [`TEMP_DIGITS`] random digits follow.
const TEMP: &str = ".tmp-";
const TEMP_DIGITS: usize = 16;

/// Writes bytes in hexadecimal digits, and a suffix.
pub(crate) fn file_name(bytes: &[u8], suffix: &str) -> String {
    let mut name = String::with_capacity(2 * bytes.len() + suffix.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            name.push(char::from(HEX[usize::from(digit)]));
        }
    }
    name.push_str(suffix);
    name
}

/// What a name in a directory of entries says its file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Entry,
    Temporary,
    /// Not ours: never touched.
    Foreign,
}

/// Tells the role of a name where entries are named by this many digits and a suffix.
pub(crate) fn role_of(name: &[u8], entry_digits: usize, suffix: &str) -> Role {
    let hex = |digits: &[u8]| digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is = |digits: Option<&[u8]>, length| digits.is_some_and(|d| d.len() == length && hex(d));
    if is(name.strip_suffix(suffix.as_bytes()), entry_digits) {
        return Role::Entry;
    }
    if is(name.strip_prefix(TEMP.as_bytes()), TEMP_DIGITS) {
        return Role::Temporary;
    }
    Role::Foreign
}

/// Makes a name for a temporary file that nothing else has.
pub(crate) fn temp_name() -> String {
    format!("{TEMP}{:016x}", fastrand::u64(..))
}
