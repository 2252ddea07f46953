//! What the log remembers of a span while it lasts.

#[cfg(feature = "otel")]
use std::fmt;
use std::{fmt::Write, ops::Range};

use tracing::span::{Attributes, Record};

use crate::{
    style::Style,
    value::{Fields, Value, Visitor},
};

/// The fields of a span, ready to be written. A field that is recorded again replaces what it was.
///
/// `trace_id` and `span_id` are kept apart, since they belong to each line and not to a span's description.
#[derive(Debug, Default)]
pub(crate) struct SpanFields {
    text: String,
    pieces: Vec<(&'static str, Range<usize>)>,
    ids: Ids,
}

/// The ids of a trace and of a span in it; empty when there are none.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) trace: String,
    pub(crate) span: String,
}

impl SpanFields {
    pub(crate) fn of(style: Style, attributes: &Attributes<'_>) -> Self {
        let mut collector = Collector { style, fields: Self::with_room(256) };
        attributes.record(&mut Visitor(&mut collector));
        collector.fields
    }

    /// No fields, and room for so many bytes of them: growing step by step costs more than writing.
    fn with_room(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), pieces: Vec::with_capacity(bytes / 32), ids: Ids::default() }
    }

    /// The fields that were recorded later.
    pub(crate) fn recorded(style: Style, record: &Record<'_>) -> Self {
        let mut collector = Collector { style, fields: Self::with_room(64) };
        record.record(&mut Visitor(&mut collector));
        collector.fields
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().map(|(_, range)| &self.text[range.clone()])
    }

    pub(crate) fn ids(&self) -> &Ids {
        &self.ids
    }

    pub(crate) fn merge(&mut self, newer: &Self) {
        self.ids.merge(&newer.ids);
        for (name, range) in &newer.pieces {
            self.forget(name);
            let start = self.text.len();
            self.text.push_str(&newer.text[range.clone()]);
            self.pieces.push((name, start..self.text.len()));
        }
    }

    fn forget(&mut self, name: &str) {
        let Some(at) = self.pieces.iter().position(|(known, _)| *known == name) else {
            return;
        };
        let (_, gone) = self.pieces.remove(at);
        self.text.drain(gone.clone());
        for (_, range) in &mut self.pieces[at..] {
            *range = range.start - gone.len()..range.end - gone.len();
        }
    }
}

impl Ids {
    /// Takes those over that are missing here.
    pub(crate) fn fill(&mut self, outer: &Self) {
        if self.trace.is_empty() {
            self.trace.push_str(&outer.trace);
        }
        if self.span.is_empty() {
            self.span.push_str(&outer.span);
        }
    }

    /// The same with ids that are still to be written.
    #[cfg(feature = "otel")]
    pub(crate) fn fill_with(&mut self, trace: fmt::Arguments<'_>, span: fmt::Arguments<'_>) {
        for (id, shown) in [(&mut self.trace, trace), (&mut self.span, span)] {
            if id.is_empty() {
                id.write_fmt(shown).unwrap_or_default();
            }
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        !self.trace.is_empty() && !self.span.is_empty()
    }

    #[cfg(feature = "otel")]
    pub(crate) fn is_empty(&self) -> bool {
        self.trace.is_empty() && self.span.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.trace.clear();
        self.span.clear();
    }

    fn merge(&mut self, newer: &Self) {
        for (id, newer) in [(&mut self.trace, &newer.trace), (&mut self.span, &newer.span)] {
            if !newer.is_empty() {
                id.clone_from(newer);
            }
        }
    }
}

struct Collector {
    style: Style,
    fields: SpanFields,
}

impl Fields for Collector {
    fn field(&mut self, name: &'static str, value: Value<'_>) {
        let SpanFields { text, pieces, ids } = &mut self.fields;
        match name {
            "trace_id" => show(&mut ids.trace, value),
            "span_id" => show(&mut ids.span, value),
            _ => {
                let start = text.len();
                self.style.piece(text, name, value);
                pieces.push((name, start..text.len()));
            }
        }
    }
}

/// Writes a value; what its own code fails to show is missing.
fn show(id: &mut String, value: Value<'_>) {
    id.clear();
    write!(id, "{value}").unwrap_or_default();
}
