//! A serializer before that of a format: numbers that the format would change are refused, or written otherwise.

use std::fmt;

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{Exact, NOT_FINITE, Rules, wide};

/// As another value is written, with the rules.
impl<R: Rules, T: Serialize + ?Sized> Serialize for Exact<R, &T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inner.serialize(Exact { inner: serializer, rules: self.rules })
    }
}

macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*) -> $ok:ident;)*) => {$(
        #[inline]
        fn $method(self, $($name: $type),*) -> Result<Self::$ok, S::Error> {
            forward!(@wrap $ok self self.inner.$method($($name),*))
        }
    )*};
    (@wrap Ok $this:ident $call:expr) => { $call };
    (@wrap $kind:ident $this:ident $call:expr) => {
        Ok(Exact { rules: $this.rules, inner: $call? })
    };
}

impl<R: Rules, S: Serializer> Serializer for Exact<R, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Exact<R, S::SerializeSeq>;
    type SerializeTuple = Exact<R, S::SerializeTuple>;
    type SerializeTupleStruct = Exact<R, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Exact<R, S::SerializeTupleVariant>;
    type SerializeMap = Exact<R, S::SerializeMap>;
    type SerializeStruct = Exact<R, S::SerializeStruct>;
    type SerializeStructVariant = Exact<R, S::SerializeStructVariant>;

    #[inline]
    fn serialize_f64(self, number: f64) -> Result<S::Ok, S::Error> {
        if R::BINARY_FLOATS || number.is_finite() {
            self.inner.serialize_f64(number)
        } else {
            Err(S::Error::custom(NOT_FINITE))
        }
    }

    /// As its shortest decimal, unless that is another `f32` to who reads it by way of an `f64`.
    #[inline]
    fn serialize_f32(self, number: f32) -> Result<S::Ok, S::Error> {
        if R::BINARY_FLOATS {
            return self.inner.serialize_f32(number);
        }
        if !number.is_finite() {
            return Err(S::Error::custom(NOT_FINITE));
        }
        let mut shortest = arrayvec::ArrayString::<64>::new();
        let same = fmt::write(&mut shortest, format_args!("{number:e}")).is_ok()
            && shortest.parse::<f64>().is_ok_and(|read| read as f32 == number);
        if same { self.inner.serialize_f32(number) } else { self.inner.serialize_f64(number.into()) }
    }

    fn serialize_i128(self, n: i128) -> Result<S::Ok, S::Error> {
        if !R::WIDE_IS_BYTES {
            self.inner.serialize_i128(n)
        } else if let Ok(n) = i64::try_from(n) {
            self.inner.serialize_i64(n)
        } else if let Ok(n) = u64::try_from(n) {
            self.inner.serialize_u64(n)
        } else {
            self.inner.serialize_bytes(&n.to_be_bytes())
        }
    }

    fn serialize_u128(self, n: u128) -> Result<S::Ok, S::Error> {
        if !R::WIDE_IS_BYTES {
            return self.inner.serialize_u128(n);
        }
        match i128::try_from(n) {
            Ok(n) => self.serialize_i128(n),
            Err(_) => self.inner.serialize_bytes(&wide::above_i128(n)),
        }
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_some(&Exact { inner: value, rules: self.rules })
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_struct(name, &Exact { inner: value, rules: self.rules })
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = Exact { inner: value, rules: self.rules };
        self.inner.serialize_newtype_variant(name, index, variant, &value)
    }

    forward! {
        serialize_bool(flag: bool) -> Ok;
        serialize_i8(n: i8) -> Ok;
        serialize_i16(n: i16) -> Ok;
        serialize_i32(n: i32) -> Ok;
        serialize_i64(n: i64) -> Ok;
        serialize_u8(n: u8) -> Ok;
        serialize_u16(n: u16) -> Ok;
        serialize_u32(n: u32) -> Ok;
        serialize_u64(n: u64) -> Ok;
        serialize_char(char: char) -> Ok;
        serialize_str(text: &str) -> Ok;
        serialize_bytes(bytes: &[u8]) -> Ok;
        serialize_none() -> Ok;
        serialize_unit() -> Ok;
        serialize_unit_struct(name: &'static str) -> Ok;
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> Ok;
        serialize_seq(len: Option<usize>) -> SerializeSeq;
        serialize_tuple(len: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeStructVariant;
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! parts {
    ($($trait:ident: $($method:ident($($name:ident)?)),*;)*) => {$(
        impl<R: Rules, S: $trait> $trait for Exact<R, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            $(
                #[inline]
                fn $method<T: Serialize + ?Sized>(
                    &mut self,
                    $($name: &'static str,)?
                    value: &T,
                ) -> Result<(), S::Error> {
                    self.inner.$method($($name,)? &Exact { inner: value, rules: self.rules })
                }
            )*

            parts!(@skip $trait);

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )*};
    (@skip SerializeStruct) => { parts!(@skip); };
    (@skip SerializeStructVariant) => { parts!(@skip); };
    (@skip $other:ident) => {};
    (@skip) => {
        #[inline]
        fn skip_field(&mut self, name: &'static str) -> Result<(), S::Error> {
            self.inner.skip_field(name)
        }
    };
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(name);
    SerializeStructVariant: serialize_field(name);
}
