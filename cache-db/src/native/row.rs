//! [`Row`]: the columns of an entry in this crate's native layout.

use cache_core::{Bytes, Key, Payload};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Statement, ToSql};

use super::checksum::KeySum;
use crate::error::SqlResult;
use crate::layout::Lookup;

/// An entry as it is stored, but for its key and its sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Row<'a> {
    pub(super) kind: u8,
    pub(super) codec: u8,
    pub(super) expires: Option<i64>,
    pub(super) value: Value<'a>,
}

/// The column `value`: a number where the kind is 0, bytes otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(n) => ValueRef::Integer(*n),
            Self::Bytes(data) => ValueRef::Blob(data),
        }))
    }
}

impl<'a> Row<'a> {
    pub(super) fn new(payload: &'a Payload, expires: Option<i64>) -> Self {
        let (kind, codec) = payload.tags();
        let value = match payload {
            Payload::Int(n) => Value::Integer(*n),
            other => Value::Bytes(other.bytes()),
        };
        Self { kind: kind as u8, codec: codec.0, expires, value }
    }

    /// Reads the columns `kind`, `codec`, `expires`, `sum` and `value`. Returns `None` for a damaged row, and for
    /// the row of another key.
    pub(super) fn read(columns: [ValueRef<'a>; 5], key: KeySum) -> Option<Self> {
        let [kind, codec, expires, sum, value] = columns;
        let (row, sum) = (Self::of_columns(kind, codec, expires, value)?, number(sum)?);
        (row.sum(key) == sum).then_some(row)
    }

    fn of_columns(
        kind: ValueRef<'a>,
        codec: ValueRef<'a>,
        expires: ValueRef<'a>,
        value: ValueRef<'a>,
    ) -> Option<Self> {
        let small = |column| number(column).and_then(|n| u8::try_from(n).ok());
        let (kind, codec) = (small(kind)?, small(codec)?);
        let value = match (kind, value) {
            (0, ValueRef::Integer(n)) => Value::Integer(n),
            (1.., ValueRef::Blob(data)) => Value::Bytes(data),
            _ => return None,
        };
        let expires = match expires {
            ValueRef::Null => None,
            other => Some(number(other)?),
        };
        Some(Self { kind, codec, expires, value })
    }

    /// What the column `sum` of this row has to be under a key.
    pub(super) fn sum(&self, key: KeySum) -> i64 {
        let low = match self.value {
            Value::Integer(n) => key.of_integer(n),
            Value::Bytes(data) => key.of_data(self.kind, self.codec, data),
        };
        key.of_expiry(self.expires) | low
    }

    /// Returns the value; `None` for an unknown kind, and for text that is not UTF-8: this crate wrote neither.
    pub(super) fn payload(&self) -> Option<Payload> {
        match self.value {
            Value::Integer(n) => Some(Payload::Int(n)),
            Value::Bytes(data) => {
                let payload = Payload::from_parts(self.kind, self.codec, Bytes::copy_from_slice(data))?;
                let is_text = matches!(payload, Payload::Text(_));
                (!is_text || std::str::from_utf8(data).is_ok()).then_some(payload)
            }
        }
    }
}

/// Runs the statement `get` and returns what it finds under `key`: of a live row what `read` makes of it.
pub(super) fn look<T>(
    get: &mut Statement<'_>,
    key: Key<'_>,
    now: i64,
    read: impl FnOnce(&Row<'_>) -> Option<T>,
) -> SqlResult<Lookup<T>> {
    let mut rows = get.query([key.as_str()])?;
    let Some(found) = rows.next()? else { return Ok(Lookup::Absent) };
    let column = |index| found.get_ref(index);
    let columns = [column(0)?, column(1)?, column(2)?, column(3)?, column(4)?];
    Ok(match Row::read(columns, KeySum::of(key.as_str())) {
        None => Lookup::Damaged,
        Some(row) if row.expires.is_some_and(|deadline| deadline <= now) => Lookup::Absent,
        Some(row) => read(&row).map_or(Lookup::Damaged, Lookup::Live),
    })
}

fn number(column: ValueRef<'_>) -> Option<i64> {
    column.as_i64().ok()
}

#[cfg(test)]
mod fuzz;
