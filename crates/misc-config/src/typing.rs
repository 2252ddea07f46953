//! The merged settings, made what the schema says: defaults put in, texts made numbers, and everything checked.

mod scalar;

use std::sync::Arc;

use misc_core::schema::{Field, Kind, Schema, Variant};

use self::scalar::scalar;
pub(crate) use self::scalar::{duration_of, expected_integer};
use crate::{
    error::Problem,
    keys::{Bare, Keys, bare, names},
    nearest::nearest,
    path::Path,
    place::Said,
    shape::listed,
    show::{MASK, brief, is_masked},
    text::{self, is_padded},
    tree::{Table, Value, ValueKind, name_of},
};

/// The origin of what nobody has set.
pub(crate) const DEFAULT: &str = "default";

const TEXT: &str = "a text";
const LIST: &str = "a list";
const SIZE: &str = "a whole number of bytes such as `64KiB` or `10MB`";
const DURATION: &str = "a span of time such as `30s` or `1h30m`";

/// Makes settings what the schema says, and returns everything that is wrong with them. The layers, the lowest first, are what
/// the settings were made of.
pub(crate) fn typed(table: &mut Table, schema: &'static Schema, keys: &Keys, layers: &[Arc<Said>]) -> Vec<Problem> {
    let path = Path::default();
    let mut typing = Typing { keys, layers, path, secret: false, required: false, problems: Vec::new() };
    typing.schema(table, schema);
    typing.problems
}

struct Typing<'a> {
    keys: &'a Keys,
    layers: &'a [Arc<Said>],
    path: Path,
    /// Whether the value is never to be shown.
    secret: bool,
    /// Whether it must be set.
    required: bool,
    problems: Vec<Problem>,
}

