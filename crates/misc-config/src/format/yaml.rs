//! YAML, read from the events of `saphyr-parser`, which know where they are.

use std::{borrow::Cow, collections::HashMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};

use crate::{
    error::Problem,
    format::{Origins, Place, float, integer},
    tree::{Table, Value, ValueKind},
};

/// How many times the limit of a file anchors and aliases may copy: a few lines can ask for billions of values.
const COPIES: usize = 16;

/// What the tags of the core schema start with, which are written `!!int` and the like.
const CORE: &str = "tag:yaml.org,2002:";

/// What is wrong with another tag, which is not quoted: `pin: !hunter2` may have been meant for a text.
const MEANINGLESS: &str = "has a tag that means nothing here, or is a text that starts with `!` and needs quotes";

pub(super) fn read(origins: Origins<'_>, text: &str) -> Result<Value, Problem> {
    let mut reader = Reader { events: Parser::new_from_str(text), origins, anchors: HashMap::new(), copied: 0 };
    reader.document()
}

struct Reader<'i, 'o> {
    events: Parser<'i, StrInput<'i>>,
    origins: Origins<'o>,
    /// What anchors stand for, once it has been read to its end.
    anchors: HashMap<usize, Value>,
    /// What they have copied, in bytes.
    copied: usize,
}

