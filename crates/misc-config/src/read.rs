//! Settings made a value of the program's type: strictly, and with the path of what is wrong.

mod buffered;
mod inside;
mod known;
mod wrong;

use std::time::Duration;

use misc_core::schema::{Describe, Kind};
use serde::{
    Deserializer,
    de::{self, DeserializeOwned, MapAccess, Unexpected, Visitor, value::MapDeserializer},
};

use self::{
    buffered::{narrowed, spell_out},
    inside::{Alone, Chosen, Keys, items_of},
    known::pass_over,
    wrong::Wrong,
};
use crate::{
    keys::{is_secret, rank},
    show::show,
    text::{bool_of, float_of, from_json, integer_of},
    tree::{Value, ValueKind},
    typing::{duration_of, found, is_scalar},
};

/// How much is looked for: each thing that is wrong takes another attempt.
const MOST: usize = 100;

/// What is said of a secret: types tell what they were given.
const SECRET: &str = "is not as its type expects (the reason is not shown, since the value is secret)";

/// Reads a value of the program's type.
///
/// # Errors
/// Everything that is wrong, up to a hundred things: what is not as its type expects is passed over, and the rest read again,
/// until all is known.
pub(crate) fn read<T: Describe + DeserializeOwned>(settings: &Value) -> Result<T, Vec<Unreadable>> {
    attempt(settings).or_else(|error| {
        let kind = const { &T::KIND };
        let mut left = settings.clone();
        if !spell_out(&mut left, kind) {
            return Err(everything::<T>(settings, left, kind, error, Vec::new()));
        }
        attempt(&left).map_err(|error| everything::<T>(settings, left, kind, error, Vec::new()))
    })
}

/// Finds what else is wrong where something is known to be wrong: the paths of that are passed over.
pub(crate) fn read_beside<T: Describe + DeserializeOwned>(settings: &Value, known: &[&str]) -> Vec<Unreadable> {
    let kind = const { &T::KIND };
    let mut left = settings.clone();
    let paths = known.iter().map(|path| path.split('.').map(str::to_owned).collect::<Vec<_>>());
    let known = paths.map(|parts| Unreadable { parts, message: String::new() }).collect::<Vec<_>>();
    spell_out(&mut left, kind);
    for Unreadable { parts, .. } in &known {
        pass_over(&mut left, parts);
    }
    match attempt::<T>(&left) {
        Ok(_) => Vec::new(),
        Err(error) => everything::<T>(settings, left, kind, error, known),
    }
}

/// Reads once, up to the first thing that is wrong.
fn attempt<T: DeserializeOwned>(settings: &Value) -> Result<T, Wrong> {
    T::deserialize(Reader(settings)).map_err(Wrong::downwards)
}

/// Finds everything that is wrong, by and by, beside what is known.
fn everything<T: DeserializeOwned>(
    settings: &Value,
    mut left: Value,
    kind: &'static Kind,
    mut error: Wrong,
    known: Vec<Unreadable>,
) -> Vec<Unreadable> {
    let before = known.len();
    let mut found = known;
    loop {
        let Wrong { parts, message, .. } = narrowed::<T>(&left, kind, error);
        let passed = pass_over(&mut left, &parts);
        // Where something inside was passed over, what is left of it is incomplete.
        let joined = parts.join(".");
        if !found.iter().any(|known| known.parts.starts_with(&parts) || known.parts.join(".") == joined) {
            let message =
                if is_secret(kind, &parts) { SECRET.to_owned() } else { with_value(message, settings, &parts) };
            found.push(Unreadable { parts, message });
        }
        match attempt::<T>(&left) {
            Err(next) if passed && found.len() < before + MOST => error = next,
            _ => break,
        }
    }
    let mut found = found.split_off(before);
    found.sort_by_cached_key(|wrong| rank(kind, &wrong.parts));
    if found.len() == MOST {
        found.push(Unreadable { parts: Vec::new(), message: "there may be more, which is not looked for".to_owned() });
    }
    found
}

/// One thing that could not be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) parts: Vec<String>,
    pub(crate) message: String,
}

/// Adds the value that is refused, where the reason does not show it.
fn with_value(message: String, settings: &Value, parts: &[String]) -> String {
    match parts.iter().try_fold(settings, |value, part| child(value, part)) {
        Some(value) if is_scalar(value) && !message.contains(", found ") && !tells(&message, value) => {
            format!("{message}, found {}", found(value))
        }
        _ => message,
    }
}

fn tells(message: &str, value: &Value) -> bool {
    let shown = match &value.kind {
        ValueKind::String(text) => text.clone(),
        _ => show(value),
    };
    let parts = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let is_whole = |(at, _): (usize, &str)| {
        !parts(message[..at].chars().next_back()) && !parts(message[at + shown.len()..].chars().next())
    };
    !shown.is_empty() && message.match_indices(&*shown).any(is_whole)
}

