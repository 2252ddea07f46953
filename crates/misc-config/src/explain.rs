//! Where each value comes from.

use std::{fmt, sync::Arc};

use misc_core::schema::{Field, Kind, Variant};
use serde::Serialize;

use crate::{
    fallback,
    keys::{Key, Keys, bare, names, variant_of},
    place::Said,
    show::{brief, masked_in, shown, sorted, without_passwords},
    tree::{Table, Value, ValueKind, find, table},
    typing::{DEFAULT, read_as},
};

/// Says of each key what it is worth, where that comes from, and what it is instead of.
///
/// Its `Display` is the table that `--explain-config` prints. Secrets are masked.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Explanation {
    rows: Vec<Explained>,
    #[serde(skip)]
    warnings: Vec<String>,
}

impl Explanation {
    /// Returns the keys in the order of the schema.
    pub fn iter(&self) -> impl Iterator<Item = &Explained> {
        self.rows.iter()
    }

    /// Returns what is odd, and no error: a variable that belongs to no key, or that something else overrides.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// One key, explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    path: String,
    value: Option<String>,
    origin: Option<String>,
    shadowed: Vec<Shadowed>,
}

/// A value that another source overrides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shadowed {
    value: String,
    origin: String,
}

impl Explained {
    /// Returns the path of the key, such as `database.pool_size`; entries of maps have one, too.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the value on one line, masked where it is secret; nothing where it is not set.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Returns where the value comes from, such as `config.yaml:3:9`, `APP_PORT`, `--port` or `default`.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Returns the values that it is instead of, the next to win first.
    #[must_use]
    pub fn shadowed(&self) -> &[Shadowed] {
        &self.shadowed
    }
}

impl Shadowed {
    /// Returns the value on one line, masked where it is secret.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns where the value comes from.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// How many characters wide a column is at most; what is longer moves the rest of its line.
const WIDEST: usize = 48;

/// Explains each key: `effective` is all layers in one, `layers` are what places have said, the lowest first.
pub(crate) fn explain(keys: &Keys, effective: &Table, layers: &[Arc<Said>], warnings: &[String]) -> Explanation {
    let mut rows = Vec::new();
    let others = unchosen(keys, effective);
    for key in keys.all.iter().filter(|key| !others.iter().any(|other| key.parts.starts_with(other))) {
        let field = field_of(keys, effective, key).unwrap_or(key.field);
        let key = &Key { field, ..key.clone() };
        let candidates = Candidates::new(key, effective, layers);
        match find(effective, &key.parts).map(|own| masked_in(key, own)).or_else(|| candidates.default.clone()) {
            Some(own) => candidates.add_rows(&mut rows, &own, &mut Vec::new()),
            None => rows.push(unset(key, effective)),
        }
    }
    Explanation { rows, warnings: warnings.to_vec() }
}

/// Lists the paths of keys that come with variants that are not chosen.
fn unchosen(keys: &Keys, effective: &Table) -> Vec<Vec<&'static str>> {
    let others = keys.all.iter().filter_map(|tag| {
        let Kind::Enum(variants) = tag.kind else { return None };
        let own = names(chosen(tag, effective)?.fields);
        let all = variants.iter().flat_map(|variant| names(variant.fields));
        let section = section(tag);
        Some(all.filter(move |name| !own.contains(name)).map(move |name| [section, &[name]].concat()))
    });
    others.flatten().collect()
}

/// Finds what the chosen variant says of a key, where several have one of its name.
fn field_of(keys: &Keys, effective: &Table, key: &Key) -> Option<Field> {
    let tags = keys.all.iter().filter(|tag| matches!(tag.kind, Kind::Enum(_)) && section(tag) == section(key));
    let mut fields = tags.filter_map(|tag| chosen(tag, effective)).flat_map(|variant| variant.fields);
    fields.find(|field| !field.flatten && key.parts.last() == Some(&field.name)).copied()
}

/// Finds the variant that a key chooses, if it is one that does.
fn chosen(tag: &Key, effective: &Table) -> Option<&'static Variant> {
    let Kind::Enum(variants) = tag.kind else { return None };
    let own = find(effective, &tag.parts).cloned().or_else(|| fallback::of_key_in(effective, tag))?;
    variant_of(variants, &own)
}

/// Returns the path of the section that a key is in.
fn section(key: &Key) -> &[&'static str] {
    &key.parts[..key.parts.len() - 1]
}

/// What sources have for a key, masked.
struct Candidates<'a> {
    key: &'a Key,
    /// The highest first.
    layers: Vec<Value>,
    default: Option<Value>,
}

impl<'a> Candidates<'a> {
    fn new(key: &'a Key, effective: &Table, layers: &[Arc<Said>]) -> Self {
        let masked = |own: &Value| masked_in(key, &read_as(own, &key.kind));
        let found = layers.iter().rev().filter_map(|said| find(&said.table, &key.parts).map(masked));
        Self { key, layers: found.collect(), default: fallback::of_key_in(effective, key).as_ref().map(masked) }
    }

