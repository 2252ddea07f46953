//! What a key is worth when nothing sets it, as far as the schema knows.

use misc_core::schema::{Defaults, Field, Kind, Schema};

use crate::{
    keys::{Key, bare},
    text::{from_text, of_json},
    tree::{Table, Value, ValueKind, find, table, value},
    typing::DEFAULT,
};

/// Returns what a key is worth when nothing sets it, and its section is there.
pub(crate) fn of_key(key: &Key) -> Option<Value> {
    key.field.default.map(|text| typed(text, key.field.kind)).or_else(|| of_structs(key, usize::MAX))
}

/// Returns what a key is worth where nothing sets it.
pub(crate) fn of_key_in(effective: &Table, key: &Key) -> Option<Value> {
    let section = &key.parts[..key.option];
    if section.is_empty() || find(effective, section).is_some() { of_key(key) } else { of_structs(key, key.option) }
}

/// Asks the `Default`s of the structs around a key, as far down as a depth.
fn of_structs(key: &Key, depth: usize) -> Option<Value> {
    let mut structs = key.defaults.iter().filter(|(above, _)| *above < depth);
    structs.find_map(|(above, defaults)| below(&read(*defaults)?, &key.parts[*above..]))
}

/// What the keys of a section are worth when nothing sets them, as a struct's own `Default` has it.
#[derive(Debug, Default)]
pub(crate) struct Level(Option<Value>);

impl Level {
    /// Takes what the struct around has for the section, else what the section's own struct has.
    pub(crate) fn new(schema: &Schema, outer: Option<Value>) -> Self {
        Self(outer.filter(|outer| table(outer).is_some()).or_else(|| schema.defaults.and_then(read)))
    }

    /// Takes what the struct around has for a section that has no `Default` of its own.
    pub(crate) fn inherited(outer: Option<Value>) -> Self {
        Self(outer)
    }

    /// Returns what a key of the section is worth when nothing sets it.
    pub(crate) fn of(&self, field: &Field) -> Option<Value> {
        match field.default {
            Some(text) => Some(typed(text, field.kind)),
            None if field.flatten => self.0.clone(),
            None => below(self.0.as_ref()?, &[field.name]),
        }
    }
}

fn below(defaults: &Value, parts: &[&str]) -> Option<Value> {
    find(table(defaults)?, parts).filter(|found| found.kind != ValueKind::Nil).cloned()
}

/// Reads the value of a struct.
fn read(defaults: fn() -> Defaults) -> Option<Value> {
    serde_json::to_value(defaults()).ok().map(|json| of_json(json, DEFAULT))
}

/// Reads a default, which is written as in an environment variable.
fn typed(text: &str, kind: &'static Kind) -> Value {
    let kind = bare(kind).kind;
    let read = match kind {
        Kind::Bool => text.parse().ok().map(ValueKind::Boolean),
        Kind::Integer { .. } | Kind::Bytes(_) => whole(text),
        Kind::Float => text.parse().ok().map(ValueKind::Float),
        Kind::List(inner) => from_text(text, kind, DEFAULT).ok().map(|list| items(list.kind, inner)),
        Kind::Map(_) | Kind::Struct(_) | Kind::Tagged { .. } | Kind::Any => {
            from_text(text, kind, DEFAULT).ok().map(|read| read.kind)
        }
        _ => None,
    };
    value(DEFAULT, read.unwrap_or_else(|| text.into()))
}

fn whole(text: &str) -> Option<ValueKind> {
    let small = text.parse().ok().map(ValueKind::I64);
    small.or_else(|| text.parse().ok().map(ValueKind::U64)).or_else(|| text.parse().ok().map(ValueKind::I128))
}

fn items(list: ValueKind, inner: &'static Kind) -> ValueKind {
    let ValueKind::Array(items) = list else { return list };
    let typed = |item: Value| match &item.kind {
        ValueKind::String(text) => typed(text, inner),
        _ => item,
    };
    ValueKind::Array(items.into_iter().map(typed).collect())
}

#[cfg(test)]
mod tests {
    use misc_core::schema::Describe;
    use serde::Serialize;

    use super::*;
    use crate::{keys::Keys, show::show};

    /// Checks what the keys of a struct are worth, where its sections are there and where they are not.
    fn check(kind: &'static Kind, expected: &[(&str, Option<&str>, Option<&str>)]) {
        let keys = Keys::of(kind, "");
        let shown = |value: Option<Value>| value.as_ref().map(show);
        let found: Vec<_> =
            keys.all.iter().map(|key| (&*key.path, shown(of_key(key)), shown(of_key_in(&Table::new(), key)))).collect();
        let found: Vec<_> = found.iter().map(|(path, here, bare)| (*path, here.as_deref(), bare.as_deref())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn reads_defaults_by_their_kind() {
        const KIND: Kind = Kind::Struct(&Schema::new(
            "",
            &[
                Field::new("yes", &Kind::Bool).default("true"),
                Field::new("count", &Kind::Optional(&i8::KIND)).default("-1"),
                Field::new("large", &u64::KIND).default("18446744073709551615"),
                Field::new("ratio", &Kind::Float).default("1"),
                Field::new("size", &Kind::Bytes(&u64::KIND)).default("10MiB"),
                Field::new("text", &Kind::Text).default("1"),
                Field::new("list", &Kind::List(&u8::KIND)).default("1,2"),
                Field::new("none", &Kind::Text),
            ],
        ));
        let expected = [
            ("yes", Some("true")),
            ("count", Some("-1")),
            ("large", Some("18446744073709551615")),
            ("ratio", Some("1.0")),
            ("size", Some("10MiB")),
            ("text", Some("\"1\"")),
            ("list", Some("[1, 2]")),
            ("none", None),
        ];
        check(&KIND, &expected.map(|(path, worth)| (path, worth, worth)));
    }

    #[derive(Serialize)]
    struct Inner {
        a: Option<u8>,
        b: u8,
    }

    const INNER: Schema = Schema::new("", &[Field::new("a", &u8::KIND), Field::new("b", &u8::KIND).default("3")])
        .defaults(|| Defaults::of(Inner { a: Some(1), b: 2 }));

    #[test]
    fn asks_the_default_of_a_struct_after_that_of_the_key() {
        const KIND: Kind = Kind::Struct(&Schema::new("", &[Field::new("inner", &Kind::Struct(&INNER)).optional()]));
        check(&KIND, &[("inner.a", Some("1"), Some("1")), ("inner.b", Some("3"), Some("3"))]);
    }

    #[test]
    fn asks_the_struct_around_first() {
        #[derive(Serialize)]
        struct Outer {
            inner: Inner,
        }
        const KIND: Kind = Kind::Struct(
            &Schema::new("", &[Field::new("inner", &Kind::Struct(&INNER))])
                .defaults(|| Defaults::of(Outer { inner: Inner { a: Some(9), b: 9 } })),
        );
        check(&KIND, &[("inner.a", Some("9"), Some("9")), ("inner.b", Some("3"), Some("3"))]);
    }

    #[test]
    fn knows_that_an_optional_section_may_be_missing() {
        const INNER_OR_NOT: Kind = Kind::Optional(&Kind::Struct(&INNER));
        const KIND: Kind = Kind::Struct(&Schema::new("", &[Field::new("inner", &INNER_OR_NOT)]));
        check(&KIND, &[("inner.a", Some("1"), None), ("inner.b", Some("3"), None)]);
    }
}
