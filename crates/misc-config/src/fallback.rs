//! What a key is worth when nothing sets it, as far as the schema knows.

use std::time::Duration;

use misc_core::schema::{Defaults, Field, Kind, Schema};

use crate::{
    keys::{self, Bare, Key, bare},
    text::{from_text, of_json},
    tree::{Table, Value, ValueKind, find, table, value},
    typing::DEFAULT,
};

/// Returns what a key is worth when nothing sets it, and its section is there.
pub(crate) fn of_key(key: &Key) -> Option<Value> {
    key.field.default.map(|text| typed(text, key.field.kind)).or_else(|| of_structs(key))
}

/// Returns what a key is worth where nothing sets it.
pub(crate) fn of_key_in(effective: &Table, key: &Key) -> Option<Value> {
    let here = there(effective, key);
    let own = key.parts.len() - 1;
    let absent = absent(effective, key);
    // Who makes a section that is missing makes all of it, whatever the defaults of its keys are.
    let made = key.defaults.iter().rfind(|(above, _)| *above == here).filter(|_| here < own);
    let made =
        made.or_else(|| key.defaults.iter().find(|(above, _)| (here + 1..absent.unwrap_or(own)).contains(above)));
    let made =
        made.or_else(|| key.defaults.iter().find(|(above, _)| Some(*above) == absent && is_filled(effective, key)));
    match made {
        Some((above, defaults)) => of_struct(*defaults, *above, key),
        None if absent.is_some() => None,
        None => key.field.default.map(|text| typed(text, key.field.kind)).or_else(|| {
            let (above, defaults) = key.defaults.iter().rfind(|(above, _)| *above >= own)?;
            of_struct(*defaults, *above, key)
        }),
    }
}

/// Returns whether the program itself makes the section of a key, since nothing is set in it.
pub(crate) fn is_filled(effective: &Table, key: &Key) -> bool {
    key.filled > 0 && absent(effective, key) == Some(key.filled)
}

/// Returns how many parts of a key lead to the first section that is not there, and needs not be.
fn absent(effective: &Table, key: &Key) -> Option<usize> {
    let here = there(effective, key);
    [key.option, key.filled].into_iter().filter(|depth| *depth > here).min()
}

/// Returns how many parts of a key lead to a section that is there.
fn there(effective: &Table, key: &Key) -> usize {
    let is_there = |depth: &usize| find(effective, &key.parts[..*depth]).is_some_and(|found| table(found).is_some());
    (1..key.parts.len()).take_while(is_there).count()
}

/// Asks the `Default`s of the structs around a key, the outermost first.
fn of_structs(key: &Key) -> Option<Value> {
    key.defaults.iter().find_map(|(above, defaults)| of_struct(*defaults, *above, key))
}

fn of_struct(defaults: fn() -> Defaults, above: usize, key: &Key) -> Option<Value> {
    below(&read(defaults)?, &key.parts[above..]).map(|found| in_words(found, key.field.kind))
}

/// What the keys of a section are worth when nothing sets them, as a struct's own `Default` has it.
#[derive(Debug, Default)]
pub(crate) struct Level {
    defaults: Option<Value>,
    /// Whether the section itself is not set, so that the defaults of its keys do not count.
    whole: bool,
}

impl Level {
    /// Takes what the struct around has for the section, else what the section's own struct has.
    pub(crate) fn new(schema: &Schema, outer: Option<Value>) -> Self {
        let outer = Self::inherited(outer);
        if outer.whole { outer } else { Self { defaults: schema.defaults.and_then(read), whole: false } }
    }

    /// Takes what the struct around has for a section that has no `Default` of its own.
    pub(crate) fn inherited(outer: Option<Value>) -> Self {
        let defaults = outer.filter(|outer| table(outer).is_some());
        Self { whole: defaults.is_some(), defaults }
    }

    /// Returns what a key of the section is worth when nothing sets it.
    pub(crate) fn of(&self, field: &Field) -> Option<Value> {
        match field.default.filter(|_| !self.whole) {
            Some(text) => Some(typed(text, field.kind)),
            None if field.flatten => self.defaults.clone().filter(|_| self.whole),
            None => {
                let own = self.defaults.as_ref().and_then(|defaults| below(defaults, &[field.name]));
                own.map(|found| in_words(found, field.kind)).or_else(|| filled(field))
            }
        }
    }
}

/// Returns what a section is worth that its struct's `Default` makes.
fn filled(field: &Field) -> Option<Value> {
    match bare(field.kind) {
        Bare { kind: Kind::Struct(schema), optional: false, .. } if field.optional => schema.defaults.and_then(read),
        _ => None,
    }
}

fn below(defaults: &Value, parts: &[&str]) -> Option<Value> {
    find(table(defaults)?, parts).filter(|found| found.kind != ValueKind::Nil).cloned()
}

/// Reads the value of a struct.
fn read(defaults: fn() -> Defaults) -> Option<Value> {
    serde_json::to_value(defaults()).ok().map(|json| of_json(json, DEFAULT))
}

/// Writes spans of time as people do, and as files have them.
fn in_words(mut own: Value, kind: &'static Kind) -> Value {
    let inner = |name: &str, inner| match keys::below(kind, name) {
        Some(kind) => in_words(inner, kind),
        None => inner,
    };
    own.kind = match own.kind {
        ValueKind::Table(parts) if matches!(bare(kind).kind, Kind::Duration) => duration(parts),
        ValueKind::Table(entries) => {
            entries.into_iter().map(|(name, own)| (name.clone(), inner(&name, own))).collect::<Table>().into()
        }
        ValueKind::Array(items) => items.into_iter().map(|item| inner("", item)).collect::<Vec<_>>().into(),
        other => other,
    };
    own
}

/// Writes a span of time that serde has taken apart.
fn duration(parts: Table) -> ValueKind {
    let part = |name: &str| parts.get(name).and_then(|part| part.clone().into_uint().ok());
    match (part("secs"), part("nanos").and_then(|nanos| nanos.try_into().ok())) {
        (Some(secs), Some(nanos)) => {
            humantime::format_duration(Duration::new(secs, nanos)).to_string().replace(' ', "").into()
        }
        _ => ValueKind::Table(parts),
    }
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
    fn asks_only_the_default_of_a_struct_that_is_made_as_a_whole() {
        const KIND: Kind = Kind::Struct(&Schema::new("", &[Field::new("inner", &Kind::Struct(&INNER)).optional()]));
        check(&KIND, &[("inner.a", Some("1"), Some("1")), ("inner.b", Some("3"), Some("2"))]);
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
        check(&KIND, &[("inner.a", Some("9"), Some("9")), ("inner.b", Some("3"), Some("9"))]);
    }

    #[test]
    fn knows_that_an_optional_section_may_be_missing() {
        const INNER_OR_NOT: Kind = Kind::Optional(&Kind::Struct(&INNER));
        const KIND: Kind = Kind::Struct(&Schema::new("", &[Field::new("inner", &INNER_OR_NOT)]));
        check(&KIND, &[("inner.a", Some("1"), None), ("inner.b", Some("3"), None)]);
    }
}
