//! The ways in which parameters are given, and those in which handlers take them.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, Error as _, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::BorrowedStrDeserializer,
    },
};
use serde_json::{Error, Result, value::RawValue};

use super::{Json, say};
use crate::contract::Param;

/// The names of parameters that come by position.
#[derive(Debug, Clone, Copy)]
pub(super) enum Names {
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
pub(super) struct ByName<V> {
    pub(super) visitor: V,
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
pub(super) struct ByPosition<V> {
    pub(super) visitor: V,
    pub(super) names: Names,
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
pub(super) struct Tuple<V> {
    pub(super) visitor: V,
    pub(super) length: usize,
    pub(super) declared: &'static [Param],
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
pub(super) struct Elements<A> {
    elements: A,
    declared: &'static [Param],
    at: usize,
}

impl<A> Elements<A> {
    pub(super) fn new(elements: A, declared: &'static [Param]) -> Self {
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
pub(super) struct NamedTuple<V> {
    pub(super) visitor: V,
    pub(super) declared: &'static [Param],
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
pub(super) struct NoElements<V>(pub(super) V);

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
pub(super) struct NoMembers<V>(pub(super) V);

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
