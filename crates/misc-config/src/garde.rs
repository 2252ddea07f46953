//! Rules written with `garde`.
//!
//! `#[config(garde)]` on the struct at the top asks for them; `#[garde(dive)]` goes into its sections. What they find is in
//! the report of everything else that is wrong, each once, with its path and its origin; a key that `#[serde(rename = "..")]`
//! gives another word is called by its name in Rust. The program depends on `garde` itself, in
//! the version that is re-exported here.
//!
//! ```
//! use garde::Validate;
//! use misc_config::Config;
//!
//! #[derive(Debug, serde::Deserialize, Validate, Config)]
//! #[config(garde)]
//! struct Settings {
//!     /// How many connections are kept.
//!     #[garde(range(min = 1, max = 100))]
//!     #[config(default = 10)]
//!     pool_size: u32,
//! }
//!
//! let error = Settings::loader().env_from([("POOL_SIZE", "0")]).load().unwrap_err();
//! assert_eq!(error.problems()[0].path(), "pool_size");
//! ```

pub use ::garde::Validate;

use crate::{
    keys::{bare, below},
    schema::{Field, Kind},
    validate::Invalid,
};

/// Checks a value that looks like a kind, and adds what is wrong.
pub fn check<T>(value: &T, kind: &'static Kind, invalid: &mut Invalid)
where
    T: Validate<Context: Default>,
{
    let Err(report) = value.validate() else { return };
    for (path, error) in report.into_inner() {
        // garde writes `list[0].key`.
        let path = path.to_string().replace('[', ".").replace(']', "");
        invalid.merge(Invalid::new(keys(path.trim_start_matches('.'), kind), error.message()));
    }
}

/// Writes a path as the settings have it: garde's is made of the names that Rust has.
fn keys(path: &str, kind: &'static Kind) -> String {
    let mut kind = Some(kind);
    let mut parts = Vec::new();
    for part in path.split('.') {
        let field = kind.and_then(|kind| field(kind, part));
        kind = field.map(|field| field.kind).or_else(|| below(kind?, part));
        if !field.is_some_and(|field| field.flatten) {
            parts.push(field.map_or(part, |field| field.name));
        }
    }
    parts.join(".")
}

/// Finds the key that a field of Rust has.
fn field(kind: &'static Kind, name: &str) -> Option<&'static Field> {
    let Kind::Struct(schema) = bare(kind).kind else { return None };
    schema.fields.iter().find(|field| letters(field.name).eq(letters(name)))
}

/// Returns what serde's rules for names leave alone.
fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|letter| !matches!(letter, '_' | '-')).map(|letter| letter.to_ascii_lowercase())
}
