//! One flat JSON object a line.

use super::{
    Head,
    escape::{Escaped, Place},
    time,
};
use crate::{span::SpanFields, value::Value};

/// The keys that are the line's own; a field of that name gets `field_` in front.
const KEYS: [&str; 5] = ["timestamp", "level", "target", "suppressed", "spans"];

pub(super) fn begin(out: &mut String, head: &Head<'_>) {
    out.push_str("{\"timestamp\":\"");
    time::push(out, head.time);
    out.push_str("\",\"level\":\"");
    out.push_str(head.level.as_str());
    out.push('"');
    let context =
        [("target", head.target), ("service", head.service), ("trace_id", head.trace_id), ("span_id", head.span_id)];
    for (key, text) in context.into_iter().filter(|(_, text)| !text.is_empty()) {
        out.push(',');
        member(out, key, Value::Text(text));
    }
}

pub(super) fn field(out: &mut String, name: &'static str, value: Value<'_>) {
    out.push(',');
    if KEYS.contains(&name) {
        out.push_str("\"field_");
        out.push_str(name);
        out.push_str("\":");
        self::value(out, value);
    } else {
        member(out, name, value);
    }
}

pub(super) fn member(out: &mut String, name: &str, value: Value<'_>) {
    string(out, Value::Text(name));
    out.push(':');
    self::value(out, value);
}

pub(super) fn tail(out: &mut String, head: &Head<'_>) {
    if head.suppressed > 0 {
        out.push(',');
        member(out, "suppressed", Value::Literal(itoa::Buffer::new().format(head.suppressed)));
    }
}

pub(super) fn span(out: &mut String, first: bool, name: &'static str, fields: Option<&SpanFields>) {
    out.push_str(if first { ",\"spans\":[{\"name\":" } else { ",{\"name\":" });
    string(out, Value::Text(name));
    out.push_str(",\"fields\":{");
    let mut before = "";
    if let Some(fields) = fields {
        fields.each(|name, value| {
            out.push_str(before);
            member(out, name, value);
            before = ",";
        });
    }
    out.push_str("}}");
}

fn value(out: &mut String, value: Value<'_>) {
    match value {
        Value::Literal(_) => Escaped { out, place: Place::Json }.push_value(value),
        Value::Text(_) | Value::Shown(_) => string(out, value),
    }
}

fn string(out: &mut String, value: Value<'_>) {
    out.push('"');
    Escaped { out, place: Place::Json }.push_value(value);
    out.push('"');
}
