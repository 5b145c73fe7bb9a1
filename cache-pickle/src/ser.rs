//! Writes serde's data model as pickle: structs and maps are dicts, sequences lists, tuples tuples; enums are
//! as in `serde_json`.

use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

use crate::error::{Error, Flaw};
use crate::limits::{Limits, MAX_DEPTH};
use crate::opcode as op;
use crate::value;
use crate::write::Writer;

/// Writes `value` as a pickle of protocol 4.
///
/// A sequence that is a key, or a part of one, becomes a tuple, which Python can hash.
///
/// # Errors
/// If the value nests deeper than [`MAX_DEPTH`], holds more than [`Limits`] allow to read again, has a key
/// that Python cannot hash (a struct or a map), or refuses to be serialized.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    to_vec_with(value, &Limits::default())
}

/// [`to_vec`] with other limits.
///
/// # Errors
/// As [`to_vec`].
pub fn to_vec_with<T: Serialize + ?Sized>(value: &T, limits: &Limits) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::new(limits);
    value.serialize(Ser { writer: &mut writer, depth: 0, form: Form::Plain })?;
    writer.finish()
}

/// Writes one value.
struct Ser<'a> {
    writer: &'a mut Writer,
    /// How many containers it is in.
    depth: usize,
    form: Form,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Plain,
    /// The key of a dict, or a part of one: text is likely to be repeated, and Python hashes it.
    Key,
    /// Bytes are a [fragment](value::Opcodes).
    Opcodes,
}

/// Writes the values in a container, and then its end.
struct Inside<'a> {
    writer: &'a mut Writer,
    depth: usize,
    end: &'static [u8],
    /// Of the values in a sequence.
    form: Form,
}

impl<'a> Ser<'a> {
    /// Begins a container, `levels` deeper.
    fn enter(self, levels: usize, begin: &[u8], end: &'static [u8]) -> Result<Inside<'a>, Error> {
        let depth = self.depth + levels;
        if depth > MAX_DEPTH {
            return Err(Flaw::TOO_DEEP.into());
        }
        self.writer.raw(begin);
        Ok(Inside { writer: self.writer, depth, end, form: self.form })
    }

    /// Refuses a dict as the key of another.
    fn no_key(&self) -> Result<(), Error> {
        if self.form == Form::Key { Err(Flaw::UNHASHABLE.into()) } else { Ok(()) }
    }

    /// Begins a dict of one key, the name of an enum's variant, and its value.
    fn variant(
        self,
        name: &'static str,
        levels: usize,
        begin: &[u8],
        end: &'static [u8],
    ) -> Result<Inside<'a>, Error> {
        self.no_key()?;
        let inside = self.enter(levels, &[op::EMPTY_DICT], end)?;
        // The name, and what is the value of a container.
        inside.writer.count(levels)?;
        inside.writer.key(name);
        inside.writer.raw(begin);
        Ok(inside)
    }
}

impl Inside<'_> {
    fn put<T: Serialize + ?Sized>(&mut self, value: &T, form: Form) -> Result<(), Error> {
        self.writer.boundary();
        self.writer.count(1)?;
        value.serialize(Ser { writer: self.writer, depth: self.depth, form })
    }

    fn finish(self) -> Result<(), Error> {
        self.writer.raw(self.end);
        Ok(())
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, n: $type) -> Result<(), Error> {
            self.writer.int(n.into());
            Ok(())
        }
    )*};
}

impl<'a> Serializer for Ser<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Inside<'a>;
    type SerializeTuple = Inside<'a>;
    type SerializeTupleStruct = Inside<'a>;
    type SerializeTupleVariant = Inside<'a>;
    type SerializeMap = Inside<'a>;
    type SerializeStruct = Inside<'a>;
    type SerializeStructVariant = Inside<'a>;

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32
    }

    fn serialize_u64(self, n: u64) -> Result<(), Error> {
        self.serialize_i128(n.into())
    }

    fn serialize_i128(self, n: i128) -> Result<(), Error> {
        match i64::try_from(n) {
            Ok(n) => self.writer.int(n),
            Err(_) => self.writer.long(&n.to_le_bytes()),
        }
        Ok(())
    }

    fn serialize_u128(self, n: u128) -> Result<(), Error> {
        match i128::try_from(n) {
            Ok(n) => self.serialize_i128(n),
            Err(_) => {
                // A byte more, for the sign.
                let mut bytes = [0; 17];
                bytes.iter_mut().zip(n.to_le_bytes()).for_each(|(place, byte)| *place = byte);
                self.writer.long(&bytes);
                Ok(())
            }
        }
    }

    fn serialize_bool(self, bool: bool) -> Result<(), Error> {
        self.writer.bool(bool);
        Ok(())
    }

    fn serialize_f32(self, number: f32) -> Result<(), Error> {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Result<(), Error> {
        self.writer.float(number);
        Ok(())
    }

    fn serialize_char(self, char: char) -> Result<(), Error> {
        self.serialize_str(char.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        if self.form == Form::Key {
            self.writer.key(text)
        } else {
            self.writer.str(text)
        }
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        if self.form != Form::Opcodes {
            self.writer.bytes(bytes);
            return Ok(());
        }
        let (opcodes, values, integer) = value::Opcodes::parts(bytes);
        Ok(self.writer.include(opcodes, values, integer)?)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.writer.op(op::NONE);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.writer.key(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        if name == value::NAME {
            let (depth, hashable) = value::Opcodes::of_index(index);
            if !hashable {
                self.no_key()?;
            }
            let inside = self.enter(depth, &[], &[])?;
            return value.serialize(Ser { writer: inside.writer, depth: inside.depth, form: Form::Opcodes });
        }
        let mut inside = self.variant(variant, 1, &[], &[op::SETITEM])?;
        inside.put(value, Form::Plain)?;
        inside.finish()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Inside<'a>, Error> {
        if self.form == Form::Key {
            return self.serialize_tuple(0);
        }
        self.enter(1, &[op::EMPTY_LIST, op::MARK], &[op::APPENDS])
    }

    fn serialize_tuple(self, _: usize) -> Result<Inside<'a>, Error> {
        self.enter(1, &[op::MARK], &[op::TUPLE])
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Inside<'a>, Error> {
        self.serialize_tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'a>, Error> {
        self.variant(variant, 2, &[op::MARK], &[op::TUPLE, op::SETITEM])
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Inside<'a>, Error> {
        self.no_key()?;
        self.enter(1, &[op::EMPTY_DICT, op::MARK], &[op::SETITEMS])
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Inside<'a>, Error> {
        self.serialize_map(Some(len))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'a>, Error> {
        self.variant(variant, 2, &[op::EMPTY_DICT, op::MARK], &[op::SETITEMS, op::SETITEM])
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

macro_rules! elements {
    ($($trait:ident: $method:ident),*) => {$(
        impl $trait for Inside<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.put(value, self.form)
            }

            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    )*};
}

elements! {
    SerializeSeq: serialize_element, SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field
}

macro_rules! fields {
    ($($trait:ident),*) => {$(
        impl $trait for Inside<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.writer.count(1)?;
                self.writer.key(name);
                self.put(value, Form::Plain)
            }

            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    )*};
}

fields! { SerializeStruct, SerializeStructVariant }

impl SerializeMap for Inside<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.put(key, Form::Key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.put(value, Form::Plain)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}
