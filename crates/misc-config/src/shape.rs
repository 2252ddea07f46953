//! One layer brought into the shape of the schema: names as they are spelt there, and no key that nobody reads.

use misc_core::schema::{Field, Kind, Variant};

use crate::{
    error::Problem,
    keys::{Bare, bare},
    nearest::nearest,
    path::Path,
    tree::{Table, Value, ValueKind},
};

/// Brings a layer into the shape of the schema, and returns what does not fit.
pub(crate) fn shape(table: &mut Table, kind: &'static Kind) -> Vec<Problem> {
    let mut shaping = Shaping { path: Path::default(), problems: Vec::new() };
    shaping.section(table, kind);
    shaping.problems
}

struct Shaping {
    path: Path,
    problems: Vec<Problem>,
}

impl Shaping {
    fn inside(&mut self, key: impl std::fmt::Display, value: &mut Value, kind: &'static Kind) {
        let back = self.path.enter(key);
        let Bare { kind, optional, .. } = bare(kind);
        if is_empty(value, kind, optional) {
            value.kind = ValueKind::Table(Table::new());
        }
        match (kind, &mut value.kind) {
            (Kind::Struct(_) | Kind::Tagged { .. }, ValueKind::Table(table)) => self.section(table, kind),
            (Kind::Map(inside), ValueKind::Table(table)) => self.entries(table.iter_mut(), inside),
            (Kind::List(inside), ValueKind::Array(items)) => {
                items.iter_mut().enumerate().for_each(|(index, value)| self.inside(index, value, inside));
            }
            _ => {}
        }
        self.path.leave(back);
    }

    fn section(&mut self, table: &mut Table, kind: &'static Kind) {
        let mut known = Known::default();
        known.add(kind, table);
        known.rename(table, &self.path, &mut self.problems);
        if !known.open {
            self.refuse_unknown(table, &known);
        }
        for field in &known.checked {
            self.field(table, field);
        }
        if let Some(inside) = known.rest {
            let names: Vec<_> = known.names().collect();
            self.entries(table.iter_mut().filter(|(key, _)| !names.contains(&&***key)), inside);
        }
    }

    /// The entries of a map, in the order of their names.
    fn entries<'t>(&mut self, entries: impl Iterator<Item = (&'t String, &'t mut Value)>, inside: &'static Kind) {
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries.into_iter().for_each(|(key, value)| self.inside(key, value, inside));
    }

    fn field(&mut self, table: &mut Table, field: &'static Field) {
        let Some(value) = table.get_mut(field.name) else { return };
        let Bare { kind, optional, .. } = bare(field.kind);
        if is_empty(value, kind, optional) {
            table.remove(field.name);
        } else {
            self.inside(field.name, value, field.kind);
        }
    }

    fn refuse_unknown(&mut self, table: &Table, known: &Known) {
        let mut unknown: Vec<_> = table.iter().filter(|(key, _)| !known.has(key)).collect();
        unknown.sort_unstable_by_key(|(key, _)| *key);
        for (key, value) in unknown {
            let problem = Problem::new(self.path.of(key), "is not a key").of(value);
            self.problems.push(match (key.rsplit_once('.'), nearest(key, known.names())) {
                (Some((section, key)), _) => problem.hint(format!("write `{key}` in a section `{section}`")),
                (None, Some(name)) => problem.hint(format!("did you mean `{}`?", self.path.of(name))),
                (None, None) => problem.hint(format!("the keys here are {}", listed(known.names()))),
            });
        }
    }
}

/// Returns whether it is a section whose keys are all commented out.
fn is_empty(value: &Value, kind: &Kind, optional: bool) -> bool {
    matches!(value.kind, ValueKind::Nil) && !optional && matches!(kind, Kind::Struct(_) | Kind::Map(_))
}

/// The keys that a section may have.
#[derive(Default)]
struct Known {
    fields: Vec<&'static Field>,
    /// Those of which it is known what is inside of them.
    checked: Vec<&'static Field>,
    tags: Vec<&'static str>,
    /// Whether any other key may be there, too.
    open: bool,
    /// What those others are, if that is known.
    rest: Option<&'static Kind>,
}

impl Known {
    fn add(&mut self, kind: &'static Kind, table: &Table) {
        match kind {
            Kind::Struct(schema) => self.add_fields(schema.fields, table),
            Kind::Tagged { tag, variants } => self.add_variants(tag, variants, table),
            Kind::Map(inside) => (self.open, self.rest) = (true, Some(*inside)),
            _ => self.open = true,
        }
    }

    fn add_fields(&mut self, fields: &'static [Field], table: &Table) {
        for field in fields {
            if field.flatten {
                self.add(bare(field.kind).kind, table);
            } else {
                self.fields.push(field);
                self.checked.push(field);
            }
        }
    }

    /// Adds the keys of all variants. What is inside of them is known where the layer says which one it is.
    fn add_variants(&mut self, tag: &'static str, variants: &'static [Variant], table: &Table) {
        self.tags.push(tag);
        let chosen = table.get(tag).map(|value| &value.kind);
        for Variant { name, aliases, fields, .. } in variants {
            let checked = self.checked.len();
            self.add_fields(fields, table);
            let is_chosen = matches!(chosen, Some(ValueKind::String(tag)) if name == tag || aliases.contains(&&**tag));
            if !is_chosen {
                self.checked.truncate(checked);
            }
        }
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        let mut names = self.tags.clone();
        for field in &self.fields {
            if !names.contains(&field.name) {
                names.push(field.name);
            }
        }
        names.into_iter()
    }

    fn has(&self, key: &str) -> bool {
        self.names().any(|name| name == key)
    }

    /// Spells keys as the schema does, so that they meet those of other layers. Another name of a key may be the very name of
    /// another variant's: the variant that is chosen says which it is.
    fn rename(&self, table: &mut Table, path: &Path, problems: &mut Vec<Problem>) {
        for fields in [&self.checked, &self.fields] {
            let is_name = |alias: &&&str| fields.iter().any(|field| field.name == **alias);
            let aliases = fields.iter().flat_map(|field| field.aliases.iter().map(move |alias| (field, alias)));
            for (field, alias) in aliases.filter(|(_, alias)| !is_name(alias)) {
                let Some(value) = table.remove(*alias) else { continue };
                if table.contains_key(field.name) {
                    let message = format!("is another name of `{}`, which is set, too", field.name);
                    problems.push(Problem::new(path.of(alias), message).of(&value).hint("leave one of them out"));
                } else {
                    table.insert(field.name.to_owned(), value);
                }
            }
        }
    }
}

/// Lists names for people.
pub(crate) fn listed(names: impl Iterator<Item = &'static str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
