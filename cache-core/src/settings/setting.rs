//! [`Setting`]: a tree of settings, from any serde source.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A setting, or a tree of them: what TOML, JSON and every other self-describing serde format is read into. A
/// table keeps its order, and a repeated name is an error.
///
/// Its `Debug` shows the shape and no strings, which may be passwords.
///
/// ```
/// use cache_core::Setting;
///
/// let tree: Setting = serde_json::from_str(r#"{"BACKEND": "locmem", "VERSION": 2}"#)?;
/// assert_eq!(
///     tree,
///     Setting::Table(vec![("BACKEND".into(), "locmem".into()), ("VERSION".into(), 2.into())])
/// );
/// assert!(serde_json::from_str::<Setting>(r#"{"A": 1, "A": 2}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub enum Setting {
    /// Python's `None`.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A string.
    Text(String),
    /// A list; Python's tuples too.
    List(Vec<Self>),
    /// Names and their settings, each name once.
    Table(Vec<(String, Self)>),
}

impl Setting {
    /// What an error message calls it. The value of a string is shown only if the caller knows that it is not
    /// a secret: see [`Setting::shown`].
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// The value for an error message, cut if it is long.
    pub(super) fn shown(&self) -> String {
        const SHOWN: usize = 60;
        match self {
            Self::Integer(n) => n.to_string(),
            // With its point, which shows that it is not a whole number.
            Self::Float(n) => format!("{n:?}"),
            Self::Text(text) if text.chars().count() > SHOWN => {
                format!("{:?}…", text.chars().take(SHOWN).collect::<String>())
            }
            Self::Text(text) => format!("{text:?}"),
            other => other.kind().to_owned(),
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Table(entries) => f.debug_map().entries(entries.iter().map(|(k, v)| (k, v))).finish(),
            other => f.write_str(other.kind()),
        }
    }
}

impl From<&str> for Setting {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Setting {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Setting {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Setting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a setting: a table, list, text, number, true, false or null")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Setting, E> {
        Ok(Setting::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Setting, E> {
        Ok(Setting::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Setting, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Setting, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Setting, E> {
        Ok(Setting::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Setting, E> {
        Ok(Setting::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Setting, E> {
        let fits = i64::try_from(number).map(Setting::Integer);
        fits.map_err(|_| E::custom("a number is too large"))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Setting, E> {
        Ok(Setting::Float(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Setting, E> {
        Ok(Setting::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Setting, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Setting::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Setting, A::Error> {
        let mut table: Vec<(String, Setting)> = Vec::new();
        while let Some(name) = entries.next_key::<String>()? {
            if table.iter().any(|(other, _)| *other == name) {
                return Err(de::Error::custom(format_args!("{name:?} is given twice")));
            }
            table.push((name, entries.next_value()?));
        }
        Ok(Setting::Table(table))
    }
}
