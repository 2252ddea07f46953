//! A file with every key, to start from.

use std::{
    fmt::{self, Write as _},
    iter::once,
};

use misc_core::schema::{Field, Kind, Variant};

use crate::{
    docs::{plain, summary},
    fallback::Level,
    keys::{Bare, Key, Keys, bare},
    show::show,
    tree::Value,
};

/// Writes a documented YAML file with every key: what may be left out is a comment, what must be set waits for a value.
pub(crate) fn template(kind: &'static Kind, keys: &Keys) -> String {
    let Kind::Struct(schema) = kind else { return String::new() };
    let template = Template { keys, mode: Mode::Live, secret: false };
    let mut lines = docs(schema.docs);
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.extend(template.section(kind, None, &mut Vec::new()));
    lines.join("\n")
}

/// Whether lines are part of what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// They are: what may be left out is a comment.
    Live,
    /// They are in a section that is a comment as a whole: what has a default shows it.
    Commented,
}

#[derive(Clone, Copy)]
struct Template<'a> {
    keys: &'a Keys,
    mode: Mode,
    /// Whether no value is to be shown.
    secret: bool,
}

/// The names from the root on; none where a name is of the user's choice, so that there are no variables and flags.
type Path = Vec<Option<&'static str>>;

impl Template<'_> {
    /// Writes the keys of a section, if it is one.
    fn section(self, kind: &'static Kind, outer: Option<Value>, path: &mut Path) -> Vec<String> {
        match bare(kind).kind {
            Kind::Struct(schema) => self.fields(schema.fields, &Level::new(schema, outer), path),
            Kind::Tagged { tag, variants } => self.variants(tag, variants, &Level::inherited(outer), path),
            _ => Vec::new(),
        }
    }

    fn fields(self, fields: &'static [Field], level: &Level, path: &mut Path) -> Vec<String> {
        let entries = fields.iter().map(|field| match field.flatten {
            true => self.flattened(field, level, path),
            false => self.entry(field, level, path),
        });
        entries.filter(|lines| !lines.is_empty()).collect::<Vec<_>>().join(&String::new())
    }

    fn flattened(self, field: &'static Field, level: &Level, path: &mut Path) -> Vec<String> {
        let Bare { kind, secret, .. } = bare(field.kind);
        match kind {
            Kind::Struct(_) | Kind::Tagged { .. } => {
                Self { secret: self.secret || secret, ..self }.section(kind, level.of(field), path)
            }
            kind => {
                let any = comment(&format!("any other keys, each: {}", Noun(inside(kind))));
                docs(field.docs).into_iter().chain([any]).collect()
            }
        }
    }

    /// Writes one key: what it is for, what it may be, and what it is.
    fn entry(self, field: &'static Field, level: &Level, path: &mut Path) -> Vec<String> {
        path.push(Some(field.name));
        let mut lines = docs(field.docs);
        let Bare { kind, secret, .. } = bare(field.kind);
        let template = Self { secret: self.secret || secret, ..self };
        match kind {
            kind @ (Kind::Struct(_) | Kind::Tagged { .. }) => {
                lines.extend(docs(if field.docs.is_empty() { schema_docs(kind) } else { "" }));
                lines.extend(template.header(field, |inner| inner.section(kind, level.of(field), path)));
            }
            kind => {
                lines.push(self.about(field.kind, path));
                lines.extend(variant_docs(kind));
                lines.extend(template.value(field, level, path));
            }
        }
        path.pop();
        lines
    }

    /// Writes a section: as a comment, unless it has something that must be set.
    fn header(self, field: &Field, mut section: impl FnMut(Self) -> Vec<String>) -> Vec<String> {
        let header = format!("{}:", field.name);
        if !(field.optional || bare(field.kind).optional) {
            let inner = section(self);
            if inner.iter().any(|line| !is_comment(line)) {
                return once(header).chain(indented(inner)).collect();
            }
        }
        let inner = indented(section(Self { mode: Mode::Commented, ..self }));
        commented(once(header).chain(inner))
    }

    fn variants(self, tag: &'static str, variants: &'static [Variant], level: &Level, path: &mut Path) -> Vec<String> {
        path.push(Some(tag));
        let decides = Field::new(tag, &Kind::Text);
        let mut lines = vec![self.about(&Kind::Enum(variants), path)];
        lines.extend(variant_docs(&Kind::Enum(variants)));
        lines.extend(self.value(&decides, level, path));
        path.pop();
        for variant in variants.iter().filter(|variant| !variant.fields.is_empty()) {
            lines.extend([String::new(), format!("# With `{tag}: {}`:", variant.name)]);
            let inner = Self { mode: Mode::Commented, ..self }.fields(variant.fields, level, path);
            lines.extend(inner.into_iter().map(|line| if line.starts_with('#') { line } else { comment(&line) }));
        }
        lines
    }

    /// Writes a key and its value.
    fn value(self, field: &Field, level: &Level, path: &mut Path) -> Vec<String> {
        let Bare { kind, optional, .. } = bare(field.kind);
        let example = indented(self.example(kind, path));
        let name = field.name;
        let (line, is_set) = match level.of(field) {
            None if !(optional || field.optional) => (format!("{name}: # must be set"), true),
            Some(default) if example.is_empty() && !self.secret && !field.kind.hides() => {
                (format!("{name}: {}", show(&default)), self.mode == Mode::Commented)
            }
            _ => (format!("{name}:"), false),
        };
        match (is_set, self.mode) {
            (false, _) => commented(once(line).chain(example)),
            (true, Mode::Live) => once(line).chain(commented(example)).collect(),
            (true, Mode::Commented) => once(line).chain(example).collect(),
        }
    }

    /// Shows what an item of a list, or an entry of a map, looks like, where it has keys of its own.
    fn example(self, kind: &'static Kind, path: &mut Path) -> Vec<String> {
        let head = if matches!(kind, Kind::List(_)) { "-" } else { "NAME:" };
        path.push(None);
        let lines = Self { mode: Mode::Commented, ..self }.section(inside(kind), None, path);
        path.pop();
        if lines.is_empty() { lines } else { once(head.to_owned()).chain(indented(lines)).collect() }
    }

    /// Says what the value of a key may be, and how else it is set.
    fn about(self, kind: &Kind, path: &Path) -> String {
        let mut line = format!("# {}", Noun(kind));
        let names: Option<Vec<_>> = path.iter().copied().collect();
        let Some(key) = names.and_then(|names| self.keys.all.iter().find(|key| key.parts == names)) else {
            return line;
        };
        let Key { variable, flag, .. } = key;
        write!(line, "; {variable}").expect("a `String` takes all");
        // A variable is seen by more than the program.
        if let Some(file) = self.keys.file_variable(key).filter(|_| key.secret) {
            write!(line, " (better: {file})").expect("a `String` takes all");
        }
        let short = key.field.short.map(|short| format!(", -{short}")).unwrap_or_default();
        write!(line, ", --{flag}{short}").expect("a `String` takes all");
        line
    }
}

