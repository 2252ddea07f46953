//! Doc comments, as text.

use syn::{Attribute, Expr, ExprLit, Lit, Meta, MetaNameValue};

/// Joins the lines of a doc comment, without the space that each begins with.
pub(crate) fn text(attributes: &[Attribute]) -> String {
    let comments: Vec<String> = attributes.iter().filter_map(comment).collect();
    let lines: Vec<&str> = comments.iter().flat_map(|comment| comment.split('\n')).map(line).collect();
    lines.join("\n").trim().to_owned()
}

fn comment(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(MetaNameValue { path, value: Expr::Lit(ExprLit { lit: Lit::Str(text), .. }), .. })
            if path.is_ident("doc") =>
        {
            Some(text.value())
        }
        _ => None,
    }
}

fn line(line: &str) -> &str {
    line.strip_prefix(' ').unwrap_or(line).trim_end()
}
