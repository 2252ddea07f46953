//! The configuration that is in effect, as a file that could be loaded again.

use misc_core::schema::{Field, Kind, Schema, Variant};

use crate::{
    fallback::Level,
    keys::{Bare, bare, names, variant_of},
    show::{MASK, masked, show, shown, sorted},
    tree::{Table, Value, ValueKind, table, value},
    typing::DEFAULT,
};

/// Writes what is in effect as YAML, in the order of the schema; secrets are masked.
pub(crate) fn print(kind: &'static Kind, effective: &Table) -> String {
    let mut lines = Vec::new();
    if let Kind::Struct(schema) = kind {
        add_entries(&mut lines, &entries_of(schema, effective, None, &[]), 0);
    }
    lines.join("\n")
}

/// What stands behind a key.
enum Node {
    /// What fits on the line of the key.
    Value(Value),
    /// Keys below it.
    Section(Vec<Entry>),
    /// Keys below it, none of which has a value.
    Comment(Vec<Entry>),
    /// Items below it.
    List(Vec<Self>),
    /// Nothing: why.
    Missing(&'static str),
}

/// Why a key is missing that its type knows what it is worth without.
const FILLED: &str = "set by the program";

type Entry = (String, Node);

/// Lists the keys of a struct with their values; what is not in the table is from `Default`s.
fn entries_of(schema: &'static Schema, set: &Table, outer: Option<Value>, beside: &[&str]) -> Vec<Entry> {
    let level = Level::new(schema, outer);
    let known = [beside, &names(schema.fields)].concat();
    schema.fields.iter().flat_map(|field| entries(field, &known, set, &level)).collect()
}

/// Lists a key, or the keys that stand in its place: those of a map are the ones that nothing beside it knows.
fn entries(field: &'static Field, known: &[&str], set: &Table, level: &Level) -> Vec<Entry> {
    if !field.flatten {
        return vec![(field.name.to_owned(), node(field, set, level))];
    }
    let Bare { kind, secret, optional } = bare(field.kind);
    let mut own = names(std::slice::from_ref(field)).into_iter().filter(|name| set.contains_key(*name)).peekable();
    match kind {
        Kind::Struct(_) | Kind::Tagged { .. } if optional && own.peek().is_none() && level.of(field).is_none() => {
            Vec::new()
        }
        Kind::Struct(_) | Kind::Tagged { .. } if secret => {
            own.map(|name| (name.to_owned(), Node::Value(value(DEFAULT, MASK)))).collect()
        }
        Kind::Struct(schema) => entries_of(schema, set, level.of(field), known),
        Kind::Tagged { tag, variants } => variant_entries(tag, variants, set, level.of(field), known),
        kind => {
            let rest = sorted(set).into_iter().filter(|(name, _)| !known.contains(&&***name));
            let inner = if secret { &Kind::Secret(&Kind::Any) } else { inside(kind) };
            rest.map(|(name, own)| (name.clone(), filled(inner, own))).collect()
        }
    }
}

/// Lists the key that decides, and the keys that come with what it decided.
fn variant_entries(
    tag: &'static str,
    variants: &'static [Variant],
    set: &Table,
    outer: Option<Value>,
    beside: &[&str],
) -> Vec<Entry> {
    let level = Level::inherited(outer);
    let decides = Field::new(tag, &Kind::Text);
    let Some(chosen) = set.get(tag).cloned().or_else(|| level.of(&decides)) else {
        return vec![(tag.to_owned(), Node::Missing("not set"))];
    };
    let fields = variant_of(variants, &chosen).map_or(&[][..], |variant| variant.fields);
    let known = [beside, &[tag], &names(fields)].concat();
    let with_it = fields.iter().flat_map(|field| entries(field, &known, set, &level));
    std::iter::once((tag.to_owned(), Node::Value(chosen))).chain(with_it).collect()
}

/// Finds the value of a key.
fn node(field: &'static Field, set: &Table, level: &Level) -> Node {
    let Bare { kind, optional, secret } = bare(field.kind);
    let fallback = level.of(field);
    match (set.get(field.name), kind) {
        (Some(own), _) => filled(field.kind, own),
        (None, Kind::Struct(_)) if secret && !optional => Node::Value(value(DEFAULT, MASK)),
        (None, Kind::Struct(_)) if field.optional && !optional && fallback.is_none() => Node::Missing(FILLED),
        (None, Kind::Struct(schema)) if !optional => {
            let entries = entries_of(schema, &Table::new(), fallback, &[]);
            // `{}` would set it.
            if is_empty(&entries) { Node::Comment(entries) } else { Node::Section(entries) }
        }
        (None, _) => match fallback {
            Some(fallback) => filled(field.kind, &fallback),
            None if field.optional && !optional => Node::Missing(FILLED),
            None => Node::Missing("not set"),
        },
    }
}

/// Takes a value that is there, its keys in the order of the schema.
fn filled(kind: &'static Kind, own: &Value) -> Node {
    let Bare { kind: inner, secret, .. } = bare(kind);
    match (&own.kind, inner) {
        _ if secret => Node::Value(masked(own, kind)),
        (ValueKind::Table(set), Kind::Struct(schema)) => Node::Section(entries_of(schema, set, None, &[])),
        (ValueKind::Table(set), Kind::Tagged { tag, variants }) => {
            Node::Section(variant_entries(tag, variants, set, None, &[]))
        }
        (ValueKind::Table(set), kind) => {
            let entries = sorted(set).into_iter();
            Node::Section(entries.map(|(name, each)| (name.clone(), filled(inside(kind), each))).collect())
        }
        (ValueKind::Array(items), kind) if items.iter().any(|item| table(item).is_some()) => {
            Node::List(items.iter().map(|item| filled(inside(kind), item)).collect())
        }
        _ => Node::Value(masked(own, kind)),
    }
}

/// Returns the kind of what is in a map or a list.
fn inside(kind: &'static Kind) -> &'static Kind {
    match kind {
        Kind::Map(inner) | Kind::List(inner) => inner,
        _ => &Kind::Any,
    }
}

fn add_entries(lines: &mut Vec<String>, entries: &[Entry], depth: usize) {
    let indent = "  ".repeat(depth);
    for (name, node) in entries {
        let name = shown(name);
        match node {
            Node::Missing(why) => lines.push(format!("{indent}# {name}: {why}")),
            Node::Value(value) => lines.push(format!("{indent}{name}: {}", show(value))),
            Node::List(items) => {
                lines.push(format!("{indent}{name}:"));
                add_items(lines, items, depth + 1);
            }
            Node::Comment(entries) => {
                lines.push(format!("{indent}# {name}:"));
                add_entries(lines, entries, depth + 1);
            }
            Node::Section(entries) => {
                lines.push(format!("{indent}{name}:{}", if is_empty(entries) { " {}" } else { "" }));
                add_entries(lines, entries, depth + 1);
            }
        }
    }
}

/// Returns whether a section has nothing but comments, and would not be one without a mark.
fn is_empty(entries: &[Entry]) -> bool {
    entries.iter().all(|(_, node)| matches!(node, Node::Missing(_) | Node::Comment(_)))
}

fn add_items(lines: &mut Vec<String>, items: &[Node], depth: usize) {
    let indent = "  ".repeat(depth);
    for item in items {
        let mut inner = Vec::new();
        match item {
            Node::Value(value) => inner.push(show(value)),
            Node::Missing(_) | Node::Comment(_) => {}
            Node::List(items) => add_items(&mut inner, items, 0),
            Node::Section(entries) if is_empty(entries) => inner.push("{}".to_owned()),
            Node::Section(entries) => add_entries(&mut inner, entries, 0),
        }
        for (index, line) in inner.iter().enumerate() {
            let dash = if index == 0 { "- " } else { "  " };
            lines.push(format!("{indent}{dash}{line}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use misc_core::schema::{Describe, Schema};

    use super::*;
    use crate::{sample::SHOP, tree::insert};

    /// Checks what is printed where these keys are set.
    fn check(kind: &'static Kind, set: &[(&str, ValueKind)], expected: &str) {
        let mut effective = Table::new();
        for (path, own) in set {
            insert(&mut effective, &path.split('.').collect::<Vec<_>>(), value("", own.clone()));
        }
        assert_eq!(print(kind, &effective), expected.trim());
    }

    fn section(entries: &[(&str, ValueKind)]) -> Value {
        value(
            "",
            ValueKind::Table(entries.iter().map(|(name, own)| ((*name).to_owned(), value("", own.clone()))).collect()),
        )
    }

    #[test]
    fn prints_what_nothing_sets() {
        check(
            &SHOP,
            &[],
            r#"
host: 0.0.0.0
port: 8000
debug: false
tags: [a, b]
# offset: not set
# cache_dir: set by the program
database:
  # url: not set
  pool_size: 10
  timeout: 30s
# replica: not set
log:
  # filter: not set
  format: auto
  buffer: 8388608
  ratio: 0.5
# upstreams: set by the program
# labels: set by the program
# store: not set
"#,
        );
    }

    #[test]
    fn prints_what_is_set_in_the_order_of_the_schema() {
        let upstreams = vec![
            section(&[("weight", 2.into()), ("name", "a".into()), ("token", "hunter2".into())]),
            section(&[("name", "b".into())]),
        ];
        check(
            &SHOP,
            &[
                ("store.kind", "disk".into()),
                ("store.path", "/x".into()),
                ("port", 9000.into()),
                ("host", "no".into()),
                ("database.url", "hunter2".into()),
                ("log.filter", "info".into()),
                ("upstreams", upstreams.into()),
                ("labels.env", "prod".into()),
                ("labels.a: b", "7".into()),
                ("tags", Vec::<Value>::new().into()),
                ("offset", 5.into()),
                ("cache_dir", "/tmp".into()),
                ("replica.url", "hunter2".into()),
            ],
            r#"
host: "no"
port: 9000
debug: false
tags: []
offset: 5
cache_dir: /tmp
database:
  url: "******"
  pool_size: 10
  timeout: 30s
replica:
  url: "******"
  pool_size: 10
  timeout: 30s
log:
  filter: info
  format: auto
  buffer: 8388608
  ratio: 0.5
upstreams:
  - name: a
    token: "******"
    weight: 2
  - name: b
    # token: not set
    weight: 1
labels:
  "a: b": "7"
  env: prod
store:
  kind: disk
  path: /x
  sync: true
"#,
        );
    }

    #[test]
    fn keeps_a_section_that_has_nothing() {
        const EMPTY: Schema = Schema::new("", &[Field::new("a", &Kind::Optional(&Kind::Text))]);
        const KIND: Kind = Kind::Struct(&Schema::new(
            "",
            &[Field::new("one", &Kind::Struct(&EMPTY)), Field::new("all", &Kind::List(&Kind::Struct(&EMPTY)))],
        ));
        check(&KIND, &[("all", vec![section(&[])].into())], "# one:\n  # a: not set\nall:\n  - {}");
    }

    const PIN: Schema =
        Schema::new("", &[Field::new("user", &Kind::Text).default("hunter2"), Field::new("pin", &SECRET)]);
    const SECRET: Kind = Kind::Secret(&Kind::Text);

    #[test]
    fn shows_no_key_twice_beside_a_flattened_map() {
        const INNER: Schema = Schema::new("", &[Field::new("rest", &Kind::Map(&Kind::Text)).flatten()]);
        const STORE: Kind = Kind::Tagged {
            tag: "kind",
            variants: &[Variant::new("a", "")
                .fields(&[Field::new("key", &SECRET), Field::new("inner", &Kind::Struct(&INNER)).flatten()])],
        };
        const KIND: Kind = Kind::Struct(&Schema::new(
            "",
            &[
                Field::new("login", &Kind::Struct(&PIN)).flatten(),
                Field::new("store", &STORE),
                Field::new("inner", &Kind::Struct(&INNER)).flatten(),
            ],
        ));
        let set = [
            ("pin", "hunter2".into()),
            ("z", "1".into()),
            ("store.kind", "a".into()),
            ("store.key", "hunter2".into()),
            ("store.z", "2".into()),
        ];
        check(
            &KIND,
            &set,
            "user: hunter2\npin: \"******\"\nstore:\n  kind: a\n  key: \"******\"\n  z: \"2\"\nz: \"1\"",
        );
    }

    #[test]
    fn masks_a_secret_section() {
        const KIND: Kind = Kind::Struct(&Schema::new("", &[Field::new("login", &Kind::Secret(&Kind::Struct(&PIN)))]));
        check(&KIND, &[], "login: \"******\"");
        check(&KIND, &[("login.pin", "hunter2".into())], "login: \"******\"");
        const FLAT: Kind =
            Kind::Struct(&Schema::new("", &[Field::new("login", &Kind::Secret(&Kind::Struct(&PIN))).flatten()]));
        check(&FLAT, &[("user", "hunter2".into())], "user: \"******\"");
    }

    #[test]
    fn masks_passwords_in_names() {
        const KIND: Kind = Kind::Struct(&Schema::new("", &[Field::new("m", &Kind::Map(&Kind::Text))]));
        let urls = section(&[("a://u:hunter2@h", "x".into())]);
        check(&KIND, &[("m", urls.kind)], "m:\n  a://u:******@h: x");
    }

    #[test]
    fn puts_flattened_keys_beside_the_others() {
        const STORE: Kind = Kind::Tagged {
            tag: "kind",
            variants: &[Variant::new("a", "").aliases(&["b"]).fields(&[Field::new("x", &u8::KIND).default("1")])],
        };
        const PAGE: Schema = Schema::new("", &[Field::new("size", &u8::KIND).default("5")]);
        const KIND: Kind = Kind::Struct(&Schema::new(
            "",
            &[
                Field::new("page", &Kind::Struct(&PAGE)).flatten(),
                Field::new("store", &STORE),
                Field::new("rest", &Kind::Map(&Kind::Secret(&Kind::Text))).flatten(),
                Field::new("last", &Kind::Bool),
            ],
        ));
        let set = [("store.kind", "b".into()), ("z", "hunter2".into()), ("last", true.into())];
        check(&KIND, &set, "size: 5\nstore:\n  kind: b\n  x: 1\nz: \"******\"\nlast: true");
    }
}
