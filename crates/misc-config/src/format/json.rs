//! JSON, read by `serde_json`, whose raw values are slices of the text and so know where they are.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    error::Problem,
    format::{Lines, Origins, Place, float, integer},
    tree::{Table, Value, ValueKind},
};

pub(super) fn read(mut origins: Origins<'_>, text: &str) -> Result<Value, Problem> {
    let lines = Lines::of(text);
    if text.trim().is_empty() {
        return Ok(origins.value(lines.place(0), Table::new()));
    }
    let mut reader = Reader { text, lines, origins };
    let root: &RawValue = reader.parse(text)?;
    reader.value(root.get(), 1)
}

/// Reads values level by level, so that the depth is known before the stack is used.
struct Reader<'i, 'o> {
    text: &'i str,
    lines: Lines,
    origins: Origins<'o>,
}

impl<'i> Reader<'i, '_> {
    /// Reads the value that a slice of the text is.
    fn value(&mut self, raw: &'i str, depth: usize) -> Result<Value, Problem> {
        let place = self.place(raw);
        let kind = match raw.as_bytes()[0] {
            b'{' => self.table(raw, depth)?.into(),
            b'[' => self.list(raw, depth)?.into(),
            b'"' => self.parse::<String>(raw)?.into(),
            b't' | b'f' => (raw == "true").into(),
            b'n' => ValueKind::Nil,
            _ => number(raw).ok_or_else(|| self.origins.problem(place, "is a number out of range"))?,
        };
        Ok(self.origins.value(place, kind))
    }

    fn table(&mut self, raw: &'i str, depth: usize) -> Result<Table, Problem> {
        self.origins.check_depth(self.place(raw), depth)?;
        let Members(members) = self.parse(raw)?;
        let mut table = Table::with_capacity(members.len());
        for (key, value) in &members {
            let name: String = self.parse(key.get())?;
            if table.contains_key(&name) {
                return Err(self.twice(&name, &members, key.get()));
            }
            table.insert(name, self.value(value.get(), depth + 1)?);
        }
        Ok(table)
    }

    fn list(&mut self, raw: &'i str, depth: usize) -> Result<Vec<Value>, Problem> {
        self.origins.check_depth(self.place(raw), depth)?;
        let items: Vec<&RawValue> = self.parse(raw)?;
        items.into_iter().map(|item| self.value(item.get(), depth + 1)).collect()
    }

    fn twice(&self, name: &str, members: &[(&'i RawValue, &'i RawValue)], second: &'i str) -> Problem {
        let named = |(key, _): &&(&'i RawValue, _)| self.parse::<String>(key.get()).is_ok_and(|key| key == name);
        let first = members.iter().find(named).map_or(second, |(key, _)| key.get());
        self.origins.twice(name, self.place(first), self.place(second))
    }

    fn parse<T: Deserialize<'i>>(&self, raw: &'i str) -> Result<T, Problem> {
        serde_json::from_str(raw).map_err(|error| self.problem(raw, &error))
    }

    /// Says what `serde_json` found in a slice of the text: its columns are bytes, and count from the slice.
    fn problem(&self, raw: &'i str, error: &serde_json::Error) -> Problem {
        let offset = self.offset(raw) + Lines::of(raw).offset(error.line(), error.column());
        let reason = error.to_string();
        let reason = reason.rsplit_once(" at line ").map_or(&*reason, |(reason, _)| reason);
        self.origins.invalid(self.lines.place(offset.min(self.text.len())), reason)
    }

    fn place(&self, raw: &'i str) -> Place {
        self.lines.place(self.offset(raw))
    }

    fn offset(&self, raw: &'i str) -> usize {
        raw.as_ptr().addr() - self.text.as_ptr().addr()
    }
}

/// The members of an object, those of the same name, too.
struct Members<'i>(Vec<(&'i RawValue, &'i RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

fn number(raw: &str) -> Option<ValueKind> {
    if raw.contains(['.', 'e', 'E']) { float(raw) } else { integer(raw, 10) }
}