impl<'i> Reader<'i, '_> {
    fn document(&mut self) -> Result<Value, Problem> {
        let mut root = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, place) => return Ok(root.unwrap_or_else(|| self.origins.value(place, Table::new()))),
                (Event::DocumentStart(_), place) if root.is_some() => {
                    return Err(self.origins.problem(place, "has a second document, where one file is one document"));
                }
                (Event::DocumentStart(_), _) => root = Some(self.next_value(1)?),
                _ => {}
            }
        }
    }

    fn next_value(&mut self, depth: usize) -> Result<Value, Problem> {
        let (event, place) = self.next()?;
        self.value(event, place, depth)
    }

    fn value(&mut self, event: Event<'i>, place: Place, depth: usize) -> Result<Value, Problem> {
        let (anchor, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => (anchor, self.scalar(text, style, tag.as_deref(), place)?),
            Event::SequenceStart(anchor, tag) => {
                self.check_tag("seq", tag.as_deref(), place)?;
                (anchor, self.list(place, depth)?.into())
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag("map", tag.as_deref(), place)?;
                (anchor, self.table(place, depth)?.into())
            }
            Event::Alias(anchor) => return self.copy(anchor, place, depth),
            // The parser ends a section or a list only where it has started one.
            _ => return Err(self.origins.invalid(place, "a value is missing")),
        };
        let value = self.origins.value(place, kind);
        self.remember(anchor, &value, place)?;
        Ok(value)
    }

    fn list(&mut self, place: Place, depth: usize) -> Result<Vec<Value>, Problem> {
        self.origins.check_depth(place, depth)?;
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, place) => items.push(self.value(event, place, depth + 1)?),
            }
        }
    }

    fn table(&mut self, place: Place, depth: usize) -> Result<Table, Problem> {
        self.origins.check_depth(place, depth)?;
        let (mut table, mut keys, mut merged) = (Table::new(), Vec::new(), None);
        loop {
            let (key, place) = match self.next()? {
                (Event::MappingEnd, _) => break,
                (event, place) => (self.key(event, place)?, place),
            };
            let value = self.next_value(depth + 1)?;
            let before = match &key {
                Key::Merge => merged.replace(value),
                Key::Name(name) => table.insert(name.clone().into_owned(), value),
            };
            if before.is_some() {
                let first = keys.iter().find(|(known, _)| *known == key).map_or(place, |(_, first)| *first);
                return Err(self.origins.twice(key.name(), first, place));
            }
            keys.push((key, place));
        }
        match merged {
            Some(merged) => self.merge(table, merged, place),
            None => Ok(table),
        }
    }

    fn key(&mut self, event: Event<'i>, place: Place) -> Result<Key<'i>, Problem> {
        let Event::Scalar(text, style, anchor, tag) = event else {
            return Err(self.origins.problem(place, "has a key that is not a plain text"));
        };
        match (style, &*text) {
            (ScalarStyle::Plain, "") => return Err(self.origins.problem(place, "has a value without a key")),
            (ScalarStyle::Plain, "<<") if tag.is_none() => return Ok(Key::Merge),
            _ => self.check_tag("str", tag.as_deref(), place)?,
        }
        if anchor > 0 {
            let value = self.origins.value(place, &*text);
            self.remember(anchor, &value, place)?;
        }
        Ok(Key::Name(text))
    }

    /// Adds what `<<` stands for: what a section says itself wins, then what comes first.
    fn merge(&self, mut table: Table, merged: Value, place: Place) -> Result<Table, Problem> {
        let sections = match merged.kind {
            ValueKind::Array(sections) => sections,
            _ => vec![merged],
        };
        for section in sections {
            let ValueKind::Table(section) = section.kind else {
                return Err(self
                    .origins
                    .problem(place, "merges with `<<` what is not a section, nor a list of sections"));
            };
            for (key, value) in section {
                table.entry(key).or_insert(value);
            }
        }
        Ok(table)
    }

    fn remember(&mut self, anchor: usize, value: &Value, place: Place) -> Result<(), Problem> {
        if anchor > 0 {
            self.count_copy(size(value), place)?;
            self.anchors.insert(anchor, value.clone());
        }
        Ok(())
    }

    /// Returns what an anchor stands for, with the places where that is written.
    fn copy(&mut self, anchor: usize, place: Place, depth: usize) -> Result<Value, Problem> {
        let Some((size, height)) = self.anchors.get(&anchor).map(|value| (size(value), height(value))) else {
            return Err(self.origins.problem(place, "has an alias inside of what the alias stands for"));
        };
        self.origins.check_depth(place, depth + height - 1)?;
        self.count_copy(size, place)?;
        Ok(self.anchors[&anchor].clone())
    }

    fn count_copy(&mut self, size: usize, place: Place) -> Result<(), Problem> {
        let limit = self.origins.file.limits.bytes.saturating_mul(COPIES);
        self.copied += size;
        if self.copied > limit {
            let message = format!("copies more than {limit} bytes with anchors and aliases");
            return Err(self.origins.problem(place, message));
        }
        Ok(())
    }

    fn scalar(
        &self,
        text: Cow<'i, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        at: Place,
    ) -> Result<ValueKind, Problem> {
        let kind = match tag {
            Some(tag) => tagged(&text, tag).map(Some),
            None if style == ScalarStyle::Plain => plain(&text).map_err(str::to_owned),
            None => Ok(None),
        };
        let kind = kind.map_err(|message| self.origins.problem(at, message))?;
        Ok(kind.unwrap_or_else(|| text.into_owned().into()))
    }

    fn check_tag(&self, expected: &str, tag: Option<&Tag>, place: Place) -> Result<(), Problem> {
        match tag {
            Some(tag) if core(tag).as_deref() != Some(expected) => Err(self.origins.problem(place, MEANINGLESS)),
            _ => Ok(()),
        }
    }

    fn next(&mut self) -> Result<(Event<'i>, Place), Problem> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, place(span.start))),
            Some(Err(error)) => Err(self.problem(&error)),
            None => Ok((Event::StreamEnd, place(Marker::default()))),
        }
    }

    fn problem(&self, error: &ScanError) -> Problem {
        self.origins.invalid(place(*error.marker()), error.info())
    }
}

/// A key of a section.
#[derive(PartialEq, Eq)]
enum Key<'i> {
    Name(Cow<'i, str>),
    /// `<<`, which adds the keys of other sections.
    Merge,
}

impl Key<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Merge => "<<",
        }
    }
}

