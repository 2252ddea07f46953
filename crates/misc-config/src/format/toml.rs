//! TOML, read by the `toml` crate, whose tables know their spans.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use crate::{
    error::Problem,
    format::{Lines, Origins, Place, float, integer},
    tree::{Table, Value, ValueKind},
};

pub(super) fn read(origins: Origins<'_>, text: &str) -> Result<Value, Problem> {
    let mut reader = Reader { text, lines: Lines::of(text), origins };
    reader.check_nesting()?;
    let root = DeTable::parse(text).map_err(|error| reader.problem(&error))?;
    let table = reader.table(root.into_inner(), 1)?;
    Ok(reader.origins.value(reader.lines.place(0), table))
}

struct Reader<'i, 'o> {
    text: &'i str,
    lines: Lines,
    origins: Origins<'o>,
}

impl Reader<'_, '_> {
    /// Refuses what would overflow the stack as soon as it is parsed.
    ///
    /// The parser bounds brackets, and the dots of a key, but not how many dotted keys are inside of each other. What is
    /// too deep by a header and a key together is left to be found later.
    fn check_nesting(&self) -> Result<(), Problem> {
        match too_deep(self.text.as_bytes(), self.origins.file.limits.depth) {
            Some(offset) => Err(self.origins.too_deep(self.lines.place(offset))),
            None => Ok(()),
        }
    }

    fn table(&mut self, parsed: DeTable<'_>, depth: usize) -> Result<Table, Problem> {
        let members = parsed.into_iter();
        members.map(|(key, value)| Ok((key.into_inner().into_owned(), self.value(value, depth + 1)?))).collect()
    }

    fn list(&mut self, parsed: DeArray<'_>, depth: usize) -> Result<Vec<Value>, Problem> {
        parsed.into_iter().map(|item| self.value(item, depth + 1)).collect()
    }

    fn value(&mut self, parsed: Spanned<DeValue<'_>>, depth: usize) -> Result<Value, Problem> {
        let span = parsed.span();
        let place = self.lines.place(span.start);
        let kind = match parsed.into_inner() {
            DeValue::String(text) => text.into_owned().into(),
            DeValue::Integer(digits) => self.number(place, integer(digits.as_str(), digits.radix()))?,
            DeValue::Float(number) => self.number(place, real(number.as_str()))?,
            DeValue::Boolean(boolean) => boolean.into(),
            DeValue::Datetime(_) => self.text[span].into(),
            DeValue::Array(items) => {
                self.origins.check_depth(place, depth)?;
                self.list(items, depth)?.into()
            }
            DeValue::Table(table) => {
                self.origins.check_depth(place, depth)?;
                self.table(table, depth)?.into()
            }
        };
        Ok(self.origins.value(place, kind))
    }

    fn number(&self, place: Place, number: Option<ValueKind>) -> Result<ValueKind, Problem> {
        number.ok_or_else(|| self.origins.problem(place, "is a number out of range"))
    }

    fn problem(&self, error: &toml::de::Error) -> Problem {
        let span = error.span().unwrap_or_default();
        let place = self.lines.place(span.start);
        let twice = (error.message() == "duplicate key").then(|| first(self.text, span)).flatten();
        match twice {
            Some((key, first)) => self.origins.twice(&key, self.lines.place(first), place),
            None => self.origins.invalid(place, error.message()),
        }
    }
}

fn real(number: &str) -> Option<ValueKind> {
    match number.trim_start_matches(['+', '-']) {
        "inf" | "nan" => number.parse().ok().map(ValueKind::Float),
        _ => float(number),
    }
}

/// Finds the key that is in the way of another, by reading the text once more with the other renamed.
fn first(text: &str, second: Range<usize>) -> Option<(String, usize)> {
    let alone = format!("{} = 0", &text[second.clone()]);
    let alone = DeTable::parse(&alone).ok()?;
    let key = alone.get_ref().keys().next()?.get_ref();
    let renamed = format!("{}\"\\u0000\"{}", &text[..second.start], &text[second.end..]);
    let (root, _) = DeTable::parse_recoverable(&renamed);
    let (first, _) = table_with(root.get_ref(), second.start)?.get_key_value(&**key)?;
    Some((key.clone().into_owned(), first.span().start))
}

/// Finds the table that has a key at an offset.
fn table_with<'a, 'i>(table: &'a DeTable<'i>, offset: usize) -> Option<&'a DeTable<'i>> {
    if table.keys().any(|key| key.span().start == offset) {
        return Some(table);
    }
    table.values().find_map(|value| table_inside(value.get_ref(), offset))
}

fn table_inside<'a, 'i>(value: &'a DeValue<'i>, offset: usize) -> Option<&'a DeTable<'i>> {
    match value {
        DeValue::Table(table) => table_with(table, offset),
        DeValue::Array(items) => items.iter().find_map(|item| table_inside(item.get_ref(), offset)),
        _ => None,
    }
}

/// Finds where brackets and dots go deeper than a limit, by the tokens of TOML alone.
fn too_deep(text: &[u8], limit: usize) -> Option<usize> {
    let (mut open, mut depth, mut offset) = (Vec::new(), 1, 0);
    while let Some(byte) = text.get(offset) {
        match byte {
            b'[' | b'{' => {
                open.push((*byte, depth));
                depth += 1;
            }
            // The parser goes on after a bracket of the other kind, and still has what was open.
            b']' | b'}' => depth = open.pop_if(|(bracket, _)| *bracket + 2 == *byte).map_or(depth, |(_, outer)| outer),
            b'.' => depth += 1,
            b',' | b'\n' => depth = open.last().map_or(1, |(_, outer)| outer + 1),
            _ => {}
        }
        // One more than the limit, since the dot of a number counts, too.
        if depth > limit + 1 {
            return Some(offset);
        }
        offset += token(&text[offset..]);
    }
    None
}

/// Returns how long the token is that a text starts with.
fn token(text: &[u8]) -> usize {
    let until = |ends: &[u8]| text.iter().position(|byte| ends.contains(byte)).unwrap_or(text.len());
    match text[0] {
        b'"' | b'\'' => string(text),
        b'#' => until(b"\r\n"),
        b'.' | b'=' | b',' | b'[' | b']' | b'{' | b'}' | b' ' | b'\t' | b'\r' | b'\n' => 1,
        // A quote does not start a string here.
        _ => until(b".=,[]{} \t#\r\n"),
    }
}

/// Returns how long the string is that a text starts with, also when its end is missing.
fn string(text: &[u8]) -> usize {
    let quote = text[0];
    let quotes = if text.starts_with(&[quote; 3]) { 3 } else { 1 };
    let mut offset = quotes;
    while let Some(byte) = text.get(offset) {
        match *byte {
            b'\\' if quote == b'"' => offset += usize::from(matches!(text.get(offset + 1), Some(b'\\' | b'"'))),
            b'\n' if quotes == 1 => return offset,
            _ if text[offset..].starts_with(&[quote; 3][..quotes]) => {
                // The text of a long string may end with two quotes of its own.
                let own = text[offset + quotes..].iter().take(2 * usize::from(quotes == 3));
                return offset + quotes + own.take_while(|byte| **byte == quote).count();
            }
            _ => {}
        }
        offset += 1;
    }
    text.len()
}
