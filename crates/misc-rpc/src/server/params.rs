//! The parameters of a call, read straight into what a handler takes.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, Error as _, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::{BorrowedStrDeserializer, MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Error, Result, value::RawValue};

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

/// The names of parameters that come by position.
#[derive(Debug, Clone, Copy)]
enum Names {
    Fields(&'static [&'static str]),
    Declared(&'static [Param]),
}

impl Names {
    fn get(self, at: usize) -> Option<&'static str> {
        match self {
            Self::Fields(fields) => fields.get(at).copied(),
            Self::Declared(params) => params.get(at).map(|param| param.name),
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Fields(fields) => fields.len(),
            Self::Declared(params) => params.len(),
        }
    }
}

/// Reads an object into a struct.
struct ByName<V> {
    visitor: V,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for ByName<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parameters by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> std::result::Result<V::Value, A::Error> {
        self.visitor.visit_map(Members { members, name: Cow::Borrowed("") })
    }
}

/// The members of an object; what is wrong with one is said of its name.
struct Members<'de, A> {
    members: A,
    name: Cow<'de, str>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> std::result::Result<Option<K::Value>, A::Error> {
        let Some(Name(name)) = self.members.next_key()? else {
            return Ok(None);
        };
        self.name = name;
        match &self.name {
            Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            Cow::Owned(name) => seed.deserialize(name.as_str().into_deserializer()),
        }
        .map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> std::result::Result<S::Value, A::Error> {
        self.members.next_value_seed(seed).map_err(|error| named(&self.name, &error))
    }
}

/// The name of a member, borrowed if it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor).map(Self)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> std::result::Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> std::result::Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Reads an array into a struct: its elements are given their names.
struct ByPosition<V> {
    visitor: V,
    names: Names,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for ByPosition<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parameters by position")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> std::result::Result<V::Value, A::Error> {
        let mut named = Zipped { elements, names: self.names, at: 0, element: None };
        let value = self.visitor.visit_map(&mut named)?;
        // A struct is free to stop early.
        while named.next_key::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}

/// The elements of an array, each with a name.
struct Zipped<'de, A> {
    elements: A,
    names: Names,
    /// How many have been named.
    at: usize,
    element: Option<&'de RawValue>,
}

impl<'de, A: SeqAccess<'de>> MapAccess<'de> for Zipped<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> std::result::Result<Option<K::Value>, A::Error> {
        self.element = self.elements.next_element()?;
        if self.element.is_none() {
            return Ok(None);
        }
        let name = self.names.get(self.at).ok_or_else(|| too_many(self.names.len()))?;
        self.at += 1;
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> std::result::Result<S::Value, A::Error> {
        let json = self.element.map_or("null", RawValue::get);
        let name = self.names.get(self.at.saturating_sub(1)).unwrap_or_default();
        seed.deserialize(&mut Json::from_str(json)).map_err(|error| named(name, &error))
    }
}

/// Reads an array into a tuple.
struct Tuple<V> {
    visitor: V,
    length: usize,
    declared: &'static [Param],
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Tuple<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parameters by position")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> std::result::Result<V::Value, A::Error> {
        let mut elements = Elements::new(elements, self.declared);
        let value = self.visitor.visit_seq(&mut elements)?;
        match elements.elements.next_element::<IgnoredAny>()? {
            Some(_) => Err(too_many(self.length)),
            None => Ok(value),
        }
    }
}

/// The elements of an array; what is wrong with one is said of its name or its position.
struct Elements<A> {
    elements: A,
    declared: &'static [Param],
    at: usize,
}

impl<A> Elements<A> {
    fn new(elements: A, declared: &'static [Param]) -> Self {
        Self { elements, declared, at: 0 }
    }

    fn blame<E: serde::de::Error>(&self, error: &E) -> E {
        match self.declared.get(self.at) {
            Some(param) => named(param.name, error),
            None => E::custom(format_args!("parameter {}: {}", self.at + 1, say(error))),
        }
    }

