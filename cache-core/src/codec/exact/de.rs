//! A deserializer before that of a format: numbers that a type would change are refused.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};

use super::{BEYOND_F32, Exact, LARGE, Meant, ROUNDED, Rules, wide};

/// A type that reads, and which numbers it asked for.
struct Asked<R, V> {
    visitor: V,
    rules: R,
    number: Number,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    Any,
    F32,
    F64,
    I128,
    U128,
}

impl<R: Rules, V> Asked<R, V> {
    #[inline]
    fn within<T>(&self, inner: T) -> Exact<R, T> {
        Exact { inner, rules: self.rules }
    }

    /// Whether the type is a float that holds `n` exactly, or another.
    #[inline]
    fn holds(&self, n: i128) -> bool {
        match self.number {
            // The cast back ends at `i128::MAX`, which is none of them.
            Number::F32 => (n as f32) as i128 == n && n != i128::MAX,
            Number::F64 => (n as f64) as i128 == n && n != i128::MAX,
            _ => true,
        }
    }
}

impl<R: Rules, T> Exact<R, T> {
    #[inline]
    fn ask<V>(&self, visitor: V, number: Number) -> Asked<R, V> {
        Asked { visitor, rules: self.rules, number }
    }
}

macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*) $number:ident;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.ask(visitor, Number::$number);
            self.inner.$method($($name,)* visitor)
        }
    )*};
}

impl<'de, R: Rules, D: Deserializer<'de>> Deserializer<'de> for Exact<R, D> {
    type Error = D::Error;

    forward! {
        deserialize_any() Any;
        deserialize_bool() Any;
        deserialize_i8() Any;
        deserialize_i16() Any;
        deserialize_i32() Any;
        deserialize_i64() Any;
        deserialize_u8() Any;
        deserialize_u16() Any;
        deserialize_u32() Any;
        deserialize_u64() Any;
        deserialize_f32() F32;
        deserialize_f64() F64;
        deserialize_char() Any;
        deserialize_str() Any;
        deserialize_string() Any;
        deserialize_bytes() Any;
        deserialize_byte_buf() Any;
        deserialize_option() Any;
        deserialize_unit() Any;
        deserialize_unit_struct(name: &'static str) Any;
        deserialize_newtype_struct(name: &'static str) Any;
        deserialize_seq() Any;
        deserialize_tuple(len: usize) Any;
        deserialize_tuple_struct(name: &'static str, len: usize) Any;
        deserialize_map() Any;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) Any;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) Any;
        deserialize_identifier() Any;
        deserialize_ignored_any() Any;
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.ask(visitor, Number::I128);
        // The reader of MessagePack takes sixteen bytes of anything, and wraps.
        if R::WIDE_IS_BYTES {
            self.inner.deserialize_any(visitor)
        } else {
            self.inner.deserialize_i128(visitor)
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.ask(visitor, Number::U128);
        if R::WIDE_IS_BYTES {
            self.inner.deserialize_any(visitor)
        } else {
            self.inner.deserialize_u128(visitor)
        }
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident($type:ty);)*) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value)
        }
    )*};
}

macro_rules! visit_integers {
    ($($method:ident($type:ty);)*) => {$(
        #[inline]
        fn $method<E: Error>(self, n: $type) -> Result<V::Value, E> {
            if self.holds(n.into()) { self.visitor.$method(n) } else { Err(E::custom(ROUNDED)) }
        }
    )*};
}

