//! What the log remembers of a span while it lasts.

#[cfg(feature = "otel")]
use std::fmt;
use std::{fmt::Write, ops::Range};

use tracing::span::{Attributes, Record};

use crate::value::{Fields, Value, Visitor};

/// The fields of a span, as they are: they are escaped when a line has them, and of most spans no line does. A field that
/// is recorded again replaces what it was.
///
/// `trace_id` and `span_id` are kept apart, since they belong to each line and not to a span's description.
#[derive(Debug, Default)]
pub(crate) struct SpanFields {
    text: String,
    pieces: Vec<Piece>,
    ids: Ids,
}

/// A field, and where its value is.
#[derive(Debug, Clone)]
struct Piece {
    name: &'static str,
    kind: ValueKind,
    range: Range<usize>,
}

/// What a value was.
#[derive(Debug, Clone, Copy)]
enum ValueKind {
    Literal,
    Text,
    Shown,
}

/// The ids of a trace and of a span in it; empty when there are none.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) trace: String,
    pub(crate) span: String,
}

impl SpanFields {
    pub(crate) fn of(attributes: &Attributes<'_>) -> Self {
        // Growing step by step costs more than writing.
        let mut fields = Self { text: String::with_capacity(128), pieces: Vec::with_capacity(8), ids: Ids::default() };
        attributes.record(&mut Visitor(&mut fields));
        fields
    }

    /// Takes what was recorded later in.
    pub(crate) fn record(&mut self, record: &Record<'_>) {
        record.record(&mut Visitor(self));
    }

    /// Hands out each field.
    pub(crate) fn each(&self, mut take: impl FnMut(&'static str, Value<'_>)) {
        for Piece { name, kind, range } in &self.pieces {
            let text = &self.text[range.clone()];
            match kind {
                ValueKind::Literal => take(name, Value::Literal(text)),
                ValueKind::Text => take(name, Value::Text(text)),
                ValueKind::Shown => take(name, Value::Shown(format_args!("{text}"))),
            }
        }
    }

    pub(crate) fn ids(&self) -> &Ids {
        &self.ids
    }

    pub(crate) fn merge(&mut self, newer: &Self) {
        self.ids.merge(&newer.ids);
        newer.each(|name, value| self.push(name, value));
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.pieces.clear();
        self.ids.clear();
    }

    fn push(&mut self, name: &'static str, value: Value<'_>) {
        self.forget(name);
        let start = self.text.len();
        let kind = match value {
            Value::Literal(text) => self.append(text, ValueKind::Literal),
            Value::Text(text) => self.append(text, ValueKind::Text),
            Value::Shown(shown) => {
                // What a value's own code fails to show is missing.
                self.text.write_fmt(shown).unwrap_or_default();
                ValueKind::Shown
            }
        };
        self.pieces.push(Piece { name, kind, range: start..self.text.len() });
    }

    fn append(&mut self, text: &str, kind: ValueKind) -> ValueKind {
        self.text.push_str(text);
        kind
    }

    fn forget(&mut self, name: &str) {
        let Some(at) = self.pieces.iter().position(|known| known.name == name) else {
            return;
        };
        let Piece { range: gone, .. } = self.pieces.remove(at);
        self.text.drain(gone.clone());
        for Piece { range, .. } in &mut self.pieces[at..] {
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

impl Fields for SpanFields {
    fn field(&mut self, name: &'static str, value: Value<'_>) {
        match name {
            "trace_id" => show(&mut self.ids.trace, value),
            "span_id" => show(&mut self.ids.span, value),
            _ => self.push(name, value),
        }
    }
}

/// Writes a value; what its own code fails to show is missing.
fn show(id: &mut String, value: Value<'_>) {
    id.clear();
    write!(id, "{value}").unwrap_or_default();
}
