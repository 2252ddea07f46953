//! What a field holds, as the formats see it.

use std::{error::Error, fmt};

use tracing::field::{Field, Visit};

/// What the bridge from the `log` crate adds; it is on the line already.
const OF_THE_BRIDGE: [&str; 4] = ["log.target", "log.module_path", "log.file", "log.line"];

/// What a field holds.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    /// A number or a truth value, as it is written in code and in JSON: it needs no escapes.
    Literal(&'a str),
    /// A string.
    Text(&'a str),
    /// What shows itself as text.
    Shown(fmt::Arguments<'a>),
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Literal(text) | Value::Text(text) => f.write_str(text),
            Value::Shown(shown) => f.write_fmt(*shown),
        }
    }
}

/// Takes fields, one after the other.
pub(crate) trait Fields {
    fn field(&mut self, name: &'static str, value: Value<'_>);
}

/// Hands the fields of an event or a span on.
pub(crate) struct Visitor<'a, F>(pub(crate) &'a mut F);

impl<F: Fields> Visitor<'_, F> {
    fn put(&mut self, field: &Field, value: Value<'_>) {
        let name = field.name();
        if !OF_THE_BRIDGE.contains(&name) {
            self.0.field(name.strip_prefix("r#").unwrap_or(name), value);
        }
    }
}

impl<F: Fields> Visit for Visitor<'_, F> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.put(field, Value::Literal(zmij::Buffer::new().format_finite(value)));
        } else {
            self.put(field, Value::Shown(format_args!("{value:?}")));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Literal(itoa::Buffer::new().format(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Literal(itoa::Buffer::new().format(value)));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.put(field, Value::Literal(itoa::Buffer::new().format(value)));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, Value::Literal(itoa::Buffer::new().format(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Literal(if value { "true" } else { "false" }));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Text(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field, Value::Shown(format_args!("{}", Chain(value))));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::Shown(format_args!("{value:?}")));
    }
}

/// An error with all its causes.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