impl Typing<'_> {
    fn schema(&mut self, table: &mut Table, schema: &'static Schema) {
        self.fields(table, schema.fields, schema.defaults.is_some());
        self.others(table, schema.fields, &[]);
    }

    /// The keys of a section that none of its fields has, where something takes them.
    fn others(&mut self, table: &mut Table, fields: &'static [Field], beside: &[&str]) {
        let Some((inside, secret)) = rest(fields) else { return };
        let known = [&names(fields), beside].concat();
        let entries = table.iter_mut().filter(|(key, _)| !known.contains(&&***key));
        self.hiding(secret, |typing| typing.each(entries, inside));
    }

    /// Does what is about something that is secret, if it is said so.
    fn hiding<T>(&mut self, secret: bool, then: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.secret;
        self.secret |= secret;
        let done = then(self);
        self.secret = outer;
        done
    }

    fn fields(&mut self, table: &mut Table, fields: &'static [Field], has_defaults: bool) {
        for field in fields {
            let Bare { kind, optional, secret } = bare(field.kind);
            if !field.flatten {
                self.field(table, field, has_defaults);
            } else if !optional || is_begun(table, field) {
                self.hiding(secret, |typing| typing.section(table, kind));
            }
        }
    }

    fn field(&mut self, table: &mut Table, field: &'static Field, has_defaults: bool) {
        let back = self.path.enter(field.name);
        if !table.contains_key(field.name)
            && let Some(default) = self.missing(field, has_defaults)
        {
            table.insert(field.name.to_owned(), default);
        }
        self.required = !(has_defaults || field.optional || field.default.is_some() || bare(field.kind).optional);
        if let Some(value) = table.get_mut(field.name) {
            self.value(value, field.kind);
        }
        self.path.leave(back);
    }

    /// What a key that is not set is worth, unless its type knows.
    fn missing(&mut self, field: &'static Field, has_defaults: bool) -> Option<Value> {
        let Bare { kind, optional, .. } = bare(field.kind);
        if let Some(default) = field.default {
            let value = text::from_text(default, kind, DEFAULT);
            return value.map_err(|error| self.refuse_default(&error)).ok();
        }
        if optional || field.optional || has_defaults {
            return None;
        }
        if matches!(kind, Kind::Struct(_)) {
            return Some(Value::new(None, ValueKind::Table(Table::new())));
        }
        self.require(kind);
        None
    }

    /// Tells how to set what is not set.
    fn require(&mut self, kind: &'static Kind) {
        let path = self.path.as_str();
        let key = self.keys.all.iter().find(|key| key.path == path);
        let problem = Problem::missing(path);
        self.problems.push(match (key, kind) {
            (_, Kind::Tagged { tag, variants }) => problem
                .hint(format!("set its `{tag}` to one of {}", listed(variants.iter().map(|variant| variant.name)))),
            (Some(key), _) => {
                problem.hint(format!("set it in a file, with `{}` or with `--{}`", key.variable, key.flag))
            }
            (None, _) => problem,
        });
    }

    fn refuse_default(&mut self, error: &str) {
        self.problems.push(Problem::new(self.path.as_str(), error).at(DEFAULT));
    }

    fn section(&mut self, table: &mut Table, kind: &'static Kind) {
        match kind {
            Kind::Struct(schema) => self.fields(table, schema.fields, schema.defaults.is_some()),
            Kind::Tagged { tag, variants } => drop(self.tagged(table, tag, variants)),
            _ => {}
        }
    }

    /// The keys of the chosen variant, which it returns; those of others, which a layer below may have set, do not count.
    fn tagged(
        &mut self,
        table: &mut Table,
        tag: &'static str,
        variants: &'static [Variant],
    ) -> Option<&'static Variant> {
        let back = self.path.enter(tag);
        let chosen = match table.get(tag) {
            Some(value) => self.variant(value, variants),
            None => {
                self.require(&Kind::Text);
                None
            }
        };
        self.path.leave(back);
        let variant = chosen?;
        self.leave_out_others(table, tag, variant, variants);
        self.fields(table, variant.fields, false);
        Some(variant)
    }

    /// Leaves out keys of other variants that come from a lower place than the tag, and refuses all others.
    fn leave_out_others(&mut self, table: &mut Table, tag: &str, chosen: &Variant, variants: &'static [Variant]) {
        if is_open(chosen.fields) {
            return;
        }
        let own = names(chosen.fields);
        let others = variants.iter().flat_map(|variant| names(variant.fields));
        for name in others.filter(|name| !own.contains(name)) {
            let Some(value) = table.remove(name) else { continue };
            if self.height(name) >= self.height(tag) {
                let message = format!("is not a key where `{tag}` is `{}`", chosen.name);
                self.problems.push(Problem::new(self.path.of(name), message).of(&value));
            }
        }
    }

    /// Returns how high the highest place is that says something about a key here, unless it is only a default.
    fn height(&self, key: &str) -> Option<usize> {
        let path = self.path.of(key);
        self.layers.iter().rposition(|said| says(&said.table, &path))
    }

    fn variant(&mut self, value: &Value, variants: &'static [Variant]) -> Option<&'static Variant> {
        let ValueKind::String(name) = &value.kind else { return self.refuse_variant(value, variants) };
        let named = variants.iter().find(|variant| variant.name == name || variant.aliases.contains(&&**name));
        named.or_else(|| self.refuse_variant(value, variants))
    }

    fn refuse_variant<T>(&mut self, value: &Value, variants: &'static [Variant]) -> Option<T> {
        let names = || variants.iter().map(|variant| variant.name);
        let expected = format!("one of {}", listed(names()));
        let mut problem = self.unexpected(value, &expected);
        if let (ValueKind::String(text), false) = (&value.kind, self.secret)
            && let Some(name) = nearest(text, names())
        {
            problem = problem.hint(format!("did you mean `{name}`?"));
        }
        self.problems.push(problem);
        None
    }

    fn value(&mut self, value: &mut Value, kind: &'static Kind) {
        match (kind, &value.kind) {
            (Kind::Optional(_), ValueKind::Nil) => {}
            (Kind::Optional(inside), _) => self.value(value, inside),
            (Kind::Secret(inside), _) => self.hiding(true, |typing| typing.value(value, inside)),
            (_, ValueKind::String(text)) if is_masked(text) || (self.secret && text == MASK) => {
                self.refuse_mask(value);
            }
            _ => self.unmasked(value, kind),
        }
    }

    fn unmasked(&mut self, value: &mut Value, kind: &'static Kind) {
        match kind {
            Kind::Any => match &mut value.kind {
                ValueKind::Array(_) => self.items(value, kind),
                ValueKind::Table(entries) => self.each(entries.iter_mut(), kind),
                _ => {}
            },
            Kind::List(inside) => self.items(value, inside),
            Kind::Map(inside) => self.entries(value, inside),
            Kind::Struct(schema) => match &mut value.kind {
                ValueKind::Table(table) => self.schema(table, schema),
                _ => self.refuse(value, kind, "a section"),
            },
            Kind::Tagged { tag, variants } => match &mut value.kind {
                ValueKind::Table(table) => {
                    if let Some(variant) = self.tagged(table, tag, variants) {
                        self.others(table, variant.fields, &[tag]);
                    }
                }
                _ => self.refuse(value, kind, "a section"),
            },
            Kind::Enum(variants) => drop(self.variant(value, variants)),
            _ => self.scalar(value, kind),
        }
    }

    fn items(&mut self, value: &mut Value, inside: &'static Kind) {
        let ValueKind::Array(items) = &mut value.kind else { return self.refuse(value, inside, LIST) };
        self.required = false;
        for (index, item) in items.iter_mut().enumerate() {
            let back = self.path.enter(index);
            self.value(item, inside);
            self.path.leave(back);
        }
    }

    fn entries(&mut self, value: &mut Value, inside: &'static Kind) {
        let ValueKind::Table(entries) = &mut value.kind else { return self.refuse(value, inside, "a section") };
        self.each(entries.iter_mut(), inside);
    }

    /// The entries of a map, in the order of their names.
    fn each<'t>(&mut self, entries: impl Iterator<Item = (&'t String, &'t mut Value)>, inside: &'static Kind) {
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        self.required = false;
        for (key, entry) in entries {
            let back = self.path.enter(key);
            if is_masked(key) {
                self.refuse_mask(entry);
            } else {
                self.value(entry, inside);
            }
            self.path.leave(back);
        }
    }

    /// Refuses what was printed without its secrets.
    fn refuse_mask(&mut self, value: &Value) {
        self.problems.push(Problem::new(self.path.as_str(), "is masked: put in the secret itself").of(value));
    }

    fn scalar(&mut self, value: &mut Value, kind: &'static Kind) {
        match scalar(&value.kind, kind) {
            Ok(Some(made)) => value.kind = made,
            Ok(None) => {}
            Err(expected) => self.refuse(value, kind, &expected),
        }
    }

    /// Refuses a value; one in whose place there would be a secret may be that secret.
    fn refuse(&mut self, value: &Value, kind: &'static Kind, expected: &str) {
        let problem = self.hiding(kind.hides(), |typing| typing.unexpected(value, expected));
        self.problems.push(problem);
    }

    fn unexpected(&self, value: &Value, expected: &str) -> Problem {
        let found = if self.secret { name_of(&value.kind).to_owned() } else { found(value) };
        let problem = Problem::new(self.path.as_str(), format!("expected {expected}, found {found}")).of(value);
        match self.advice(&value.kind, expected) {
            Some(advice) => problem.hint(advice),
            None => problem,
        }
    }

    /// What to do about a value that is not what was expected, where that is not plain.
    fn advice(&self, found: &ValueKind, expected: &str) -> Option<&'static str> {
        match found {
            ValueKind::Nil if self.required => Some("give it a value"),
            ValueKind::Nil => Some("give it a value, or leave it out"),
            ValueKind::Table(_) | ValueKind::Array(_) => None,
            _ if expected == TEXT => Some("put it in quotes"),
            _ if expected == LIST => Some("put it in square brackets, also where it is the only item"),
            ValueKind::I64(_) if expected == DURATION => Some("add the unit"),
            ValueKind::String(text) if is_digits(text) && expected == DURATION => Some("add the unit"),
            ValueKind::String(text) if is_padded(text.trim()) && is_number(expected) => {
                Some("leave out the zero in front: some read such a number as octal")
            }
            _ => None,
        }
    }
}

