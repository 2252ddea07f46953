//! Layers brought into the shape of the schema: names as they are spelt there, and no key that nobody reads.

use std::{collections::BTreeSet, ptr};

use misc_core::schema::{Field, Kind, Variant};

use crate::{
    error::Problem,
    keys::{Bare, bare, kinds_below, names, variant_of},
    nearest::nearest,
    path::Path,
    tree::{Table, Value, ValueKind},
};

/// Brings layers, the lowest first, into the shape of the schema, and returns what does not fit. They are looked at together,
/// since a tag in one of them decides what keys of the others mean.
pub(crate) fn shape<'t>(layers: impl Iterator<Item = &'t mut Table>, kind: &'static Kind) -> Vec<Problem> {
    let mut shaping = Shaping { path: Path::default(), problems: Vec::new() };
    shaping.section(layers.map(|table| Part { of: table, others: Vec::new() }).collect(), kind);
    shaping.problems
}

/// What one layer has at a path.
struct Part<'t, T> {
    of: &'t mut T,
    /// What else it may be, where a higher layer has another variant in mind than this one, which does not say its own.
    others: Vec<&'static Kind>,
}

impl<T> Part<'_, T> {
    fn below(&self, key: &str) -> Vec<&'static Kind> {
        self.others.iter().flat_map(|kind| kinds_below(kind, key)).collect()
    }
}

