//! The keys of `#[config(..)]` and `#[describe(..)]`.

use std::mem;

use proc_macro2::Span;
use syn::{Attribute, Expr, Meta, spanned::Spanned};

use crate::{
    entry::{Entry, Value},
    errors::Errors,
};

/// The keys that an item has.
pub(crate) struct Keys(Vec<Entry>);

impl Keys {
    /// Reads the attributes of one name, of which only the known keys are right, each once.
    pub(crate) fn read(attributes: &[Attribute], helper: &str, known: &[&str], errors: &mut Errors) -> Self {
        let mut keys = Self(Vec::new());
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(helper)) {
            if let Meta::Path(_) = attribute.meta {
                errors.at(attribute.span(), format!("write `#[{helper}(..)]` with one of {}", listed(known)));
                continue;
            }
            for entry in errors.keep(Entry::all(attribute)).into_iter().flatten() {
                keys.add(entry, known, errors);
            }
        }
        keys
    }

    /// Takes the entries of an attribute, of which only the known keys are right, each once.
    pub(crate) fn of(entries: Vec<Entry>, known: &[&str], errors: &mut Errors) -> Self {
        let mut keys = Self(Vec::new());
        for entry in entries {
            keys.add(entry, known, errors);
        }
        keys
    }

    /// Returns where a key stands that has no value.
    pub(crate) fn flag(&self, name: &str, errors: &mut Errors) -> Option<Span> {
        let entry = self.find(name)?;
        if !matches!(entry.value, Value::None) {
            errors.at(entry.name.span(), format!("`{name}` takes no value"));
        }
        Some(entry.name.span())
    }

    /// Returns the value of a key.
    pub(crate) fn value(&self, name: &str, errors: &mut Errors) -> Option<&Expr> {
        let entry = self.find(name)?;
        if let Value::Is(value) = &entry.value {
            return Some(value);
        }
        errors.at(entry.name.span(), format!("`{name}` needs a value: `{name} = ..`"));
        None
    }

    /// Returns where a key stands.
    pub(crate) fn span(&self, name: &str) -> Option<Span> {
        self.find(name).map(|entry| entry.name.span())
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.name == name)
    }

    fn add(&mut self, entry: Entry, known: &[&str], errors: &mut Errors) {
        let name = entry.name();
        if !known.contains(&&*name) {
            errors.at(
                entry.name.span(),
                format!("there is no key `{name}` here, but {}", listed(&nearest(&name, known))),
            );
        } else if self.find(&name).is_some() {
            errors.at(entry.name.span(), format!("`{name}` is set twice"));
        } else {
            self.0.push(entry);
        }
    }
}

/// Writes names as a sentence has them.
pub(crate) fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Puts the names that are close to another first.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Vec<&'a str> {
    /// As many letters may be wrong.
    const CLOSE: usize = 2;
    let mut names = known.to_vec();
    names.sort_by_key(|known| distance(name, known).min(CLOSE + 1));
    names
}

/// Counts the letters to add, drop or change (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = mem::replace(&mut row[0], i + 1);
        for (j, b) in to.bytes().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str, expected: usize) {
        assert_eq!(distance(from, to), expected, "{from} {to}");
        assert_eq!(distance(to, from), expected, "{to} {from}");
    }

    #[test]
    fn distance_counts_letters() {
        check("", "", 0);
        check("", "env", 3);
        check("short", "short", 0);
        check("shot", "short", 1);
        check("defualt", "default", 2);
        check("kitten", "sitting", 3);
    }

    #[test]
    fn close_names_come_first_and_others_keep_their_order() {
        assert_eq!(nearest("shrt", &["default", "env", "short"]), ["short", "default", "env"]);
        assert_eq!(nearest("wrong", &["default", "env", "short"]), ["default", "env", "short"]);
    }
}
