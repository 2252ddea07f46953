//! The merged settings, made what the schema says: defaults put in, texts made numbers, and everything checked.

use std::time::Duration;

use bytesize::ByteSize;
use misc_core::schema::{Field, Kind, Schema, Variant};

use crate::{
    error::Problem,
    keys::{Bare, Keys, bare, names},
    nearest::nearest,
    path::Path,
    shape::listed,
    show::{MASK, brief, hides},
    text,
    tree::{Table, Value, ValueKind, name_of},
};

/// The origin of what nobody has set.
pub(crate) const DEFAULT: &str = "default";

const TEXT: &str = "a text";
const LIST: &str = "a list";
const SIZE: &str = "a number of bytes such as `64KiB` or `10MB`";
const DURATION: &str = "a span of time such as `30s` or `1h30m`";

/// Makes settings what the schema says, and returns everything that is wrong with them.
pub(crate) fn typed(table: &mut Table, schema: &'static Schema, keys: &Keys) -> Vec<Problem> {
    let mut typing = Typing { keys, path: Path::default(), secret: false, required: false, problems: Vec::new() };
    typing.fields(table, schema.fields, schema.defaults.is_some());
    typing.problems
}

struct Typing<'a> {
    keys: &'a Keys,
    path: Path,
    /// Whether the value is never to be shown.
    secret: bool,
    /// Whether it must be set.
    required: bool,
    problems: Vec<Problem>,
}

