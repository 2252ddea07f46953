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
    kinds_below(kind, part).first().copied()
}

/// Finds all kinds of what may be below a key: those of fields of that name before those of a map beside them.
fn kinds_below(kind: &'static Kind, part: &str) -> Vec<&'static Kind> {
    if let Kind::List(inside) | Kind::Map(inside) = bare(kind).kind {
        return vec![inside];
    }
    let (open, named): (Vec<&Field>, Vec<&Field>) = fields_of(kind).into_iter().partition(|field| field.flatten);
    let named: Vec<_> = named.iter().filter(|field| field.name == part).map(|field| field.kind).collect();
    match &*named {
        [] => open.iter().flat_map(|field| kinds_below(field.kind, part)).collect(),
        _ => named,
    }
}

/// Lists the fields of a section, with those that stand beside them; of flattened ones, only maps are left.
fn fields_of(kind: &'static Kind) -> Vec<&'static Field> {
    let fields: Vec<&Field> = match bare(kind).kind {
        Kind::Struct(schema) => schema.fields.iter().collect(),
        Kind::Tagged { variants, .. } => variants.iter().flat_map(|variant| variant.fields).collect(),
        _ => Vec::new(),
    };
    let beside = |field: &'static Field| match bare(field.kind).kind {
        Kind::Struct(_) | Kind::Tagged { .. } if field.flatten => fields_of(field.kind),
        _ => vec![field],
    };
    fields.into_iter().flat_map(beside).collect()
}

/// Returns whether what a path leads to is secret.
pub(crate) fn is_secret(kind: &'static Kind, parts: &[String]) -> bool {
    let inside =
        |(part, rest): (&String, &[String])| kinds_below(kind, part).into_iter().any(|kind| is_secret(kind, rest));
    bare(kind).secret || parts.split_first().is_some_and(inside)
}

/// Finds the variant that a value names.
pub(crate) fn variant_of(variants: &'static [Variant], value: &Value) -> Option<&'static Variant> {
    let ValueKind::String(name) = &value.kind else { return None };
    variants.iter().find(|variant| variant.name == name || variant.aliases.contains(&&**name))
}

/// Names the keys of fields, with those that stand beside them.
pub(crate) fn names(fields: &'static [Field]) -> Vec<&'static str> {
    let names = |field: &'static Field| match bare(field.kind).kind {
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
