//! The formats: how an event becomes a line.

mod escape;
mod json;
mod text;
mod time;

use std::{fmt, time::SystemTime};

use tracing::Level;

use self::text::Look;
use crate::{
    config::Format,
    span::SpanFields,
    value::{Fields, Value},
};

/// How lines look.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    Json,
    Text(Look),
}

impl Style {
    pub(crate) fn new(format: Format, color: bool) -> Self {
        match format {
            Format::Json => Self::Json,
            Format::Journald => Self::Text(Look::JOURNALD),
            Format::Pretty => Self::Text(Look { color, ..Look::PRETTY }),
            Format::Compact | Format::Auto => Self::Text(Look { color, ..Look::COMPACT }),
        }
    }

    /// A warning of the log's own, with a count of what it is about.
    pub(crate) fn warning(self, message: fmt::Arguments<'_>, count: Option<(&'static str, u64)>) -> String {
        let mut out = String::new();
        let mut line = Line::begin(self, &mut out, &Head::new(Level::WARN, "misc_log"));
        line.field("message", Value::Shown(message));
        if let Some((name, count)) = count {
            line.field(name, Value::Literal(itoa::Buffer::new().format(count)));
        }
        line.end();
        out
    }
}

/// What is on a line apart from an event's own fields and its spans; what is empty is left out.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) time: SystemTime,
    pub(crate) level: Level,
    pub(crate) target: &'a str,
    pub(crate) service: &'a str,
    pub(crate) trace_id: &'a str,
    pub(crate) span_id: &'a str,
    /// How many lines from the same place were left out before this one.
    pub(crate) suppressed: u64,
}

impl<'a> Head<'a> {
    /// The head of a line without any context.
    pub(crate) fn new(level: Level, target: &'a str) -> Self {
        let time = SystemTime::now();
        Self { time, level, target, service: "", trace_id: "", span_id: "", suppressed: 0 }
    }
}

/// A line that is being written, from its begin to its end: fields first, then spans, the outermost first.
pub(crate) struct Line<'a> {
    style: Style,
    out: &'a mut String,
    in_spans: bool,
}

impl<'a> Line<'a> {
    pub(crate) fn begin(style: Style, out: &'a mut String, head: &Head<'_>) -> Self {
        match style {
            Style::Json => json::begin(out, head),
            Style::Text(look) => look.begin(out, head),
        }
        Self { style, out, in_spans: false }
    }

    /// Ends the fields.
    pub(crate) fn tail(&mut self, head: &Head<'_>) {
        match self.style {
            Style::Json => json::tail(self.out, head),
            Style::Text(look) => look.tail(self.out, head),
        }
    }

    pub(crate) fn span(&mut self, name: &'static str, fields: Option<&SpanFields>) {
        let first = !std::mem::replace(&mut self.in_spans, true);
        match self.style {
            Style::Json => json::span(self.out, first, name, fields),
            Style::Text(look) => look.span(self.out, first, name, fields),
        }
    }

    pub(crate) fn end(self) {
        match self.style {
            Style::Json => self.out.push_str(if self.in_spans { "]}\n" } else { "}\n" }),
            Style::Text(look) => look.end(self.out, self.in_spans),
        }
    }
}

impl Fields for Line<'_> {
    fn field(&mut self, name: &'static str, value: Value<'_>) {
        match self.style {
            Style::Json => json::field(self.out, name, value),
            Style::Text(look) => look.field(self.out, name, value),
        }
    }
}
