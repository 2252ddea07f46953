//! What a type refuses, told as everything else is.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use crate::{shape::listed, typing::expected_integer};

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    /// The path, which grows on the way up, its last part first; see [`downwards`](Self::downwards).
    pub(super) parts: Vec<String>,
    /// Whether it is that a key is missing.
    pub(super) missing: bool,
}

impl Wrong {
    pub(super) fn within(mut self, part: &(impl ToString + ?Sized)) -> Self {
        self.parts.push(part.to_string());
        self
    }

    /// Turns the path round, once it is complete.
    pub(super) fn downwards(mut self) -> Self {
        self.parts.reverse();
        self
    }
}

impl Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: Display>(message: T) -> Self {
        let message = message.to_string();
        // The name of a type says nothing to who writes settings.
        let no_variant = message.starts_with("data did not match any variant of untagged enum");
        let message = if no_variant { "fits none of the ways in which it can be written".to_owned() } else { message };
        Self { message, parts: Vec::new(), missing: false }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("expected {}, found {}", name_of(expected), found(unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("expected {expected}, found a list of {length}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("expected one of {}, found a text `{variant}`", listed(expected.iter().copied())))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("`{field}` is not a key: the keys here are {}", listed(expected.iter().copied())))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { missing: true, ..Self::custom(format_args!("`{field}` is required, and not set")) }
    }
}

fn found(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => format!("a boolean `{value}`"),
        Unexpected::Unsigned(value) => format!("an integer `{value}`"),
        Unexpected::Signed(value) => format!("an integer `{value}`"),
        Unexpected::Float(value) => format!("a number `{value:?}`"),
        Unexpected::Char(value) => format!("a text `{value}`"),
        Unexpected::Str("") => "an empty text".to_owned(),
        Unexpected::Str(value) => format!("a text `{value}`"),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a section".to_owned(),
        other => other.to_string(),
    }
}

macro_rules! integer {
    ($name:expr, $($type:ident)+) => {
        match $name {
            $(stringify!($type) => Some(expected_integer($type::MIN.into(), $type::MAX.into())),)+
            "i128" | "u128" | "isize" | "usize" => Some("an integer".to_owned()),
            _ => None,
        }
    };
}

/// Says what is expected, as people call it: types of numbers name themselves.
fn name_of(expected: &dyn Expected) -> String {
    let name = expected.to_string();
    let plain = match &*name {
        "a boolean" => "true or false",
        "a string" => "a text",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "a section",
        name if name.starts_with("struct ") => "a section",
        name => return integer!(name, u8 u16 u32 u64 i8 i16 i32 i64).unwrap_or_else(|| name.to_owned()),
    };
    plain.to_owned()
}