/// Says what a value is, and shows it where it is a single one.
pub(crate) fn found(value: &Value) -> String {
    let name = name_of(&value.kind);
    match &value.kind {
        ValueKind::String(text) if text.is_empty() => "an empty text".to_owned(),
        _ if is_scalar(value) => format!("{name} `{}`", brief(value)),
        _ => name.to_owned(),
    }
}

/// Returns whether it is a single value.
pub(crate) fn is_scalar(value: &Value) -> bool {
    !matches!(value.kind, ValueKind::Nil | ValueKind::Table(_) | ValueKind::Array(_))
}

fn is_number(expected: &str) -> bool {
    ["an integer", "a number", SIZE].iter().any(|number| expected.starts_with(number))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether one of the keys is set that stand beside a field's neighbours.
fn is_begun(table: &Table, field: &'static Field) -> bool {
    names(std::slice::from_ref(field)).iter().any(|name| table.contains_key(*name))
}

/// Returns whether a value may have keys that nobody has named.
fn is_open(fields: &[Field]) -> bool {
    fields.iter().any(|field| field.flatten && matches!(bare(field.kind).kind, Kind::Map(_) | Kind::Any))
}

/// Finds what all those keys are that no field has, where something takes them, and whether they are secret.
fn rest(fields: &'static [Field]) -> Option<(&'static Kind, bool)> {
    let takers = fields.iter().filter(|field| field.flatten).filter_map(|field| {
        let Bare { kind, secret, .. } = bare(field.kind);
        let (inside, inner) = match kind {
            Kind::Map(inside) => (*inside, false),
            Kind::Any => (kind, false),
            Kind::Struct(schema) => rest(schema.fields)?,
            _ => return None,
        };
        Some((inside, secret || inner))
    });
    takers.reduce(|(one, hidden), (other, also)| (if let Kind::Any = one { other } else { one }, hidden || also))
}

/// Returns whether a place says something about a path, whose keys may have dots in them. A list is said as a whole.
fn says(said: &Table, path: &str) -> bool {
    said.iter().any(|(key, value)| match path.strip_prefix(&**key) {
        Some("") => true,
        Some(rest) => match (rest.strip_prefix('.'), &value.kind) {
            (Some(rest), ValueKind::Table(inner)) => says(inner, rest),
            (below, kind) => below.is_some() && matches!(kind, ValueKind::Array(_)),
        },
        None => false,
    })
}

/// Reads a value as its key would, to be shown beside others; one that does not fit stays as it is.
pub(crate) fn read_as(value: &Value, kind: &Kind) -> Value {
    let mut read = value.clone();
    if let Ok(Some(made)) = scalar(&value.kind, kind) {
        read.kind = made;
    }
    read
}
