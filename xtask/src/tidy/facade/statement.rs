//! The facade's files as statements: re-exports, the prelude, and anything else, which should not be there.

use crate::{
    repo::line_at,
    source::{Source, item_length},
};

/// What a statement of the facade is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Use,
    Prelude,
    Other,
}

/// A statement of `lib.rs` or `prelude.rs`.
#[derive(Debug)]
pub(super) struct Statement<'t> {
    pub(super) kind: Kind,
    pub(super) line: usize,
    pub(super) in_prelude: bool,
    /// The attributes above it, as they were written.
    pub(super) attributes: &'t str,
    /// What follows `pub use`, up to the semicolon; for other kinds all of it.
    pub(super) code: &'t str,
}

impl Statement<'_> {
    /// Whether it re-exports to the root, where modules are features.
    pub(super) fn is_root_use(&self) -> bool {
        self.kind == Kind::Use && !self.in_prelude
    }
}

/// The statements of a file, those of an inline prelude among them.
pub(super) fn statements<'t>(path: &str, text: &'t str) -> Vec<Statement<'t>> {
    let Source { code, .. } = Source::new(text);
    let mut in_prelude = path.ends_with("/prelude.rs");
    let mut statements = Vec::new();
    let mut offset = 0;
    loop {
        let attributes = skip_blank(&code, offset);
        let start = skip_attributes(&code, attributes);
        let rest = &code[start..];
        if rest.is_empty() {
            return statements;
        }
        if in_prelude && rest.starts_with('}') {
            in_prelude = false;
            offset = start + 1;
            continue;
        }
        let (kind, length) = first_statement(rest);
        let written = text[start..start + length].trim_end_matches(';');
        let code = written.strip_prefix("pub use").unwrap_or(written).trim();
        let (line, attributes) = (line_at(text, start), &text[attributes..start]);
        statements.push(Statement { kind, line, in_prelude, attributes, code });
        in_prelude |= kind == Kind::Prelude && rest[..length].ends_with('{');
        offset = start + length;
    }
}

/// The kind and length of the first statement; of an inline prelude, only its head.
fn first_statement(code: &str) -> (Kind, usize) {
    let semicolon = code.find(';').map_or(code.len(), |offset| offset + 1);
    if code.starts_with("pub use ") {
        return (Kind::Use, semicolon);
    }
    match code.strip_prefix("pub mod prelude").map(str::trim_start) {
        Some(rest) if rest.starts_with('{') => (Kind::Prelude, code.len() - rest.len() + 1),
        Some(rest) if rest.starts_with(';') => (Kind::Prelude, semicolon),
        _ => (Kind::Other, item_length(code)),
    }
}

fn skip_blank(code: &str, offset: usize) -> usize {
    let rest = &code[offset..];
    offset + rest.len() - rest.trim_start().len()
}

/// Where the attributes that start at `offset` end.
fn skip_attributes(code: &str, mut offset: usize) -> usize {
    while code[offset..].starts_with('#') {
        let mut depth = 0_usize;
        let end = code[offset..].find(|letter: char| {
            match letter {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            letter == ']' && depth == 0
        });
        offset = skip_blank(code, end.map_or(code.len(), |end| offset + end + 1));
    }
    offset
}
