//! How `#[cached]` writes an argument into a key, so that no two lists of arguments make one key.
//!
//! An integer is its digits. Any other value is its text with the length in front: `5:about`. An option begins with `+`
//! or `-`, a list with its length. So a key can be read back from the left: the types say what comes next, and the
//! macro lets no digit follow an argument.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

/// A type that writes itself into a key. Every other type that has `Display` is written as its text.
pub trait KeyPart {
    /// Appends this value to `key`.
    fn write_to(&self, key: &mut String);
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl KeyPart for $type {
            fn write_to(&self, key: &mut String) {
                write(key, format_args!("{self}"));
            }
        }
    )*};
}

integers! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }

macro_rules! displayed {
    ($($type:ty)*) => {$(
        impl KeyPart for $type {
            fn write_to(&self, key: &mut String) {
                write_text(key, &self.to_string());
            }
        }
    )*};
}

displayed! { bool char }

impl KeyPart for str {
    fn write_to(&self, key: &mut String) {
        write_text(key, self);
    }
}

macro_rules! like_what_they_hold {
    ($($type:ty: $held:ident $(+ $bound:ident)?;)*) => {$(
        impl<$held: KeyPart + ?Sized $(+ $bound)?> KeyPart for $type {
            fn write_to(&self, key: &mut String) {
                (**self).write_to(key);
            }
        }
    )*};
}

like_what_they_hold! { &T: T; &mut T: T; Box<T>: T; Arc<T>: T; Rc<T>: T; Cow<'_, T>: T + ToOwned; }

impl KeyPart for String {
    fn write_to(&self, key: &mut String) {
        write_text(key, self);
    }
}

impl<T: KeyPart> KeyPart for Option<T> {
    fn write_to(&self, key: &mut String) {
        match self {
            Some(value) => {
                key.push('+');
                value.write_to(key);
            }
            None => key.push('-'),
        }
    }
}

impl<T: KeyPart> KeyPart for [T] {
    fn write_to(&self, key: &mut String) {
        write(key, format_args!("{}[", self.len()));
        for value in self {
            value.write_to(key);
            key.push(',');
        }
        key.push(']');
    }
}

impl<T: KeyPart> KeyPart for Vec<T> {
    fn write_to(&self, key: &mut String) {
        self.as_slice().write_to(key);
    }
}

impl<T: KeyPart, const N: usize> KeyPart for [T; N] {
    fn write_to(&self, key: &mut String) {
        self.as_slice().write_to(key);
    }
}

/// An argument on its way into a key. A method of its own comes before one of a trait, so a [`KeyPart`] writes itself
/// and [`TextPart`] is for every other type.
#[derive(Debug)]
pub struct Part<'a, T: ?Sized>(pub &'a T);

impl<T: KeyPart + ?Sized> Part<'_, T> {
    /// Appends the argument to `key`.
    pub fn write_to(&self, key: &mut String) {
        self.0.write_to(key);
    }
}

/// [`Part::write_to`] for types that are not a [`KeyPart`].
pub trait TextPart<T: ?Sized> {
    /// Appends the argument's text to `key`, with its length.
    fn write_to(&self, key: &mut String)
    where
        T: KeyText;
}

impl<T: ?Sized> TextPart<T> for Part<'_, T> {
    fn write_to(&self, key: &mut String)
    where
        T: KeyText,
    {
        write_text(key, &self.0.key_text());
    }
}

/// A type that a key can contain: every type with `Display`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a part of a cache key",
    label = "this argument of `#[cached]` has no text",
    note = "implement `Display` for it, or name a field of it in the key: `{{argument.field}}`",
    note = "if the result does not depend on it, leave it out: `ignore(argument)`"
)]
pub trait KeyText {
    /// The text.
    fn key_text(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: fmt::Display + ?Sized> KeyText for T {
    fn key_text(&self) -> String {
        self.to_string()
    }
}

/// Writes `len:text`. A key may hold neither blanks nor control characters on memcached: these, and `%`, are written
/// as in a URL.
fn write_text(key: &mut String, text: &str) {
    let is_refused = |byte: u8| byte <= b' ' || byte == 0x7f || byte == b'%';
    if !text.bytes().any(is_refused) {
        write(key, format_args!("{}:{text}", text.len()));
        return;
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match u8::try_from(character) {
            Ok(byte) if is_refused(byte) => write(&mut escaped, format_args!("%{byte:02X}")),
            _ => escaped.push(character),
        }
    }
    write(key, format_args!("{}:{escaped}", escaped.len()));
}

fn write(key: &mut String, text: fmt::Arguments<'_>) {
    // A `String` takes whatever is written.
    let _ = key.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part<T: KeyPart + ?Sized>(value: &T) -> String {
        let mut key = String::new();
        Part(value).write_to(&mut key);
        key
    }

    #[test]
    fn integers_are_digits_and_texts_have_their_length() {
        assert_eq!(part(&7_u64), "7");
        assert_eq!(part(&&-7_i8), "-7");
        assert_eq!(part("7"), "1:7");
        assert_eq!(part(&String::from("grün")), "5:grün");
        assert_eq!(part(&true), "4:true");
        assert_eq!(part(&Cow::Borrowed("")), "0:");
    }

    #[test]
    fn options_and_lists_differ_from_what_they_hold() {
        assert_eq!(part(&Some(7)), "+7");
        assert_eq!(part(&Some(-7)), "+-7");
        assert_eq!(part(&None::<i32>), "-");
        assert_eq!(part(&Some(None::<i32>)), "+-");
        assert_eq!(part(&[1, 23]), "2[1,23,]");
        assert_eq!(part(&vec![12, 3]), "2[12,3,]");
        assert_eq!(part(&["a,1:b"]), "1[5:a,1:b,]");
        assert_eq!(part(&["a", "b"]), "2[1:a,1:b,]");
    }

    #[test]
    fn other_types_are_their_text() {
        struct Ratio(i32, i32);
        impl fmt::Display for Ratio {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}/{}", self.0, self.1)
            }
        }
        let mut key = String::new();
        Part(&Ratio(1, 2)).write_to(&mut key);
        Part(&1.5).write_to(&mut key);
        assert_eq!(key, "3:1/23:1.5");
    }

    #[test]
    fn what_memcached_refuses_is_escaped_and_differs() {
        assert_eq!(part("a b"), "5:a%20b");
        assert_eq!(part("a%20b"), "7:a%2520b");
        assert_eq!(part("\n\u{7f}\u{a0}"), "8:%0A%7F\u{a0}");
    }
}