    /// Adds a row for a value, or for each that is in it, where sources have been merged.
    fn add_rows<'v>(&self, rows: &mut Vec<Explained>, own: &'v Value, below: &mut Vec<&'v str>) {
        let Some(inner) = table(own).filter(|inner| !inner.is_empty()) else {
            return rows.push(self.row(own, below));
        };
        for (name, own) in sorted(inner) {
            below.push(name);
            self.add_rows(rows, own, below);
            below.pop();
        }
    }

    fn row(&self, own: &Value, below: &[&str]) -> Explained {
        let mut all = self.layers.iter().chain(&self.default).filter_map(|whole| inside(whole, below));
        // The first is the value itself; of sections that have been merged, the highest.
        let first = all.next().unwrap_or(own);
        let shadowed = all.map(|value| Shadowed { value: brief(value), origin: origin(value) });
        let path: Vec<_> = std::iter::once(self.key.path.clone()).chain(below.iter().map(|name| shown(name))).collect();
        let set = own.kind != ValueKind::Nil;
        Explained {
            path: path.join("."),
            value: set.then(|| brief(own)),
            origin: Some(origin(first)),
            shadowed: shadowed.collect(),
        }
    }
}

fn unset(key: &Key, effective: &Table) -> Explained {
    let by_program = fallback::is_filled(effective, key) || (key.field.optional && !bare(key.field.kind).optional);
    let origin = by_program.then(|| "the program".to_owned());
    Explained { path: key.path.clone(), value: None, origin, shadowed: Vec::new() }
}

fn inside<'a>(whole: &'a Value, below: &[&str]) -> Option<&'a Value> {
    if below.is_empty() { Some(whole) } else { find(table(whole)?, below) }
}

fn origin(value: &Value) -> String {
    without_passwords(value.origin().unwrap_or(DEFAULT)).into_owned()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["KEY", "VALUE", "FROM", "INSTEAD OF"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head).chain(self.rows.iter().map(cells)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let [key, value, from] = [0, 1, 2].map(|column| width(column).min(WIDEST));
        for (index, row) in rows.iter().enumerate() {
            let line = format!("{:key$}  {:value$}  {:from$}  {}", row[0], row[1], row[2], row[3]);
            write!(f, "{}{}", if index > 0 { "\n" } else { "" }, line.trim_end())?;
        }
        Ok(())
    }
}

fn cells(row: &Explained) -> [String; 4] {
    let shadowed: Vec<_> =
        row.shadowed.iter().map(|Shadowed { value, origin }| format!("{value} ({origin})")).collect();
    let from = row.origin.clone().unwrap_or_else(|| "not set".to_owned());
    [row.path.clone(), row.value.clone().unwrap_or_default(), from, shadowed.join(", ")]
}

#[cfg(test)]
mod tests {
    use misc_core::schema::Schema;

    use super::*;
    use crate::{
        place::Place,
        sample::SHOP,
        tree::{insert, value},
    };

    fn layer(set: &[(&str, &str, ValueKind)]) -> Arc<Said> {
        let mut table = Table::new();
        for (path, origin, own) in set {
            insert(&mut table, &path.split('.').collect::<Vec<_>>(), value(origin, own.clone()));
        }
        Arc::new(Said { place: Place::File, table })
    }

    /// Explains layers, the highest first, each of which has no key below one of another's.
    fn explained(layers: &[Arc<Said>]) -> Explanation {
        let keys = Keys::of(&SHOP, "APP");
        let mut effective = Table::new();
        for layer in layers.iter().rev() {
            for (name, own) in &layer.table {
                let inner = table(own).into_iter().flatten();
                inner.for_each(|(inner, own)| insert(&mut effective, &[name, inner], own.clone()));
                if table(own).is_none() {
                    insert(&mut effective, &[name], own.clone());
                }
            }
        }
        let lowest_first: Vec<_> = layers.iter().rev().map(Arc::clone).collect();
        explain(&keys, &effective, &lowest_first, &[])
    }

    fn check(layers: &[Arc<Said>], keys: &[&str], expected: &str) {
        let mut explanation = explained(layers);
        explanation.rows.retain(|row| keys.iter().any(|key| row.path.starts_with(key)));
        assert_eq!(explanation.to_string(), expected.trim());
    }