impl Typing<'_> {
    fn fields(&mut self, table: &mut Table, fields: &'static [Field], has_defaults: bool) {
        for field in fields {
            if !field.flatten {
                self.field(table, field, has_defaults);
            } else if !bare(field.kind).optional || is_begun(table, field) {
                self.section(table, bare(field.kind).kind);
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
            Kind::Tagged { tag, variants } => self.tagged(table, tag, variants),
            _ => {}
        }
    }

    /// The keys of the chosen variant; those of others, which a layer below may have set, do not count.
    fn tagged(&mut self, table: &mut Table, tag: &'static str, variants: &'static [Variant]) {
        let back = self.path.enter(tag);
        let chosen = match table.get(tag) {
            Some(value) => self.variant(value, variants),
            None => {
                self.require(&Kind::Text);
                None
            }
        };
        self.path.leave(back);
        let Some(variant) = chosen else { return };
        self.leave_out_others(table, tag, variant, variants);
        self.fields(table, variant.fields, false);
    }

    fn leave_out_others(&mut self, table: &mut Table, tag: &str, chosen: &Variant, variants: &'static [Variant]) {
        if is_open(chosen.fields) {
            return;
        }
        let own = names(chosen.fields);
        let others = variants.iter().flat_map(|variant| names(variant.fields));
        for name in others.filter(|name| !own.contains(name)) {
            let Some(value) = table.remove(name) else { continue };
            if place(&value) == table.get(tag).and_then(place) {
                let message = format!("is not a key where `{tag}` is `{}`", chosen.name);
                self.problems.push(Problem::new(self.path.of(name), message).of(&value));
            }
        }
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
        match kind {
            Kind::Optional(_) if matches!(value.kind, ValueKind::Nil) => {}
            Kind::Optional(inside) => self.value(value, inside),
            Kind::Secret(_) if matches!(&value.kind, ValueKind::String(text) if text == MASK) => {
                let problem = Problem::new(self.path.as_str(), "is masked: put in the secret itself");
                self.problems.push(problem.of(value));
            }
            Kind::Secret(inside) => {
                let outer = std::mem::replace(&mut self.secret, true);
                self.value(value, inside);
                self.secret = outer;
            }
            Kind::Any => {}
            Kind::List(inside) => self.items(value, inside),
            Kind::Map(inside) => self.entries(value, inside),
            Kind::Struct(_) | Kind::Tagged { .. } => match &mut value.kind {
                ValueKind::Table(table) => self.section(table, kind),
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
        let mut entries: Vec<_> = entries.iter_mut().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        self.required = false;
        for (key, entry) in entries {
            let back = self.path.enter(key);
            self.value(entry, inside);
            self.path.leave(back);
        }
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
        let outer = self.secret;
        self.secret |= hides(kind);
        let problem = self.unexpected(value, expected);
        self.problems.push(problem);
        self.secret = outer;
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
            ValueKind::String(text)
                if is_digits(text) && text.starts_with('0') && expected.starts_with("an integer") =>
            {
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

/// Names the place that a value comes from: its file, its variable, or the command line.
fn place(value: &Value) -> Option<&str> {
    let origin = value.origin()?;
    if origin.starts_with('-') {
        return Some("-");
    }
    let is_number = |text: &str| text.parse::<usize>().is_ok();
    let mut parts = origin.rsplitn(3, ':');
    let marked = parts.next().is_some_and(is_number) && parts.next().is_some_and(is_number);
    parts.next().filter(|_| marked).or(Some(origin))
}

/// Reads a value as its key would, to be shown beside others; one that does not fit stays as it is.
pub(crate) fn read_as(value: &Value, kind: &Kind) -> Value {
    let mut read = value.clone();
    if let Ok(Some(made)) = scalar(&value.kind, kind) {
        read.kind = made;
    }
    read
}

/// Makes a value of the kind that a key wants; says what was expected where it is not.
fn scalar(value: &ValueKind, kind: &Kind) -> Result<Option<ValueKind>, String> {
    match *kind {
        Kind::Bool => bool_from(value),
        Kind::Integer { min, max } => integer_from(value, min, max),
        Kind::Float => float_from(value),
        Kind::Duration => duration_from(value),
        Kind::Bytes(number) => size_from(value, number),
        _ if matches!(value, ValueKind::String(_)) => Ok(None),
        _ => Err(TEXT.to_owned()),
    }
}

fn bool_from(value: &ValueKind) -> Result<Option<ValueKind>, String> {
    let made = match value {
        ValueKind::Boolean(_) => return Ok(None),
        ValueKind::I64(number @ (0 | 1)) => Some(*number == 1),
        ValueKind::String(text) => text::bool_of(text),
        _ => None,
    };
    made.map(|bool| Some(ValueKind::Boolean(bool))).ok_or_else(|| "true or false".to_owned())
}

fn integer_from(value: &ValueKind, min: i128, max: i128) -> Result<Option<ValueKind>, String> {
    let (number, text) = match value {
        ValueKind::I64(number) => (Some(i128::from(*number)), false),
        ValueKind::U64(number) => (Some(i128::from(*number)), false),
        ValueKind::I128(number) => (Some(*number), false),
        ValueKind::U128(number) => (i128::try_from(*number).ok(), false),
        ValueKind::String(text) => (text::integer_of(text), true),
        _ => (None, false),
    };
    let fitting = number.filter(|number| (min..=max).contains(number));
    let expected = || match number {
        Some(_) => format!("an integer from {min} to {max}"),
        None => expected_integer(min, max),
    };
    fitting.map(|number| text.then(|| integer(number))).ok_or_else(expected)
}

fn integer(number: i128) -> ValueKind {
    i64::try_from(number)
        .map_or_else(|_| u64::try_from(number).map_or(ValueKind::I128(number), ValueKind::U64), ValueKind::I64)
}

/// Says which integers are expected; the ends of 64 bits go without saying.
pub(crate) fn expected_integer(min: i128, max: i128) -> String {
    match (min, max) {
        (i128::MIN, i128::MAX) => "an integer".to_owned(),
        (min, max) if max >= i128::from(i64::MAX) && min <= i128::from(i64::MIN) => "an integer".to_owned(),
        (min, max) if max >= i128::from(i64::MAX) => format!("an integer from {min} on"),
        (min, max) => format!("an integer from {min} to {max}"),
    }
}

fn float_from(value: &ValueKind) -> Result<Option<ValueKind>, String> {
    let made = match value {
        ValueKind::Float(_) | ValueKind::I64(_) | ValueKind::U64(_) => return Ok(None),
        ValueKind::String(text) => text::float_of(text),
        _ => None,
    };
    made.map(|number| Some(ValueKind::Float(number))).ok_or_else(|| "a number".to_owned())
}

fn duration_from(value: &ValueKind) -> Result<Option<ValueKind>, String> {
    match value {
        ValueKind::String(text) if duration_of(text).is_some() => Ok(None),
        _ => Err(DURATION.to_owned()),
    }
}

/// Reads a span of time.
pub(crate) fn duration_of(text: &str) -> Option<Duration> {
    humantime::parse_duration(text.trim()).ok()
}

fn size_from(value: &ValueKind, number: &'static Kind) -> Result<Option<ValueKind>, String> {
    let Kind::Integer { min, max } = *bare(number).kind else { return Err(SIZE.to_owned()) };
    let size = match value {
        ValueKind::String(text) => Some(ValueKind::U64(size_of(text.trim()).ok_or(SIZE)?)),
        _ => None,
    };
    match size.as_ref().unwrap_or(value) {
        number @ (ValueKind::I64(0..) | ValueKind::U64(_)) => {
            integer_from(number, min, max).map_err(|_| format!("from {min} to {max} bytes"))?;
            Ok(size)
        }
        _ => Err(SIZE.to_owned()),
    }
}

/// Reads a number of bytes, if it has no more than 64 bits.
fn size_of(text: &str) -> Option<u64> {
    let with_unit = || text.parse::<ByteSize>().ok().map(|size| size.as_u64()).filter(|size| *size < u64::MAX);
    text.parse().ok().or_else(with_unit)
}
