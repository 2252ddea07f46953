//! What is inside of sections, lists and variants.

use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
        value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{Reader, known::is_known, visit, wrong::Wrong};
use crate::{
    text::{bool_of, integer_of},
    tree::{Table, Value},
};

/// Reads a list.
pub(super) fn items_of<'de, V: Visitor<'de>>(items: &[Value], visitor: V) -> Result<V::Value, Wrong> {
    let mut left = Items { items: items.iter().enumerate() };
    let value = visitor.visit_seq(&mut left)?;
    match left.items.filter(|(_, item)| !is_known(item)).count() {
        0 => Ok(value),
        more => Err(de::Error::custom(format_args!("the list has {} items, {more} too many", items.len()))),
    }
}

/// The items of a list that are not passed over.
struct Items<'a> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Value>>,
}

impl<'de> SeqAccess<'de> for &mut Items<'_> {
    type Error = Wrong;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Wrong> {
        let Some((index, item)) = self.items.find(|(_, item)| !is_known(item)) else { return Ok(None) };
        seed.deserialize(Reader(item)).map(Some).map_err(|error| error.within(&index))
    }
}

/// The keys of a section that are not passed over, by their names: what is wrong is found in the same order each time.
pub(super) struct Keys<'a> {
    keys: std::vec::IntoIter<(&'a String, &'a Value)>,
    next: Option<(&'a String, &'a Value)>,
}

impl<'a> Keys<'a> {
    pub(super) fn of(table: &'a Table) -> Self {
        let mut keys: Vec<_> = table.iter().filter(|(_, value)| !is_known(value)).collect();
        keys.sort_unstable_by_key(|(key, _)| *key);
        Self { keys: keys.into_iter(), next: None }
    }

    /// The only key.
    pub(super) fn one(mut self) -> Option<(&'a String, &'a Value)> {
        self.keys.next().filter(|_| self.keys.next().is_none())
    }
}

impl<'de> MapAccess<'de> for Keys<'_> {
    type Error = Wrong;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Wrong> {
        self.next = self.keys.next();
        let Some((key, _)) = self.next else { return Ok(None) };
        seed.deserialize(Name(key)).map(Some).map_err(|error| error.within(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Wrong> {
        let (key, value) = self.next.take().expect("serde asks for a key before its value");
        seed.deserialize(Reader(value)).map_err(|error| error.within(key))
    }
}

/// The key of a section, or of a map, where it may be a number.
struct Name<'a>(&'a str);

macro_rules! numbers {
    ($($method:ident)+) => { $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match integer_of(self.0) {
            Some(number) => visit(number, visitor),
            None => visitor.visit_str(self.0),
        }
    })+ };
}

impl<'de> Deserializer<'de> for Name<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_str(self.0)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match bool_of(self.0) {
            Some(value) => visitor.visit_bool(value),
            None => visitor.visit_str(self.0),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong>
    where
        V: Visitor<'de>,
    {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// A variant that has nothing inside.
pub(super) struct Alone<'a>(pub(super) &'a str);

impl Alone<'_> {
    fn refuse<T>(&self) -> Result<T, Wrong> {
        Err(de::Error::custom(format_args!("`{0}` needs a value: write a section with the key `{0}`", self.0)))
    }
}

impl<'de> EnumAccess<'de> for Alone<'_> {
    type Error = Wrong;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Wrong> {
        let name: StrDeserializer<'_, Wrong> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Alone<'_> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Wrong> {
        self.refuse()
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Wrong> {
        self.refuse()
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Wrong> {
        self.refuse()
    }
}

/// A variant that has something inside.
pub(super) struct Chosen<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a Value,
}

impl<'de> EnumAccess<'de> for Chosen<'_> {
    type Error = Wrong;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Wrong> {
        let name: StrDeserializer<'_, Wrong> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Chosen<'_> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        Deserialize::deserialize(Reader(self.value)).map_err(|error: Wrong| error.within(self.name))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Wrong> {
        seed.deserialize(Reader(self.value)).map_err(|error| error.within(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        Reader(self.value).deserialize_seq(visitor).map_err(|error| error.within(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong> {
        Reader(self.value).deserialize_map(visitor).map_err(|error| error.within(self.name))
    }
}
