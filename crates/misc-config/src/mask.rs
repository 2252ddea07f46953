//! Texts that others made, without the secrets that may have got into them.

use misc_core::schema::{Field, Kind};

use crate::{
    layer::to_json,
    tree::{Value, ValueKind, table},
};

/// From how many characters on a text that has a secret in it has it from there.
const TELLING: usize = 4;

/// The secrets of one load.
#[derive(Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Finds the secrets among settings.
    pub(crate) fn of(settings: &Value, kind: &'static Kind) -> Self {
        let mut secrets = Self::default();
        secrets.find(settings, kind, false);
        secrets.0.retain(|secret| !secret.is_empty());
        secrets
    }

    /// Returns a text about a key that has none of them.
    pub(crate) fn masked(&self, text: String, about_secret: bool) -> String {
        let tells = |secret: &&String| {
            let long_enough = about_secret || secret.chars().count() >= TELLING;
            // Types tell what they have been given with quotes around it, and so with escapes in it.
            let quoted = || format!("{secret:?}");
            long_enough && (text.contains(&***secret) || text.contains(quoted().trim_matches('"')))
        };
        match self.0.iter().find(tells) {
            Some(_) => "is not valid (the reason is not shown: it has a secret in it)".to_owned(),
            None => text,
        }
    }

    fn find(&mut self, value: &Value, kind: &'static Kind, secret: bool) {
        match (kind, &value.kind) {
            (Kind::Optional(inside), _) => self.find(value, inside, secret),
            (Kind::Secret(inside), _) => self.find(value, inside, true),
            (Kind::List(inside), ValueKind::Array(items)) => {
                items.iter().for_each(|item| self.find(item, inside, secret));
            }
            (Kind::Map(inside), ValueKind::Table(table)) => {
                table.values().for_each(|value| self.find(value, inside, secret));
            }
            (Kind::Struct(schema), ValueKind::Table(_)) => self.find_fields(value, schema.fields, secret),
            (Kind::Tagged { variants, .. }, ValueKind::Table(_)) => {
                variants.iter().for_each(|variant| self.find_fields(value, variant.fields, secret));
            }
            _ if secret || kind.hides() => add(value, &mut self.0),
            _ => {}
        }
    }

    fn find_fields(&mut self, value: &Value, fields: &'static [Field], secret: bool) {
        for field in fields {
            let below = if field.flatten { Some(value) } else { table(value).and_then(|table| table.get(field.name)) };
            if let Some(below) = below {
                self.find(below, field.kind, secret);
            }
        }
    }
}

/// Adds all values inside of one.
fn add(value: &Value, into: &mut Vec<String>) {
    match &value.kind {
        ValueKind::Nil => {}
        ValueKind::String(text) => into.push(text.trim().to_owned()),
        ValueKind::Table(table) => table.values().for_each(|value| add(value, into)),
        ValueKind::Array(items) => items.iter().for_each(|item| add(item, into)),
        kind => into.push(to_json(kind).to_string()),
    }
}