/// What a value may be, in words.
struct Noun<'a>(&'a Kind);

impl fmt::Display for Noun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Kind::Bool => f.write_str("true or false"),
            Kind::Integer { min, max } => range(f, min, max),
            Kind::Float => f.write_str("number"),
            Kind::Text => f.write_str("text"),
            Kind::Duration => f.write_str("duration, such as 30s or 1h30m"),
            Kind::Bytes(_) => f.write_str("size, such as 512KiB or 10MiB"),
            Kind::Enum(variants) => {
                f.write_str("one of")?;
                let mut names = variants.iter().map(|variant| variant.name).enumerate();
                names.try_for_each(|(index, name)| write!(f, "{} {name}", if index > 0 { "," } else { "" }))
            }
            Kind::Optional(inner) => Self(inner).fmt(f),
            Kind::List(inner) => write!(f, "list, each: {}", Noun(inner)),
            Kind::Map(inner) => write!(f, "names of your choice, each with: {}", Noun(inner)),
            Kind::Struct(_) | Kind::Tagged { .. } => f.write_str("section"),
            Kind::Secret(inner) => write!(f, "secret {}", Noun(inner)),
            _ => f.write_str("any value"),
        }
    }
}

/// Writes a range, without ends that are only as far as the machine goes.
fn range(f: &mut fmt::Formatter<'_>, min: i128, max: i128) -> fmt::Result {
    match (min <= i64::MIN.into(), max >= i64::MAX.into()) {
        (true, true) => f.write_str("integer"),
        (true, false) => write!(f, "integer up to {max}"),
        (false, true) => write!(f, "integer from {min}"),
        (false, false) => write!(f, "integer from {min} to {max}"),
    }
}

fn inside(kind: &'static Kind) -> &'static Kind {
    match kind {
        Kind::List(inner) | Kind::Map(inner) => inner,
        _ => &Kind::Any,
    }
}

/// Writes what a thing is for as comments.
fn docs(docs: &str) -> Vec<String> {
    plain(docs).lines().map(comment).collect()
}

fn schema_docs(kind: &Kind) -> &'static str {
    if let Kind::Struct(schema) = kind { schema.docs } else { "" }
}

/// Lists what the values of an enum stand for, where anything says so.
fn variant_docs(kind: &Kind) -> Vec<String> {
    let Kind::Enum(variants) = kind else { return Vec::new() };
    let documented = variants.iter().filter(|variant| !variant.docs.is_empty());
    documented.map(|Variant { name, docs, .. }| format!("#   {name}: {}", summary(docs))).collect()
}

fn indented(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().map(|line| if line.is_empty() { line } else { format!("  {line}") }).collect()
}

fn commented(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    lines.into_iter().map(|line| comment(&line)).collect()
}

fn comment(line: &str) -> String {
    format!("# {line}").trim_end().to_owned()
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

#[cfg(test)]
mod tests;
