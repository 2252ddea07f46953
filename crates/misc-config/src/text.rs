//! Texts of variables and flags, taken as the kind of their key wants them.

use misc_core::schema::Kind;

use crate::{
    keys::{Bare, bare},
    tree::{Table, Value, ValueKind, value},
};

/// Takes a text apart where its kind is made of several values; what a single value means is seen later, with all others.
pub(crate) fn from_text(text: &str, kind: &Kind, origin: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    match *unwrapped(kind) {
        Kind::Text => Ok(value(origin, text)),
        Kind::List(_) if trimmed.starts_with('[') && trimmed.ends_with(']') => from_json(trimmed, origin),
        Kind::List(inside) if !trimmed.is_empty() && has_parts(inside) => {
            Err("expected a JSON list, such as `[{\"key\": \"value\"}]`".to_owned())
        }
        Kind::List(inside) => list(trimmed, inside, origin),
        Kind::Map(_) | Kind::Struct(_) | Kind::Tagged { .. } => {
            if trimmed.starts_with('{') {
                return from_json(trimmed, origin);
            }
            Err("expected a JSON object, such as `{\"key\": \"value\"}`".to_owned())
        }
        Kind::Any if trimmed.starts_with(['[', '{']) => from_json(trimmed, origin).or_else(|_| Ok(value(origin, text))),
        Kind::Any => Ok(value(origin, text)),
        _ => Ok(value(origin, trimmed)),
    }
}

/// Returns whether a value is made of several.
fn has_parts(kind: &Kind) -> bool {
    matches!(unwrapped(kind), Kind::List(_) | Kind::Map(_) | Kind::Struct(_) | Kind::Tagged { .. })
}

/// Splits a list at its commas; there may be one at the end.
fn list(text: &str, inside: &Kind, origin: &str) -> Result<Value, String> {
    let items = text.strip_suffix(',').unwrap_or(text).split(',').filter(|_| !text.is_empty());
    let items: Result<Vec<Value>, String> = items.map(|item| from_text(item.trim(), inside, origin)).collect();
    Ok(value(origin, items?))
}

/// Reads JSON. The error says where it is wrong, and never what is there.
pub(crate) fn from_json(text: &str, origin: &str) -> Result<Value, String> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("is not valid JSON: {error}"))?;
    Ok(of_json(json, origin))
}

/// Takes over a value of JSON.
pub(crate) fn of_json(json: serde_json::Value, origin: &str) -> Value {
    use serde_json::Value as Json;
    let kind = match json {
        Json::Null => ValueKind::Nil,
        Json::Bool(bool) => ValueKind::Boolean(bool),
        Json::Number(number) => number_of(&number),
        Json::String(text) => ValueKind::String(text),
        Json::Array(items) => items.into_iter().map(|item| of_json(item, origin)).collect::<Vec<_>>().into(),
        Json::Object(keys) => {
            keys.into_iter().map(|(key, json)| (key, of_json(json, origin))).collect::<Table>().into()
        }
    };
    value(origin, kind)
}

fn number_of(number: &serde_json::Number) -> ValueKind {
    let integer = number.as_i64().map(ValueKind::I64).or_else(|| number.as_u64().map(ValueKind::U64));
    integer.or_else(|| number.as_f64().map(ValueKind::Float)).unwrap_or(ValueKind::Nil)
}

fn unwrapped(kind: &Kind) -> &Kind {
    match kind {
        Kind::Optional(inner) | Kind::Secret(inner) => {
            let Bare { kind, .. } = bare(inner);
            kind
        }
        kind => kind,
    }
}

/// Reads yes and no in all their usual spellings.
pub(crate) fn bool_of(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match () {
        () if is(["true", "1", "yes", "on"]) => Some(true),
        () if is(["false", "0", "no", "off"]) => Some(false),
        () => None,
    }
}

/// Reads a whole number. One with a zero in front is none: half of the world reads it as octal.
pub(crate) fn integer_of(text: &str) -> Option<i128> {
    text.parse().ok().filter(|_| !is_padded(text))
}

/// Reads a number, if it is not too large for a float, and has no zero in front; infinity has a name of its own.
pub(crate) fn float_of(text: &str) -> Option<f64> {
    let is_name = !text.contains(|c: char| c.is_ascii_digit());
    text.parse().ok().filter(|number: &f64| (number.is_finite() || is_name) && !is_padded(text))
}

/// Returns whether a number has a zero in front of its digits.
pub(crate) fn is_padded(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    digits.strip_prefix('0').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}