impl<'de, R: Rules, V: Visitor<'de>> Visitor<'de> for Asked<R, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    visit! {
        visit_bool(bool);
        visit_f32(f32);
        visit_char(char);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
    }

    visit_integers! {
        visit_i8(i8);
        visit_i16(i16);
        visit_i32(i32);
        visit_i64(i64);
        visit_u8(u8);
        visit_u16(u16);
        visit_u32(u32);
        visit_u64(u64);
    }

    fn visit_i128<E: Error>(self, n: i128) -> Result<V::Value, E> {
        match self.number {
            Number::F32 | Number::F64 => Err(E::custom(ROUNDED)),
            Number::I128 | Number::U128 => self.visitor.visit_i128(n),
            // Who takes such an integer gets it. The words of others do not say what is wrong.
            Number::Any => self.visitor.visit_i128(n).map_err(|_: E| E::custom(LARGE)),
        }
    }

    fn visit_u128<E: Error>(self, n: u128) -> Result<V::Value, E> {
        match self.number {
            Number::F32 | Number::F64 => Err(E::custom(ROUNDED)),
            Number::I128 | Number::U128 => self.visitor.visit_u128(n),
            Number::Any => self.visitor.visit_u128(n).map_err(|_: E| E::custom(LARGE)),
        }
    }

    #[inline]
    fn visit_f64<E: Error>(self, number: f64) -> Result<V::Value, E> {
        #[cfg(feature = "json")]
        let is_float = matches!(self.number, Number::F32 | Number::F64);
        match self.rules.meant(number) {
            Meant::Float if self.number == Number::F32 && number.is_finite() => {
                let fits = (number as f32).is_finite();
                if fits { self.visitor.visit_f64(number) } else { Err(E::custom(BEYOND_F32)) }
            }
            Meant::Float => self.visitor.visit_f64(number),
            #[cfg(feature = "json")]
            Meant::Signed(n) if is_float && self.holds(n) => self.visitor.visit_f64(number),
            #[cfg(feature = "json")]
            _ if is_float => Err(E::custom(ROUNDED)),
            #[cfg(feature = "json")]
            Meant::Signed(n) => self.visit_i128(n),
            #[cfg(feature = "json")]
            Meant::Unsigned(n) => self.visit_u128(n),
            #[cfg(feature = "json")]
            Meant::Large => Err(E::custom(LARGE)),
        }
    }

    #[inline]
    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<V::Value, E> {
        let unfit = || E::invalid_value(Unexpected::Bytes(&[]), &self.visitor);
        match self.number {
            Number::I128 => {
                let n = wide::signed(bytes).ok_or_else(unfit)?;
                self.visitor.visit_i128(n)
            }
            Number::U128 => {
                let n = wide::unsigned(bytes).ok_or_else(unfit)?;
                self.visitor.visit_u128(n)
            }
            _ => self.visitor.visit_bytes(bytes),
        }
    }

    #[inline]
    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<V::Value, E> {
        match self.number {
            Number::I128 | Number::U128 => self.visit_bytes(bytes),
            _ => self.visitor.visit_borrowed_bytes(bytes),
        }
    }

    #[inline]
    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<V::Value, E> {
        match self.number {
            Number::I128 | Number::U128 => self.visit_bytes(&bytes),
            _ => self.visitor.visit_byte_buf(bytes),
        }
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.within(deserializer);
        self.visitor.visit_some(deserializer)
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.within(deserializer);
        self.visitor.visit_newtype_struct(deserializer)
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        let elements = self.within(elements);
        self.visitor.visit_seq(elements)
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let entries = self.within(entries);
        self.visitor.visit_map(entries)
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        let variant = self.within(variant);
        self.visitor.visit_enum(variant)
    }
}

impl<'de, R: Rules, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Exact<R, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Exact { inner: deserializer, rules: self.rules })
    }
}

impl<'de, R: Rules, A: SeqAccess<'de>> SeqAccess<'de> for Exact<R, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_element_seed(Exact { inner: seed, rules: self.rules })
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, R: Rules, A: MapAccess<'de>> MapAccess<'de> for Exact<R, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_key_seed(Exact { inner: seed, rules: self.rules })
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Exact { inner: seed, rules: self.rules })
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, R: Rules, A: EnumAccess<'de>> EnumAccess<'de> for Exact<R, A> {
    type Error = A::Error;
    type Variant = Exact<R, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let rules = self.rules;
        let (name, inner) = self.inner.variant_seed(Exact { inner: seed, rules })?;
        Ok((name, Exact { inner, rules }))
    }
}

impl<'de, R: Rules, A: VariantAccess<'de>> VariantAccess<'de> for Exact<R, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(Exact { inner: seed, rules: self.rules })
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.ask(visitor, Number::Any);
        self.inner.tuple_variant(len, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.ask(visitor, Number::Any);
        self.inner.struct_variant(fields, visitor)
    }
}
