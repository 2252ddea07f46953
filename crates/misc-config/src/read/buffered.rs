//! Sections that serde keeps in a buffer before it reads them: flattened ones, and those that a tag decides about.
//!
//! What is wrong in a buffer has no path, and what is read from it must be what its type has in all formats.

use misc_core::schema::{Field, Kind};
use serde::de::DeserializeOwned;

use super::{attempt, known::pass_over, wrong::Wrong};
use crate::{
    keys::{bare, below, names},
    tree::{Table, Value, ValueKind},
    typing::duration_of,
};

/// Writes spans of time that go through a buffer as [`Duration`](std::time::Duration) reads them there; returns whether
/// there are any.
pub(super) fn spell_out(value: &mut Value, kind: &'static Kind) -> bool {
    spell(value, kind, false)
}

fn spell(value: &mut Value, kind: &'static Kind, buffered: bool) -> bool {
    match (bare(kind).kind, &mut value.kind) {
        (Kind::Duration, ValueKind::String(text)) if buffered => {
            let parts = duration_of(text).map(|span| [("secs", span.as_secs()), ("nanos", span.subsec_nanos().into())]);
            let Some(parts) = parts else { return false };
            let parts = parts.map(|(name, part)| (name.to_owned(), Value::new(None, part)));
            value.kind = Table::from_iter(parts).into();
            true
        }
        (Kind::List(inside), ValueKind::Array(items)) => {
            items.iter_mut().fold(false, |any, item| spell(item, inside, buffered) | any)
        }
        (Kind::Map(inside), ValueKind::Table(table)) => {
            table.values_mut().fold(false, |any, value| spell(value, inside, buffered) | any)
        }
        (Kind::Struct(schema), _) => spell_fields(value, schema.fields, buffered),
        (Kind::Tagged { variants, .. }, _) => {
            variants.iter().fold(false, |any, variant| spell_fields(value, variant.fields, true) | any)
        }
        _ => false,
    }
}

fn spell_fields(section: &mut Value, fields: &'static [Field], buffered: bool) -> bool {
    let known = names(fields);
    fields.iter().fold(false, |any, field| {
        let spelt = match (&mut section.kind, bare(field.kind).kind) {
            (ValueKind::Table(table), Kind::Map(inside)) if field.flatten => {
                let entries = table.iter_mut().filter(|(key, _)| !known.contains(&&***key));
                entries.fold(false, |any, (_, value)| spell(value, inside, true) | any)
            }
            (ValueKind::Table(_), _) if field.flatten => spell(section, field.kind, true),
            (ValueKind::Table(table), _) => {
                table.get_mut(field.name).is_some_and(|value| spell(value, field.kind, buffered))
            }
            _ => false,
        };
        spelt | any
    })
}

/// Finds which value in a buffer an error is about: the one without which it is another.
///
/// What is read last is left out first. So it is never left out what would be missed before the error is found.
pub(super) fn narrowed<T: DeserializeOwned>(settings: &Value, kind: &'static Kind, error: Wrong) -> Wrong {
    if error.missing {
        return error;
    }
    let section = error.parts.iter().try_fold(kind, |kind, part| below(kind, part));
    let mut candidates = Vec::new();
    list(section.unwrap_or(&Kind::Any), false, &error.parts, &mut candidates);
    if candidates.is_empty() {
        return error;
    }
    let mut left = settings.clone();
    for parts in candidates.into_iter().rev() {
        if pass_over(&mut left, &parts) && !attempt::<T>(&left).is_err_and(|next| next == error) {
            return Wrong { parts, ..error };
        }
    }
    error
}

/// Lists what goes through a buffer, in the order in which it is read.
fn list(kind: &'static Kind, buffered: bool, path: &[String], into: &mut Vec<Vec<String>>) {
    match bare(kind).kind {
        Kind::Struct(schema) => list_fields(schema.fields, buffered, path, into),
        Kind::Tagged { variants, .. } => {
            variants.iter().for_each(|variant| list_fields(variant.fields, true, path, into));
        }
        _ if buffered => into.push(path.to_vec()),
        _ => {}
    }
}

fn list_fields(fields: &'static [Field], buffered: bool, path: &[String], into: &mut Vec<Vec<String>>) {
    let (flat, mut own): (Vec<&Field>, Vec<&Field>) = fields.iter().partition(|field| field.flatten);
    own.sort_by_key(|field| field.name);
    for field in own {
        let below: Vec<String> = path.iter().cloned().chain([field.name.to_owned()]).collect();
        list(field.kind, buffered, &below, into);
    }
    for field in flat {
        list(field.kind, true, path, into);
    }
}