fn place(marker: Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

/// Counts the bytes of a value, and of all that is inside of it.
fn size(value: &Value) -> usize {
    let inside = match &value.kind {
        ValueKind::Table(table) => table.iter().map(|(key, value)| key.len() + size(value)).sum(),
        ValueKind::Array(items) => items.iter().map(size).sum(),
        ValueKind::String(text) => text.len(),
        _ => 0,
    };
    size_of::<Value>() + value.origin().map_or(0, str::len) + inside
}

/// Counts the levels of sections and lists that a value has.
fn height(value: &Value) -> usize {
    match &value.kind {
        ValueKind::Table(table) => 1 + table.values().map(height).max().unwrap_or(0),
        ValueKind::Array(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        _ => 0,
    }
}

/// Reads a plain scalar by the core schema of YAML 1.2; nothing is a text.
fn plain(text: &str) -> Result<Option<ValueKind>, &'static str> {
    if let Some(kind) = null(text).or_else(|| boolean(text)).or_else(|| special(text)) {
        return Ok(Some(kind));
    }
    // The schema takes 007 for seven, but who writes the zeros means an identifier. A number can still be read from the
    // text where the settings want one.
    if matches!(unsigned(text).as_bytes(), [b'0', b'0'..=b'9', ..]) {
        return Ok(None);
    }
    let number = if is_integer(text) {
        whole(text)
    } else if is_float(text) {
        float(text)
    } else {
        return Ok(None);
    };
    number.map(Some).ok_or("is a number out of range")
}

/// Reads a scalar as its tag wants it.
fn tagged(text: &str, tag: &Tag) -> Result<ValueKind, String> {
    let name = core(tag).unwrap_or_default();
    let kind = match &*name {
        "str" => Some(text.into()),
        "null" => null(text),
        "bool" => boolean(text),
        "int" => Some(text).filter(|text| is_integer(text)).and_then(whole),
        "float" => special(text).or_else(|| Some(text).filter(|text| is_float(text)).and_then(float)),
        _ => return Err(MEANINGLESS.to_owned()),
    };
    kind.ok_or_else(|| format!("does not fit its tag `!!{name}`"))
}

fn null(text: &str) -> Option<ValueKind> {
    matches!(text, "" | "~" | "null" | "Null" | "NULL").then_some(ValueKind::Nil)
}

fn boolean(text: &str) -> Option<ValueKind> {
    match text {
        "true" | "True" | "TRUE" => Some(true.into()),
        "false" | "False" | "FALSE" => Some(false.into()),
        _ => None,
    }
}

fn special(text: &str) -> Option<ValueKind> {
    match unsigned(text) {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => Some(f64::NEG_INFINITY.into()),
        ".inf" | ".Inf" | ".INF" => Some(f64::INFINITY.into()),
        ".nan" | ".NaN" | ".NAN" if unsigned(text) == text => Some(f64::NAN.into()),
        _ => None,
    }
}

/// Splits the digits of an integer from their radix, which a sign rules out unless it is ten.
fn digits(text: &str) -> (&str, u32) {
    let octal = text.strip_prefix("0o").map(|digits| (digits, 8));
    let prefixed = octal.or_else(|| text.strip_prefix("0x").map(|digits| (digits, 16)));
    prefixed.unwrap_or((unsigned(text), 10))
}

fn is_integer(text: &str) -> bool {
    let (digits, radix) = digits(text);
    !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix))
}

/// Reads an integer of any radix, with its sign.
fn whole(text: &str) -> Option<ValueKind> {
    match digits(text) {
        (_, 10) => integer(text, 10),
        (digits, radix) => integer(digits, radix),
    }
}

/// Whether a text is a float of YAML, which is one of Rust without its names for infinity.
fn is_float(text: &str) -> bool {
    let known = |c| matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-');
    text.chars().all(known) && text.parse::<f64>().is_ok()
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

/// Returns the name of a tag of the core schema.
fn core(tag: &Tag) -> Option<String> {
    let tag = format!("{}{}", tag.handle, tag.suffix);
    tag.strip_prefix(CORE).map(str::to_owned)
}
