//! An argument of a method, which is a parameter on the wire.

use proc_macro2::Ident;
use syn::{Attribute, Pat, PatType, Type, ext::IdentExt as _, parse_quote, spanned::Spanned as _};

use super::{lent::Lent, owned};
use crate::{attributes::named, docs, errors::Errors, serde::Serde};

/// What serde says that would make a parameter none.
const NO_PARAMETER: [&str; 4] = ["flatten", "skip", "skip_deserializing", "skip_serializing"];

/// What a parameter says about lints, which stays at the argument.
const LINTS: [&str; 5] = ["allow", "expect", "warn", "deny", "forbid"];

/// What it means that a parameter is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    Refused,
    /// It is an `Option`.
    Nothing,
    /// serde is told what it is then.
    Default,
}

/// One of the parameters.
pub(crate) struct Param {
    pub(crate) ident: Ident,
    /// Its name on the wire.
    pub(crate) name: String,
    pub(crate) docs: String,
    pub(crate) ty: Type,
    pub(crate) lent: Lent,
    /// What serde reads.
    pub(crate) serde: Vec<Attribute>,
    pub(crate) absence: Absence,
    /// serde is told how to read it.
    pub(crate) reads_itself: bool,
    /// serde is told how to write it.
    pub(crate) writes_itself: bool,
}

impl Param {
    /// Reads an argument, and takes out of it what a trait cannot have there, unless the method has a body.
    pub(crate) fn read(argument: &mut PatType, has_body: bool, errors: &mut Errors) -> Option<Self> {
        let before = errors.count();
        check_attributes(&argument.attrs, errors);
        owned::check_argument(&argument.ty, errors);
        let ident = ident(&argument.pat, errors);
        let serde = Serde::read(&argument.attrs);
        for name in NO_PARAMETER {
            if let Some(place) = serde.span(name) {
                errors
                    .at(place, format!("`{name}` would make it no parameter: take an `Option`, or leave it out here"));
            }
        }
        let attributes = argument.attrs.clone();
        argument.attrs.retain(|attribute| LINTS.iter().any(|lint| attribute.path().is_ident(lint)));
        if !has_body {
            *argument.pat = ident.as_ref().map_or_else(|| parse_quote!(_), |ident| parse_quote!(#ident));
        }
        let (ident, lent) = (ident?, Lent::of(&argument.ty));
        let param = Self {
            name: serde.text("rename").map_or_else(|| ident.unraw().to_string(), syn::LitStr::value),
            docs: docs::text(&attributes),
            absence: Absence::of(&serde, &lent),
            reads_itself: serde.has_any(&["with", "deserialize_with"]),
            writes_itself: serde.has_any(&["with", "serialize_with"]),
            serde: named(&attributes, "serde"),
            ty: (*argument.ty).clone(),
            ident,
            lent,
        };
        (errors.count() == before).then_some(param)
    }
}

impl Absence {
    fn of(serde: &Serde, lent: &Lent) -> Self {
        match lent.is_optional() {
            _ if serde.has("default") => Self::Default,
            true => Self::Nothing,
            false => Self::Refused,
        }
    }
}

fn check_attributes(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes {
        let path = attribute.path();
        if !path.is_ident("doc") && !path.is_ident("serde") && !LINTS.iter().any(|lint| path.is_ident(lint)) {
            errors.at(attribute.span(), "an argument has docs and `#[serde(..)]`, and no other attributes");
        }
    }
}

/// Returns the name of an argument, and finds what else stands there.
fn ident(pattern: &Pat, errors: &mut Errors) -> Option<Ident> {
    match pattern {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => {
            if let Some(mutability) = &name.mutability {
                let variable = &name.ident;
                let cure = format!("leave it out, and begin the body with `let mut {variable} = {variable};`");
                errors.at(mutability.span, format!("`mut` says nothing in a contract: {cure}"));
            }
            Some(name.ident.clone())
        }
        other => {
            errors.at(other.span(), "an argument has a name, which its parameter has on the wire: `id: u64`");
            None
        }
    }
}
