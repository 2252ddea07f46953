//! One layer of settings, as a source returns it.

use std::fmt;

use crate::{
    error::Error,
    format::{self, Format, Limits},
    show::without_passwords,
    text::of_json,
    tree::{Table, Value, ValueKind, insert, table},
};

/// One layer of settings, each value with the place it comes from; what a [`Source`](crate::Source) returns.
///
/// # Examples
/// ```
/// use misc_config::{Format, Layer};
///
/// let layer = Layer::parse("http://centre/shop", Format::Json, r#"{ "database": { "pool_size": 20 } }"#)?;
/// # Ok::<(), misc_config::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Layer {
    pub(crate) table: Table,
}

impl Layer {
    /// Creates an empty layer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a layer from a text; the name is what the origin of each value begins with, before its line.
    ///
    /// # Errors
    /// [`Error`] when it is not valid, larger than 1 MiB or deeper than 64 levels.
    pub fn parse(name: impl Into<String>, format: Format, text: &str) -> Result<Self, Error> {
        let table = format::read(&without_passwords(&name.into()), format, text, Limits::default());
        Ok(Self { table: table.map_err(|problem| Error::invalid(vec![problem]))? })
    }

    /// Sets the value of a path, such as `database.pool_size`, and where it comes from.
    #[must_use]
    pub fn set(mut self, path: &str, value: impl Into<serde_json::Value>, origin: &str) -> Self {
        let parts: Vec<&str> = path.split('.').collect();
        insert(&mut self.table, &parts, of_json(value.into(), &without_passwords(origin)));
        self
    }

    /// Returns the values as JSON, secrets included, such as to keep a copy; their origins are not in it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        to_json(&ValueKind::Table(self.table.clone()))
    }
}

/// Shows the names of the keys, and no value: there may be secrets among them.
impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(names(&self.table, "")).finish()
    }
}

fn names(keys: &Table, above: &str) -> Vec<String> {
    let named = |(key, value): (&String, &Value)| match table(value) {
        Some(inner) => names(inner, &format!("{above}{key}.")),
        None => vec![format!("{above}{key}")],
    };
    let mut names: Vec<String> = keys.iter().flat_map(named).collect();
    names.sort();
    names
}

pub(crate) fn to_json(kind: &ValueKind) -> serde_json::Value {
    match kind {
        ValueKind::Nil => serde_json::Value::Null,
        ValueKind::Boolean(value) => (*value).into(),
        ValueKind::I64(value) => (*value).into(),
        ValueKind::U64(value) => (*value).into(),
        ValueKind::I128(value) => big(i64::try_from(*value).ok(), value),
        ValueKind::U128(value) => big(i64::try_from(*value).ok(), value),
        ValueKind::Float(value) => (*value).into(),
        ValueKind::String(text) => text.clone().into(),
        ValueKind::Array(items) => items.iter().map(|item| to_json(&item.kind)).collect(),
        ValueKind::Table(keys) => keys.iter().map(|(key, value)| (key.clone(), to_json(&value.kind))).collect(),
    }
}

/// JSON's numbers are no larger than 64 bits here; a text becomes one again where a key wants a number.
fn big(small: Option<i64>, value: &impl ToString) -> serde_json::Value {
    small.map_or_else(|| value.to_string().into(), Into::into)
}
