//! The parameters of a call, read straight into what a handler takes.

mod visitors;

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{
        Error as _, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Error, Result};

use self::visitors::{ByName, ByPosition, Elements, NamedTuple, Names, NoElements, NoMembers, Tuple};
use crate::contract::Param;

/// The parameters of a call: an object, an array, or nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Params<'de> {
    json: Option<&'de str>,
    declared: &'static [Param],
}

impl<'de> Params<'de> {
    pub(crate) fn new(json: Option<&'de str>, declared: &'static [Param]) -> Self {
        Self { json, declared }
    }

    /// Reads them.
    ///
    /// # Errors
    /// What is wrong, for the caller to read.
    pub(crate) fn read<P: Deserialize<'de>>(self) -> std::result::Result<P, String> {
        P::deserialize(self).map_err(|error| say(&error))
    }

    fn is_array(self) -> bool {
        self.json.is_some_and(|json| json.starts_with('['))
    }

    /// Gives what there is, as it is.
    fn pass<T>(json: &'de str, take: impl FnOnce(&mut Json<'de>) -> Result<T>) -> Result<T> {
        take(&mut Json::from_str(json))
    }
}

type Json<'de> = serde_json::Deserializer<serde_json::de::StrRead<'de>>;

impl<'de> Deserializer<'de> for Params<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.json {
            None => visitor.visit_unit(),
            Some(json) => Self::pass(json, |json| json.deserialize_any(visitor)),
        }
    }

    /// Takes no parameters, however they are not there.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.json {
            None => visitor.visit_unit(),
            Some(json) if self.is_array() => Self::pass(json, |json| json.deserialize_seq(NoElements(visitor))),
            Some(json) => Self::pass(json, |json| json.deserialize_map(NoMembers(visitor))),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_struct<V>(self, _: &'static str, fields: &'static [&'static str], visitor: V) -> Result<V::Value>
    where
        V: Visitor<'de>,
    {
        let names = if self.declared.is_empty() { Names::Fields(fields) } else { Names::Declared(self.declared) };
        match self.json {
            None => visitor.visit_map(nothing()),
            Some(json) if self.is_array() => {
                Self::pass(json, |json| json.deserialize_seq(ByPosition { visitor, names }))
            }
            Some(json) => Self::pass(json, |json| json.deserialize_map(ByName { visitor })),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.is_array() && self.declared.is_empty() {
            return Err(Error::custom("the parameters are given by name only"));
        }
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        let Self { declared, .. } = self;
        match self.json {
            None => visitor.visit_seq(Elements::new(no_elements(), declared)),
            Some(json) if self.is_array() => {
                Self::pass(json, |json| json.deserialize_seq(Tuple { visitor, length, declared }))
            }
            Some(json) => Self::pass(json, |json| json.deserialize_map(NamedTuple { visitor, declared })),
        }
    }

    fn deserialize_tuple_struct<V>(self, _: &'static str, length: usize, visitor: V) -> Result<V::Value>
    where
        V: Visitor<'de>,
    {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.json {
            None => visitor.visit_seq(no_elements()),
            Some(json) => Self::pass(json, |json| json.deserialize_seq(visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.json {
            None => visitor.visit_none(),
            Some(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        // What is asked for by a name of serde_json's own is the text itself.
        if name.starts_with('$') {
            return Self::pass(self.json.unwrap_or("null"), |json| json.deserialize_newtype_struct(name, visitor));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V>(self, name: &'static str, variants: &'static [&'static str], visitor: V) -> Result<V::Value>
    where
        V: Visitor<'de>,
    {
        Self::pass(self.json.unwrap_or("null"), |json| json.deserialize_enum(name, variants, visitor))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf identifier ignored_any
    }
}

fn nothing<'de>() -> MapDeserializer<'de, std::iter::Empty<(&'de str, &'de str)>, Error> {
    MapDeserializer::new(std::iter::empty())
}

fn no_elements<'de>() -> SeqDeserializer<std::iter::Empty<&'de str>, Error> {
    SeqDeserializer::new(std::iter::empty())
}

/// Says what is wrong without the line and the column, which are of no use where a name is known.
fn say(error: &impl fmt::Display) -> String {
    let mut text = error.to_string();
    if let Some(end) = text.rfind(" at line ") {
        text.truncate(end);
    }
    text
}