    fn missing<E: serde::de::Error>(&self) -> E {
        match self.declared.get(self.at) {
            Some(param) => E::missing_field(param.name),
            None => E::custom(format_args!("missing parameter {}", self.at + 1)),
        }
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<A> {
    type Error = A::Error;

    fn next_element_seed<S>(&mut self, seed: S) -> std::result::Result<Option<S::Value>, A::Error>
    where
        S: DeserializeSeed<'de>,
    {
        let mut seed = Some(seed);
        let taken = self.elements.next_element_seed(Once(&mut seed)).map_err(|error| self.blame(&error))?;
        let element = match (taken, seed.take()) {
            (Some(element), _) => element,
            (None, Some(seed)) if self.declared.get(self.at).is_some_and(|param| param.optional) => {
                seed.deserialize(().into_deserializer()).map_err(|error: A::Error| self.blame(&error))?
            }
            (None, _) => return Err(self.missing()),
        };
        self.at += 1;
        Ok(Some(element))
    }
}

/// A seed that is still there if nobody needed it.
struct Once<'a, S>(&'a mut Option<S>);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Once<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<S::Value, D::Error> {
        match self.0.take() {
            Some(seed) => seed.deserialize(deserializer),
            None => Err(D::Error::custom("an element was asked for twice")),
        }
    }
}

/// Reads an object into a tuple, as its declared names say.
struct NamedTuple<V> {
    visitor: V,
    declared: &'static [Param],
}

impl<'de, V: Visitor<'de>> Visitor<'de> for NamedTuple<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parameters by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<V::Value, A::Error> {
        let mut values = vec![None; self.declared.len()];
        while let Some(Name(name)) = members.next_key()? {
            let Some(at) = self.declared.iter().position(|param| param.name == name) else {
                return Err(unknown(&name, self.declared));
            };
            let value = members.next_value::<&RawValue>().map_err(|error| named(&name, &error))?;
            if values[at].replace(value).is_some() {
                return Err(A::Error::duplicate_field(self.declared[at].name));
            }
        }
        let values = Values { values: values.into_iter(), elements: Elements::new((), self.declared) };
        self.visitor.visit_seq(values).map_err(|error: Error| A::Error::custom(say(&error)))
    }
}

/// The values of an object, in the order of their declared names.
struct Values<'de> {
    values: std::vec::IntoIter<Option<&'de RawValue>>,
    elements: Elements<()>,
}

impl<'de> SeqAccess<'de> for Values<'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let at = self.elements.at;
        let json = match self.values.next().flatten() {
            Some(value) => value.get(),
            None if self.elements.declared.get(at).is_some_and(|param| param.optional) => "null",
            None => return Err(self.elements.missing()),
        };
        let value = seed.deserialize(&mut Json::from_str(json)).map_err(|error| self.elements.blame(&error))?;
        self.elements.at += 1;
        Ok(Some(value))
    }
}

/// Is content with an empty array.
struct NoElements<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for NoElements<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no parameters")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> std::result::Result<V::Value, A::Error> {
        match elements.next_element::<IgnoredAny>()? {
            Some(IgnoredAny) => Err(too_many(0)),
            None => self.0.visit_unit(),
        }
    }
}

/// Is content with an empty object.
struct NoMembers<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for NoMembers<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<V::Value, A::Error> {
        match members.next_key()? {
            Some(Name(name)) => Err(unknown(&name, &[])),
            None => self.0.visit_unit(),
        }
    }
}

fn named<E: serde::de::Error>(name: &str, error: &impl fmt::Display) -> E {
    E::custom(format_args!("parameter `{name}`: {}", say(error)))
}

fn too_many<E: serde::de::Error>(most: usize) -> E {
    match most {
        0 => E::custom("too many parameters: there are none to give"),
        most => E::custom(format_args!("too many parameters: there are {most} at most")),
    }
}

fn unknown<E: serde::de::Error>(name: &str, declared: &[Param]) -> E {
    let known: Vec<_> = declared.iter().map(|param| format!("`{}`", param.name)).collect();
    match known.as_slice() {
        [] => E::custom(format_args!("unknown field `{name}`, there are no fields")),
        [one] => E::custom(format_args!("unknown field `{name}`, expected {one}")),
        many => E::custom(format_args!("unknown field `{name}`, expected one of {}", many.join(", "))),
    }
}

/// Says what is wrong without the line and the column, which are of no use where a name is known.
fn say(error: &impl fmt::Display) -> String {
    let mut text = error.to_string();
    if let Some(end) = text.rfind(" at line ") {
        text.truncate(end);
    }
    text
}
