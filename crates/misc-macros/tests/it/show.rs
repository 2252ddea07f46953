//! Kinds as short texts, to compare them.

use misc_core::schema::{Describe, Field, Kind, Variant};

/// Checks what a type looks like.
#[track_caller]
pub(crate) fn check<T: Describe>(expected: &str) {
    assert_eq!(kind(&T::KIND), expected);
}

pub(crate) fn kind(shown: &Kind) -> String {
    match shown {
        Kind::Bool => "bool".to_owned(),
        Kind::Integer { min, max } => format!("{min}..={max}"),
        Kind::Float => "float".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Duration => "duration".to_owned(),
        Kind::Bytes(inner) => format!("bytes({})", kind(inner)),
        Kind::Enum(variants) => variants.iter().map(variant).collect::<Vec<_>>().join(" | "),
        Kind::Optional(inner) => format!("{}?", kind(inner)),
        Kind::List(inner) => format!("[{}]", kind(inner)),
        Kind::Map(inner) => format!("{{*: {}}}", kind(inner)),
        Kind::Struct(schema) => {
            let defaults = if schema.defaults.is_some() { ".." } else { "" };
            format!("{}{{{}}}{defaults}", docs(schema.docs), fields(schema.fields))
        }
        Kind::Tagged { tag, variants } => {
            format!("{tag}: {}", variants.iter().map(variant).collect::<Vec<_>>().join(" | "))
        }
        Kind::Secret(inner) => format!("secret({})", kind(inner)),
        Kind::Any => "any".to_owned(),
        other => format!("{other:?}"),
    }
}

fn fields(fields: &[Field]) -> String {
    fields.iter().map(field).collect::<Vec<_>>().join(", ")
}

fn field(field: &Field) -> String {
    let Field { name, aliases, optional, flatten, keep_empty, .. } = field;
    let mut shown = format!("{}{name}: {}", docs(field.docs), kind(field.kind));
    let default = field.default.map(|text| format!(" = {text}"));
    let env = field.env.map(|name| format!(" ${name}"));
    let short = field.short.map(|flag| format!(" -{flag}"));
    shown.extend([default, env, short].into_iter().flatten());
    shown.extend(aliases.iter().map(|name| format!(" aka {name}")));
    let marks = [(optional, " optional"), (flatten, " flatten"), (keep_empty, " keep_empty")];
    shown.extend(marks.iter().filter(|(set, _)| **set).map(|(_, mark)| *mark));
    shown
}

fn variant(variant: &Variant) -> String {
    let inner = if variant.fields.is_empty() { String::new() } else { format!(" {{{}}}", fields(variant.fields)) };
    let aliases: String = variant.aliases.iter().map(|name| format!(" aka {name}")).collect();
    format!("{}{}{aliases}{inner}", docs(variant.docs), variant.name)
}

fn docs(docs: &str) -> String {
    if docs.is_empty() { String::new() } else { format!("<{docs}> ") }
}
