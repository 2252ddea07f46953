//! What serde's own attributes say about reading, so that nobody says it twice.

use proc_macro2::Span;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr};

use crate::{
    entry::{Entry, Value},
    rename::Rule,
};

/// The entries of an item's `#[serde(..)]`.
pub(crate) struct Serde(Vec<(Ident, Option<LitStr>)>);

impl Serde {
    /// Reads the attributes; what is wrong with them is serde's to tell.
    pub(crate) fn read(attributes: &[Attribute]) -> Self {
        let attributes = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
        let entries = attributes.flat_map(|attribute| Entry::all(attribute).unwrap_or_default());
        Self(entries.flat_map(reading).collect())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.span(name).is_some()
    }

    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    pub(crate) fn span(&self, name: &str) -> Option<Span> {
        self.0.iter().find(|(key, _)| key == name).map(|(key, _)| key.span())
    }

    pub(crate) fn text(&self, name: &str) -> Option<&LitStr> {
        self.texts(name).next()
    }

    pub(crate) fn rule(&self, name: &str) -> Option<Rule> {
        self.text(name).and_then(|text| Rule::of(&text.value()))
    }

    /// Returns the other names of a field or a variant.
    pub(crate) fn aliases(&self) -> Vec<String> {
        self.texts("alias").map(LitStr::value).collect()
    }

    fn texts(&self, name: &str) -> impl Iterator<Item = &LitStr> {
        self.0.iter().filter(move |(key, _)| key == name).filter_map(|(_, value)| value.as_ref())
    }
}

/// Takes from an entry what it says about reading: of `rename(serialize = "a", deserialize = "b")` it is `b`.
fn reading(entry: Entry) -> Vec<(Ident, Option<LitStr>)> {
    let name = entry.name;
    match entry.value {
        Value::None => vec![(name, None)],
        Value::Is(value) => vec![(name, text(value))],
        Value::List(inner) => {
            let reading = inner.into_iter().filter(|entry| entry.name == "deserialize");
            reading.flat_map(self::reading).map(|(_, value)| (name.clone(), value)).collect()
        }
    }
}

fn text(value: Expr) -> Option<LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        Expr::Group(group) => text(*group.expr),
        _ => None,
    }
}