    #[test]
    fn says_where_each_value_comes_from_and_what_it_is_instead_of() {
        let flags = layer(&[("port", "--port", 9000.into())]);
        let file = layer(&[
            ("host", "config.yaml:1:7", "127.0.0.1".into()),
            ("port", "config.yaml:2:7", 8080.into()),
            ("database.url", "config.yaml:5:8", "hunter2".into()),
            ("database.pool_size", "config.yaml:6:14", 20.into()),
        ]);
        let variables =
            layer(&[("port", "APP_PORT", 8001.into()), ("database.url", "APP_DATABASE_URL", "hunter3".into())]);
        check(
            &[flags, file, variables],
            &["host", "port", "cache_dir", "database", "replica.url"],
            "
KEY                 VALUE      FROM              INSTEAD OF
host                127.0.0.1  config.yaml:1:7   0.0.0.0 (default)
port                9000       --port            8080 (config.yaml:2:7), 8001 (APP_PORT), 8000 (default)
cache_dir                      the program
database.url        ******     config.yaml:5:8   ****** (APP_DATABASE_URL)
database.pool_size  20         config.yaml:6:14  10 (default)
database.timeout    30s        default
replica.url                    not set
",
        );
    }

    #[test]
    fn has_a_row_for_each_entry_of_a_map_and_one_for_a_list() {
        let above = layer(&[("labels.env", "a:1", "prod".into()), ("tags", "a:2", vec!["x", "z"].into())]);
        let below = layer(&[("labels.env", "b:1", "test".into()), ("labels.team", "b:2", "shop".into())]);
        check(
            &[above, below],
            &["labels", "tags"],
            "
KEY          VALUE   FROM  INSTEAD OF
tags         [x, z]  a:2   [a, b] (default)
labels.env   prod    a:1   test (b:1)
labels.team  shop    b:2
",
        );
    }

    /// Explains keys of a struct that are set in a file.
    fn check_set(kind: &'static Kind, set: &[(&str, &str, ValueKind)], expected: &str) {
        let said = layer(set);
        let table = said.table.clone();
        assert_eq!(explain(&Keys::of(kind, "APP"), &table, &[said], &[]).to_string(), expected.trim());
    }

    const SECRET: Kind = Kind::Secret(&Kind::Text);
    const LOGIN: Schema =
        Schema::new("", &[Field::new("user", &Kind::Text).default("hunter2"), Field::new("pin", &SECRET)]);

    #[test]
    fn masks_what_is_in_a_secret_section() {
        const KIND: Kind = Kind::Struct(&Schema::new("", &[Field::new("login", &Kind::Secret(&Kind::Struct(&LOGIN)))]));
        check_set(
            &KIND,
            &[("login.user", "a:1", "hunter3".into())],
            "
KEY         VALUE   FROM     INSTEAD OF
login.user  ******  a:1      ****** (default)
login.pin           not set
",
        );
    }

    #[test]
    fn masks_passwords_in_names_and_origins() {
        const KIND: Kind = Kind::Struct(&Schema::new("", &[Field::new("m", &Kind::Map(&Kind::Text))]));
        let urls = Table::from([("a://u:hunter2@h".to_owned(), value("b://u:hunter2@h:1:1", "x"))]);
        check_set(
            &KIND,
            &[("m", "", urls.into())],
            "
KEY               VALUE  FROM                INSTEAD OF
m.a://u:******@h  x      b://u:******@h:1:1
",
        );
    }

    #[test]
    fn masks_a_key_that_is_a_secret_of_one_variant() {
        const STORE: Kind = Kind::Tagged {
            tag: "kind",
            variants: &[
                Variant::new("open", "").fields(&[Field::new("key", &Kind::Text), Field::new("size", &Kind::Text)]),
                Variant::new("closed", "").fields(&[Field::new("key", &SECRET), Field::new("size", &Kind::Bool)]),
            ],
        };
        const KIND: Kind = Kind::Struct(&Schema::new("", &[Field::new("store", &STORE)]));
        check_set(
            &KIND,
            &[
                ("store.kind", "a:1", "closed".into()),
                ("store.key", "a:2", "hunter2".into()),
                ("store.size", "a:3", true.into()),
            ],
            "
KEY         VALUE   FROM  INSTEAD OF
store.kind  closed  a:1
store.key   ******  a:2
store.size  true    a:3
",
        );
        let keys = Keys::of(&KIND, "");
        assert!(matches!(keys.all.iter().find(|key| key.path == "store.size").unwrap().kind, Kind::Any));
    }

    #[test]
    fn can_be_read_by_programs() {
        let explanation = explained(&[layer(&[("port", "a:1", 1.into())])]);
        let port = explanation.iter().find(|row| row.path() == "port").unwrap();
        assert_eq!((port.value(), port.origin()), (Some("1"), Some("a:1")));
        assert_eq!((port.shadowed()[0].value(), port.shadowed()[0].origin()), ("8000", "default"));
        let json = serde_json::to_value(port).unwrap();
        let shadowed = serde_json::json!([{ "value": "8000", "origin": "default" }]);
        assert_eq!(json, serde_json::json!({ "path": "port", "value": "1", "origin": "a:1", "shadowed": shadowed }));
    }

    #[test]
    fn does_not_let_one_long_value_push_all_others_aside() {
        let table = explained(&[layer(&[("host", "a:1", "x".repeat(300).into())])]).to_string();
        let port = table.lines().find(|line| line.starts_with("port")).unwrap();
        assert!(port.len() < 100, "{port}");
    }
}
