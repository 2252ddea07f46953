//! The formats of files, read so that each value knows its line.

mod json;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

use std::{
    error::Error,
    fmt::{self, Write as _},
    path::Path,
};

use config::{ConfigError, File, FileStoredFormat, Source as _};

use crate::{
    error::Problem,
    tree::{Table, Value, ValueKind, name_of},
};

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// YAML 1.2: `.yaml`, `.yml`.
    Yaml,
    /// JSON (RFC 8259): `.json`.
    Json,
    /// TOML 1: `.toml`.
    Toml,
}

impl Format {
    /// Returns the format that the extension of a file stands for, if any.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?;
        let fits = |format: &Self| format.extensions().iter().any(|known| extension.eq_ignore_ascii_case(known));
        [Self::Yaml, Self::Json, Self::Toml].into_iter().find(fits)
    }

    fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Yaml => &["yaml", "yml"],
            Self::Json => &["json"],
            Self::Toml => &["toml"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Yaml => "YAML",
            Self::Json => "JSON",
            Self::Toml => "TOML",
        }
    }
}

/// How large and how deep a file may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) bytes: usize,
    pub(crate) depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 20, depth: 64 }
    }
}

/// Reads a text: its values say `name:line:column`, counted from one and in characters.
pub(crate) fn read(name: &str, format: Format, text: &str, limits: Limits) -> Result<Table, Problem> {
    let marked = Marked { name: name.to_owned(), format, limits };
    File::from_str(text, marked).collect().map_err(|error| match error {
        ConfigError::FileParse { cause, .. } => match cause.downcast::<Unreadable>() {
            Ok(unreadable) => unreadable.0,
            Err(cause) => Problem::new("", cause.to_string()).at(name),
        },
        error => Problem::new("", error.to_string()).at(name),
    })
}

/// A format of the `config` crate whose values know where in a file they are.
#[derive(Debug, Clone)]
pub(crate) struct Marked {
    pub(crate) name: String,
    pub(crate) format: Format,
    pub(crate) limits: Limits,
}

impl Marked {
    fn read(&self, text: &str) -> Result<Table, Problem> {
        self.check_size(text)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let origins = Origins { file: self, written: String::new() };
        let root = match self.format {
            Format::Yaml => yaml::read(origins, text),
            Format::Json => json::read(origins, text),
            Format::Toml => toml::read(origins, text),
        }?;
        match root.kind {
            ValueKind::Table(table) => Ok(table),
            ValueKind::Nil => Ok(Table::new()),
            ref other => {
                let message = format!("holds {}, where keys and their values belong", name_of(other));
                Err(Problem::new("", message).of(&root))
            }
        }
    }

    fn check_size(&self, text: &str) -> Result<(), Problem> {
        let (size, limit) = (text.len(), self.limits.bytes);
        if size > limit {
            let message = format!("has {size} bytes, which is more than the limit of {limit}");
            return Err(Problem::new("", message).at(&*self.name));
        }
        Ok(())
    }
}

impl config::Format for Marked {
    fn parse(&self, _uri: Option<&String>, text: &str) -> Result<Table, Box<dyn Error + Send + Sync>> {
        Ok(self.read(text).map_err(Unreadable)?)
    }
}

impl FileStoredFormat for Marked {
    fn file_extensions(&self) -> &'static [&'static str] {
        self.format.extensions()
    }
}

/// Carries a problem through the `config` crate.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreadable(Problem);

/// A place in a file, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    line: usize,
    /// In characters.
    column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Marks values, and what is wrong with them, with their places in a file.
#[derive(Debug)]
struct Origins<'a> {
    file: &'a Marked,
    /// What was written last, kept for its memory.
    written: String,
}

impl Origins<'_> {
    fn value(&mut self, place: Place, kind: impl Into<ValueKind>) -> Value {
        self.written.clear();
        self.written.push_str(&self.file.name);
        write!(self.written, ":{place}").expect("a string takes any text");
        Value::new(Some(&self.written), kind)
    }

    fn problem(&self, place: Place, message: impl Into<String>) -> Problem {
        Problem::new("", message).at(self.name(place))
    }

    /// Says that a text breaks the rules of its format; the reason must not quote the text, which may hold a secret.
    fn invalid(&self, place: Place, reason: &str) -> Problem {
        self.problem(place, format!("is not valid {}: {}", self.file.format.name(), reason.to_lowercase()))
    }

    /// Says that a key is set twice.
    fn twice(&self, key: &str, first: Place, second: Place) -> Problem {
        let message = format!("`{}` is set twice, here and at {}", key.escape_debug(), self.name(first));
        self.problem(second, message)
    }

    /// Refuses a section or a list inside of too many others; the outermost has the depth one.
    fn check_depth(&self, place: Place, depth: usize) -> Result<(), Problem> {
        if depth > self.file.limits.depth { Err(self.too_deep(place)) } else { Ok(()) }
    }

    fn too_deep(&self, place: Place) -> Problem {
        self.problem(place, format!("is nested deeper than {} levels", self.file.limits.depth))
    }

    fn name(&self, place: Place) -> String {
        format!("{}:{place}", self.file.name)
    }
}

/// Finds the places of offsets in a text.
#[derive(Debug)]
struct Lines {
    /// Where lines start.
    starts: Vec<usize>,
    /// The bytes that do not start a character: what makes columns differ from bytes.
    inner: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        let (mut starts, mut inner) = (vec![0], Vec::new());
        for (offset, byte) in text.bytes().enumerate() {
            if byte == b'\n' {
                starts.push(offset + 1);
            } else if !text.is_char_boundary(offset) {
                inner.push(offset);
            }
        }
        Self { starts, inner }
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let inner = self.inner_before(offset) - self.inner_before(start);
        Place { line, column: offset - start - inner + 1 }
    }

    /// Returns the offset of a byte of a line, both counted from one.
    fn offset(&self, line: usize, byte: usize) -> usize {
        let start = line.checked_sub(1).and_then(|line| self.starts.get(line));
        start.map_or(0, |start| start + byte.saturating_sub(1))
    }

    fn inner_before(&self, offset: usize) -> usize {
        self.inner.partition_point(|inner| *inner < offset)
    }
}

/// Reads digits, with their sign, as the smallest kind of integer that holds them.
fn integer(digits: &str, radix: u32) -> Option<ValueKind> {
    let small = i64::from_str_radix(digits, radix).map(ValueKind::I64);
    let small = small.or_else(|_| u64::from_str_radix(digits, radix).map(ValueKind::U64));
    let large = small.or_else(|_| i128::from_str_radix(digits, radix).map(ValueKind::I128));
    large.or_else(|_| u128::from_str_radix(digits, radix).map(ValueKind::U128)).ok()
}

/// Reads a decimal number, if it is not too large for a float.
fn float(text: &str) -> Option<ValueKind> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(ValueKind::Float)
}