/// Takes the parts that are sections, or maps.
fn tables(parts: Vec<Part<'_, Value>>) -> Vec<Part<'_, Table>> {
    let tables = parts.into_iter().filter_map(|Part { of, others }| match &mut of.kind {
        ValueKind::Table(table) => Some(Part { of: table, others }),
        _ => None,
    });
    tables.collect()
}

struct Shaping {
    path: Path,
    problems: Vec<Problem>,
}

impl Shaping {
    fn inside(&mut self, key: impl std::fmt::Display, mut parts: Vec<Part<'_, Value>>, kind: &'static Kind) {
        let back = self.path.enter(key);
        let Bare { kind, optional, .. } = bare(kind);
        for part in parts.iter_mut().filter(|part| is_empty(part.of, kind, optional)) {
            part.of.kind = ValueKind::Table(Table::new());
        }
        match kind {
            Kind::Struct(_) | Kind::Tagged { .. } => self.section(tables(parts), kind),
            Kind::Map(inside) => self.entries(&mut tables(parts), &[], inside),
            Kind::List(inside) => parts.iter_mut().for_each(|part| self.items(part, inside)),
            _ => {}
        }
        self.path.leave(back);
    }

    /// A list is taken as a whole, so that what is in it is of one layer.
    fn items(&mut self, part: &mut Part<'_, Value>, inside: &'static Kind) {
        let others = part.below("");
        let ValueKind::Array(items) = &mut part.of.kind else { return };
        for (index, of) in items.iter_mut().enumerate() {
            self.inside(index, vec![Part { of, others: others.clone() }], inside);
        }
    }

    fn section(&mut self, mut parts: Vec<Part<'_, Table>>, kind: &'static Kind) {
        let known: Vec<_> = (0..parts.len()).map(|layer| Known::of(kind, &Layers { parts: &parts, layer })).collect();
        for (part, known) in parts.iter_mut().zip(&known) {
            known.rename(part.of, &self.path, &mut self.problems);
            self.refuse_unknown(part, known);
        }
        for field in distinct(known.iter().flat_map(|known| known.checked.iter().copied())) {
            self.field(&mut parts, &known, kind, field);
        }
        for inside in distinct(known.iter().filter_map(|known| known.rest)) {
            let names: Vec<_> = known.iter().flat_map(Known::names).collect();
            let has_rest = |known: &Known| known.rest.is_some_and(|rest| ptr::eq(rest, inside));
            let parts = parts.iter_mut().zip(&known).filter(|(_, known)| has_rest(known));
            let parts = parts.map(|(part, _)| Part { of: &mut *part.of, others: part.others.clone() });
            self.entries(&mut parts.collect::<Vec<_>>(), &names, inside);
        }
    }

    /// The entries of a map, in the order of their names, without keys that it does not take.
    fn entries(&mut self, parts: &mut [Part<'_, Table>], without: &[&str], inside: &'static Kind) {
        let keys: BTreeSet<String> = parts.iter().flat_map(|part| part.of.keys().cloned()).collect();
        for key in keys.iter().filter(|key| !without.contains(&&***key)) {
            let entries = parts.iter_mut().filter_map(|part| entry(part, key, None)).collect();
            self.inside(key, entries, inside);
        }
    }

    fn field(&mut self, parts: &mut [Part<'_, Table>], known: &[Known], kind: &'static Kind, field: &'static Field) {
        let mut values = Vec::new();
        let Bare { kind: inner, optional, .. } = bare(field.kind);
        for (part, known) in parts.iter_mut().zip(known).filter(|(_, known)| known.checks(field)) {
            if part.of.get(field.name).is_some_and(|value| is_empty(value, inner, optional)) {
                part.of.remove(field.name);
            }
            values.extend(entry(part, field.name, Some(kind).filter(|_| known.lower)));
        }
        if !values.is_empty() {
            self.inside(field.name, values, field.kind);
        }
    }

    fn refuse_unknown(&mut self, part: &Part<'_, Table>, known: &Known) {
        if known.open {
            return;
        }
        let is_known = |key: &str| known.has(key) || part.others.iter().any(|kind| takes(kind, key));
        let mut unknown: Vec<_> = part.of.iter().filter(|(key, _)| !is_known(key)).collect();
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

/// Takes what is below a key, which may be as any variant of the section has it, if one is given.
fn entry<'t>(part: &'t mut Part<'_, Table>, key: &str, any_of: Option<&'static Kind>) -> Option<Part<'t, Value>> {
    let mut others = part.below(key);
    others.extend(any_of.into_iter().flat_map(|section| kinds_below(section, key)));
    Some(Part { of: part.of.get_mut(key)?, others })
}

/// Returns whether a section may have a key.
fn takes(section: &'static Kind, key: &str) -> bool {
    names(&[Field::new("", section).flatten()]).contains(&key) || kinds_below(section, key).next().is_some()
}

/// Leaves out what was there before.
fn distinct<T>(all: impl Iterator<Item = &'static T>) -> Vec<&'static T> {
    let mut distinct: Vec<&'static T> = Vec::new();
    for one in all {
        if !distinct.iter().any(|other| ptr::eq(*other, one)) {
            distinct.push(one);
        }
    }
    distinct
}

/// Returns whether it is a section whose keys are all commented out.
fn is_empty(value: &Value, kind: &Kind, optional: bool) -> bool {
    let is_section = matches!(kind, Kind::Struct(_) | Kind::Tagged { .. } | Kind::Map(_));
    matches!(value.kind, ValueKind::Nil) && !optional && is_section
}

/// What all layers have of a section, of which one is looked at.
struct Layers<'a> {
    parts: &'a [Part<'a, Table>],
    layer: usize,
}

impl Layers<'_> {
    /// Finds what a tag is, and whether a higher layer says it: a layer that says it itself is taken at its word.
    fn tag(&self, tag: &str) -> Option<(&Value, bool)> {
        let mut said = self.parts.iter().enumerate().rev();
        let highest = || said.find_map(|(layer, part)| Some((part.of.get(tag)?, layer > self.layer)));
        self.parts[self.layer].of.get(tag).map(|own| (own, false)).or_else(highest)
    }
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
    /// Whether a higher layer has chosen a variant, so that those of other variants do not count.
    lower: bool,
}

impl Known {
    fn of(kind: &'static Kind, layers: &Layers<'_>) -> Self {
        let mut known = Self::default();
        known.add(kind, layers);
        known
    }

    fn add(&mut self, kind: &'static Kind, layers: &Layers<'_>) {
        match kind {
            Kind::Struct(schema) => self.add_fields(schema.fields, layers),
            Kind::Tagged { tag, variants } => self.add_variants(tag, variants, layers),
            Kind::Map(inside) => (self.open, self.rest) = (true, Some(*inside)),
            _ => self.open = true,
        }
    }

    fn add_fields(&mut self, fields: &'static [Field], layers: &Layers<'_>) {
        for field in fields {
            if field.flatten {
                self.add(bare(field.kind).kind, layers);
            } else {
                self.fields.push(field);
                self.checked.push(field);
            }
        }
    }

    /// Adds the keys of all variants. What is inside of them is known where one is chosen.
    fn add_variants(&mut self, tag: &'static str, variants: &'static [Variant], layers: &Layers<'_>) {
        self.tags.push(tag);
        let (said, lower) = layers.tag(tag).unzip();
        let chosen = said.and_then(|said| variant_of(variants, said));
        let lower = lower.unwrap_or_default();
        self.lower |= lower;
        for variant in variants {
            let (checked, open, rest) = (self.checked.len(), self.open, self.rest);
            self.add_fields(variant.fields, layers);
            if !chosen.is_some_and(|chosen| ptr::eq(chosen, variant)) {
                self.checked.truncate(checked);
                self.rest = rest;
                self.open &= open || lower || chosen.is_none();
            }
        }
    }

    fn checks(&self, field: &Field) -> bool {
        self.checked.iter().any(|checked| ptr::eq(*checked, field))
    }

    fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
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
