//! Lines of text.

use std::fmt::{self, Write as _};

use tracing::Level;

use super::{
    Head,
    escape::{Escaped, Place},
    time,
};
use crate::{span::SpanFields, value::Value};

const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// How a line of text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Begins with the time and the level, instead of the priority.
    pub(super) dated: bool,
    /// Where a value stands that is not quoted.
    pub(super) place: Place,
    pub(super) color: bool,
}

impl Look {
    pub(super) const COMPACT: Self = Self { dated: true, place: Place::Line, color: false };
    pub(super) const PRETTY: Self = Self { place: Place::Block, ..Self::COMPACT };
    pub(super) const JOURNALD: Self = Self { dated: false, ..Self::COMPACT };

    pub(super) fn begin(self, out: &mut String, head: &Head<'_>) {
        if self.dated {
            self.paint(out, DIM, |out| time::push(out, head.time));
            out.push(' ');
            let (color, level) = level(head.level);
            self.paint(out, color, |out| out.push_str(level));
            out.push(' ');
        } else {
            out.push_str(priority(head.level));
        }
        if !head.service.is_empty() {
            self.paint(out, BOLD, |out| self.escape(out, Value::Text(head.service)));
            out.push(' ');
        }
        self.paint(out, DIM, |out| {
            self.escape(out, Value::Text(head.target));
            out.push(':');
        });
    }

    pub(super) fn field(self, out: &mut String, name: &'static str, value: Value<'_>) {
        out.push(' ');
        if name == "message" {
            self.escape(out, value);
        } else {
            self.pair(out, name, value);
        }
    }

    pub(super) fn pair(self, out: &mut String, name: &str, value: Value<'_>) {
        self.paint(out, DIM, |out| {
            Escaped { out, place: Place::Line }.push(name);
            out.push('=');
        });
        match value {
            Value::Text(text) if needs_quotes(text) => quote(out, text),
            Value::Shown(shown) => self.show(out, shown),
            value => self.escape(out, value),
        }
    }

    /// Appends what a value shows of itself: once, as it need not be the same a second time.
    fn show(self, out: &mut String, shown: fmt::Arguments<'_>) {
        let start = out.len();
        out.write_fmt(shown).unwrap_or_default();
        if !self.place.changes(&out[start..]) && !could_be_fields(&out[start..]) {
            return;
        }
        let shown = out.split_off(start);
        self.escape(out, Value::Text(&shown));
        if could_be_fields(&out[start..]) {
            // Written anew: which backslashes are its own, and which those of escapes, cannot be told any more.
            out.truncate(start);
            quote(out, &shown);
        }
    }

    pub(super) fn tail(self, out: &mut String, head: &Head<'_>) {
        for (name, id) in [("trace_id", head.trace_id), ("span_id", head.span_id)] {
            if !id.is_empty() {
                self.field(out, name, Value::Text(id));
            }
        }
        if head.suppressed > 0 {
            self.field(out, "suppressed", Value::Literal(itoa::Buffer::new().format(head.suppressed)));
        }
    }

    pub(super) fn span(self, out: &mut String, first: bool, name: &'static str, fields: Option<&SpanFields>) {
        if first {
            out.push_str(if self.place == Place::Block { "\n    " } else { " " });
            self.start(out, DIM);
            out.push_str("in ");
        } else {
            out.push(':');
        }
        Escaped { out, place: Place::Line }.push(name);
        let mut before = "{";
        if let Some(fields) = fields {
            fields.each(|name, value| {
                out.push_str(before);
                self.pair(out, name, value);
                before = " ";
            });
        }
        out.push_str(if before == "{" { "" } else { "}" });
    }

    pub(super) fn end(self, out: &mut String, in_spans: bool) {
        if in_spans {
            self.start(out, PLAIN);
        }
        out.push('\n');
    }

    fn escape(self, out: &mut String, value: Value<'_>) {
        Escaped { out, place: self.place }.push_value(value);
    }

    fn paint(self, out: &mut String, color: &str, write: impl FnOnce(&mut String)) {
        self.start(out, color);
        write(out);
        self.start(out, PLAIN);
    }

    fn start(self, out: &mut String, color: &str) {
        if self.color {
            out.push_str(color);
        }
    }
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    Escaped { out, place: Place::Quotes }.push(text);
    out.push('"');
}

/// Tells whether a string could be taken for more than one value, or for none.
fn needs_quotes(text: &str) -> bool {
    text.is_empty() || text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '=' | '{' | '}'))
}

/// Tells whether what a value has shown of itself could be taken for more fields.
fn could_be_fields(shown: &str) -> bool {
    let mut words = shown.split_whitespace();
    words.next().is_some() && words.any(|word| word.contains('='))
}

fn level(level: Level) -> (&'static str, &'static str) {
    match level {
        Level::ERROR => ("\x1b[31m", "ERROR"),
        Level::WARN => ("\x1b[33m", " WARN"),
        Level::INFO => ("\x1b[32m", " INFO"),
        Level::DEBUG => ("\x1b[34m", "DEBUG"),
        Level::TRACE => ("\x1b[35m", "TRACE"),
    }
}

/// The priority of `sd-daemon(3)`.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        Level::DEBUG | Level::TRACE => "<7>",
    }
}