/// Finds the value of a path, whose parts may be places in lists.
pub(crate) fn child<'a>(value: &'a Value, part: &str) -> Option<&'a Value> {
    match &value.kind {
        ValueKind::Table(table) => table.get(part),
        ValueKind::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Reads a value. What it becomes is decided by what the type asks for: a text is read as a number where a number is asked for,
/// and a number is never read as a text.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a Value);

impl<'a> Reader<'a> {
    fn unexpected(&self) -> Unexpected<'a> {
        match &self.0.kind {
            ValueKind::Nil => Unexpected::Unit,
            ValueKind::Boolean(value) => Unexpected::Bool(*value),
            ValueKind::I64(value) => Unexpected::Signed(*value),
            ValueKind::U64(value) => Unexpected::Unsigned(*value),
            ValueKind::I128(_) | ValueKind::U128(_) => Unexpected::Other("a large integer"),
            ValueKind::Float(value) => Unexpected::Float(*value),
            ValueKind::String(text) => Unexpected::Str(text),
            ValueKind::Table(_) => Unexpected::Map,
            ValueKind::Array(_) => Unexpected::Seq,
        }
    }

    fn refuse<T>(&self, expected: &dyn de::Expected) -> Result<T, Wrong> {
        Err(de::Error::invalid_type(self.unexpected(), expected))
    }

    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.kind {
            ValueKind::I64(value) => visitor.visit_i64(*value),
            ValueKind::U64(value) => visitor.visit_u64(*value),
            ValueKind::I128(value) => visitor.visit_i128(*value),
            ValueKind::U128(value) => visitor.visit_u128(*value),
            ValueKind::String(text) => match integer_of(text.trim()) {
                Some(value) => visit(value, visitor),
                None => self.refuse(&visitor),
            },
            _ => self.refuse(&visitor),
        }
    }

    fn float(&self) -> Option<f64> {
        match &self.0.kind {
            ValueKind::Float(value) => Some(*value),
            ValueKind::String(text) => float_of(text.trim()),
            ValueKind::I64(_) | ValueKind::U64(_) | ValueKind::I128(_) | ValueKind::U128(_) => {
                float_of(&self.0.kind.to_string())
            }
            _ => None,
        }
    }

    /// A text that is a list or a section written as JSON.
    fn json<T>(
        &self,
        expected: &dyn de::Expected,
        then: impl FnOnce(Reader<'_>) -> Result<T, Wrong>,
    ) -> Result<T, Wrong> {
        match &self.0.kind {
            ValueKind::String(text) if text.trim_start().starts_with(['[', '{']) => {
                let value = from_json(text, self.0.origin().unwrap_or_default()).map_err(de::Error::custom)?;
                then(Reader(&value))
            }
            _ => self.refuse(expected),
        }
    }
}

macro_rules! integers {
    ($($method:ident)+) => { $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.integer(visitor)
    })+ };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.kind {
            ValueKind::Nil => visitor.visit_unit(),
            ValueKind::Boolean(value) => visitor.visit_bool(*value),
            ValueKind::Float(value) => visitor.visit_f64(*value),
            ValueKind::String(text) => visitor.visit_str(text),
            ValueKind::Table(table) => visitor.visit_map(Keys::of(table)),
            ValueKind::Array(items) => items_of(items, visitor),
            ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => self.integer(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.kind {
            ValueKind::Boolean(value) => visitor.visit_bool(*value),
            ValueKind::String(text) => match bool_of(text.trim()) {
                Some(value) => visitor.visit_bool(value),
                None => self.refuse(&visitor),
            },
            _ => self.refuse(&visitor),
        }
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.float() {
            Some(number) if number.is_finite() && number.abs() > f32::MAX.into() => {
                Err(de::Error::custom("is too large for 32 bits"))
            }
            _ => self.deserialize_f64(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.float() {
            Some(value) => visitor.visit_f64(value),
            None => self.refuse(&visitor),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.kind {
            ValueKind::String(text) => visitor.visit_str(text),
            _ => self.refuse(&visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.kind {
            ValueKind::String(text) => visitor.visit_bytes(text.as_bytes()),
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.kind {
            ValueKind::Nil => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.kind {
            ValueKind::Nil => visitor.visit_unit(),
            _ => self.refuse(&visitor),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.kind {
            ValueKind::Array(items) => items_of(items, visitor),
            _ => self.json(&"a list", |json| match &json.0.kind {
                ValueKind::Array(items) => items_of(items, visitor),
                _ => json.refuse(&visitor),
            }),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value, Wrong>
    where
        V: Visitor<'de>,
    {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.0.kind {
            ValueKind::Table(table) => visitor.visit_map(Keys::of(table)),
            _ => self.json(&"a section", |json| match &json.0.kind {
                ValueKind::Table(table) => visitor.visit_map(Keys::of(table)),
                _ => json.refuse(&visitor),
            }),
        }
    }

    fn deserialize_struct<V>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong>
    where
        V: Visitor<'de>,
    {
        match &self.0.kind {
            // What serde makes of `std::time::Duration`.
            ValueKind::String(text) if name == "Duration" => match duration_of(text) {
                Some(duration) => visitor.visit_map(parts_of(duration)),
                None => self.refuse(&"a span of time such as `30s`"),
            },
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong>
    where
        V: Visitor<'de>,
    {
        match &self.0.kind {
            ValueKind::String(name) => visitor.visit_enum(Alone(name)),
            ValueKind::Table(table) => match Keys::of(table).one() {
                Some((name, value)) => visitor.visit_enum(Chosen { name, value }),
                None => Err(de::Error::custom("expected the name of one variant, with what it contains below it")),
            },
            _ => self.refuse(&visitor),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }
}

/// Shows a number as the smallest kind that holds it: that is what types of 64 bits look at.
fn visit<'de, V: Visitor<'de>>(number: i128, visitor: V) -> Result<V::Value, Wrong> {
    if let Ok(number) = i64::try_from(number) {
        visitor.visit_i64(number)
    } else if let Ok(number) = u64::try_from(number) {
        visitor.visit_u64(number)
    } else {
        visitor.visit_i128(number)
    }
}

fn parts_of<'de>(duration: Duration) -> impl MapAccess<'de, Error = Wrong> {
    let parts = [("secs", duration.as_secs()), ("nanos", u64::from(duration.subsec_nanos()))];
    MapDeserializer::new(parts.into_iter())
}
