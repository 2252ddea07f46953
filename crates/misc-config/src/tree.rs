//! The tree that settings are while they are loaded: values of the `config` crate, each with the place it comes from.

pub(crate) use config::{Value, ValueKind};

/// The keys of a section, and their values.
pub(crate) type Table = config::Map<String, Value>;

/// Makes a value that comes from a place.
pub(crate) fn value(origin: &str, kind: impl Into<ValueKind>) -> Value {
    Value::new(Some(&origin.to_owned()), kind)
}

/// Returns the table that a value is.
pub(crate) fn table(value: &Value) -> Option<&Table> {
    match &value.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}

/// Finds a value below a table.
pub(crate) fn find<'a>(root: &'a Table, parts: &[&str]) -> Option<&'a Value> {
    let (last, above) = parts.split_last()?;
    above.iter().try_fold(root, |inner, part| inner.get(*part).and_then(table))?.get(*last)
}

/// Puts a value below a table, and makes the sections on the way.
pub(crate) fn insert(root: &mut Table, parts: &[&str], new: Value) {
    let Some((last, above)) = parts.split_last() else { return };
    let mut inner = root;
    for part in above {
        let section =
            inner.entry((*part).to_owned()).or_insert_with(|| Value::new(None, ValueKind::Table(Table::new())));
        if table(section).is_none() {
            section.kind = ValueKind::Table(Table::new());
        }
        let ValueKind::Table(next) = &mut section.kind else { return };
        inner = next;
    }
    inner.insert((*last).to_owned(), new);
}

/// Says what a value is, as people call it.
pub(crate) fn name_of(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "a boolean",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "an integer",
        ValueKind::Float(_) => "a number",
        ValueKind::String(_) => "a text",
        ValueKind::Table(_) => "a section",
        ValueKind::Array(_) => "a list",
    }
}
