//! What a schema says of kinds, fields and paths.

use misc_core::schema::{Field, Kind, Variant};

use crate::tree::{Value, ValueKind};

/// A kind without what is only about whether it is there, and shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bare {
    pub(crate) kind: &'static Kind,
    pub(crate) optional: bool,
    pub(crate) secret: bool,
}

/// Takes `Optional` and `Secret` off a kind.
pub(crate) fn bare(kind: &'static Kind) -> Bare {
    match kind {
        Kind::Optional(inner) => Bare { optional: true, ..bare(inner) },
        Kind::Secret(inner) => Bare { secret: true, ..bare(inner) },
        _ => Bare { kind, optional: false, secret: false },
    }
}

/// Finds the kind of what is below a key, or at a place in a list.
pub(crate) fn below(kind: &'static Kind, part: &str) -> Option<&'static Kind> {
    all_below(kind, part).first().map(|below| below.kind)
}

/// Finds all kinds of what may be below a key.
pub(crate) fn kinds_below(kind: &'static Kind, part: &str) -> impl Iterator<Item = &'static Kind> {
    all_below(kind, part).into_iter().map(|below| below.kind)
}

/// What may be below a key.
#[derive(Clone, Copy)]
struct Below {
    kind: &'static Kind,
    /// Whether it is in something flattened that is secret as a whole.
    secret: bool,
}

/// Finds all that may be below a key: fields of that name before what is in a map beside them.
fn all_below(kind: &'static Kind, part: &str) -> Vec<Below> {
    match bare(kind).kind {
        Kind::List(inside) | Kind::Map(inside) => return vec![Below { kind: inside, secret: false }],
        Kind::Any => return vec![Below { kind: &Kind::Any, secret: false }],
        _ => {}
    }
    let (open, named): (Vec<_>, Vec<_>) = fields_of(kind).into_iter().partition(|(field, _)| field.flatten);
    let named: Vec<_> = named.iter().filter(|(field, _)| field.name == part).collect();
    match &*named {
        [] => open.into_iter().flat_map(|(field, secret)| within(all_below(field.kind, part), secret)).collect(),
        named => named.iter().map(|(field, secret)| Below { kind: field.kind, secret: *secret }).collect(),
    }
}

fn within(all: Vec<Below>, secret: bool) -> impl Iterator<Item = Below> {
    all.into_iter().map(move |below| Below { secret: secret || below.secret, ..below })
}

/// Lists the fields of a section, with those that stand beside them, each with whether what it is flattened with is secret; of
/// flattened ones, only maps are left.
fn fields_of(kind: &'static Kind) -> Vec<(&'static Field, bool)> {
    let fields: Vec<&Field> = match bare(kind).kind {
        Kind::Struct(schema) => schema.fields.iter().collect(),
        Kind::Tagged { variants, .. } => variants.iter().flat_map(|variant| variant.fields).collect(),
        _ => Vec::new(),
    };
    let beside = |field: &'static Field| {
        let Bare { kind, secret, .. } = bare(field.kind);
        let secret = secret && field.flatten;
        match kind {
            Kind::Struct(_) | Kind::Tagged { .. } if field.flatten => {
                fields_of(kind).into_iter().map(|(field, inner)| (field, secret || inner)).collect()
            }
            _ => vec![(field, secret)],
        }
    };
    fields.into_iter().flat_map(beside).collect()
}

/// Returns whether what a path leads to is secret.
pub(crate) fn is_secret(kind: &'static Kind, parts: &[String]) -> bool {
    let inside = |(part, rest): (&String, &[String])| {
        all_below(kind, part).into_iter().any(|below| below.secret || is_secret(below.kind, rest))
    };
    bare(kind).secret || parts.split_first().is_some_and(inside)
}

/// Finds the variant that a value names.
pub(crate) fn variant_of(variants: &'static [Variant], value: &Value) -> Option<&'static Variant> {
    let ValueKind::String(name) = &value.kind else { return None };
    variants.iter().find(|variant| variant.name == name || variant.aliases.contains(&&**name))
}

/// Names the keys of fields, with those that stand beside them.
pub(crate) fn names(fields: &[Field]) -> Vec<&'static str> {
    let names = |field: &Field| match bare(field.kind).kind {
        _ if !field.flatten => vec![field.name],
        Kind::Struct(schema) => names(schema.fields),
        Kind::Tagged { tag, variants } => {
            [*tag].into_iter().chain(variants.iter().flat_map(|variant| names(variant.fields))).collect()
        }
        _ => Vec::new(),
    };
    fields.iter().flat_map(names).collect()
}

/// Returns where in a schema a path is, to sort by.
pub(crate) fn rank(kind: &'static Kind, parts: &[String]) -> Vec<usize> {
    let Some((part, rest)) = parts.split_first() else { return Vec::new() };
    let place = match bare(kind).kind {
        Kind::Struct(schema) => names(schema.fields).iter().position(|name| name == part),
        Kind::Tagged { variants, .. } => {
            variants.iter().flat_map(|variant| names(variant.fields)).position(|name| name == part)
        }
        Kind::List(_) => part.parse().ok(),
        _ => None,
    };
    let inside = below(kind, part).map(|kind| rank(kind, rest)).unwrap_or_default();
    [place.unwrap_or(usize::MAX)].into_iter().chain(inside).collect()
}
