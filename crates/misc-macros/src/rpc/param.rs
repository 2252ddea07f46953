//! An argument of a method, which is a parameter on the wire.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Attribute, Pat, PatType, Type, ext::IdentExt as _, parse_quote, spanned::Spanned as _};

use super::owned;
use crate::{attributes::named, docs, errors::Errors, kind::inside_option, serde::Serde};

/// What serde says that would make a parameter none.
const NO_PARAMETER: [&str; 4] = ["flatten", "skip", "skip_deserializing", "skip_serializing"];

/// What a parameter says about lints, which stays at the argument.
const LINTS: [&str; 5] = ["allow", "expect", "warn", "deny", "forbid"];

/// One of the parameters.
pub(crate) struct Param {
    pub(crate) ident: Ident,
    /// Its name on the wire.
    pub(crate) name: String,
    pub(crate) docs: String,
    pub(crate) ty: Type,
    /// What is lent, if it is a reference.
    pub(crate) lent: Option<Type>,
    /// What serde reads.
    pub(crate) serde: Vec<Attribute>,
    /// It may be left out.
    pub(crate) is_optional: bool,
    /// serde is told to leave it out; else it is an `Option` that is left out without being told.
    says_default: bool,
    /// It is read by a function, so that its type does not tell what it looks like.
    pub(crate) is_custom: bool,
}

impl Param {
    /// Reads an argument, and takes out of it what a trait cannot have there.
    pub(crate) fn read(argument: &mut PatType, errors: &mut Errors) -> Option<Self> {
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
        *argument.pat = ident.as_ref().map_or_else(|| parse_quote!(_), |ident| parse_quote!(#ident));
        let (ident, lent) = (ident?, owned::lent(&argument.ty).map(|reference| (*reference.elem).clone()));
        let says_default = serde.has("default");
        let param = Self {
            name: serde.text("rename").map_or_else(|| ident.unraw().to_string(), syn::LitStr::value),
            docs: docs::text(&attributes),
            is_optional: says_default || inside_option(&argument.ty).is_some(),
            says_default,
            is_custom: serde.has_any(&["with", "deserialize_with", "serialize_with"]),
            serde: named(&attributes, "serde"),
            ty: (*argument.ty).clone(),
            ident,
            lent,
        };
        (errors.count() == before).then_some(param)
    }

    /// Writes the type of what a server gets.
    pub(crate) fn owned(&self) -> TokenStream {
        let ty = &self.ty;
        match &self.lent {
            None => quote!(#ty),
            Some(lent) => quote!(<#lent as ::std::borrow::ToOwned>::Owned),
        }
    }

    /// Writes what serde is told by a server.
    pub(crate) fn reading(&self) -> TokenStream {
        let serde = &self.serde;
        // By position, too.
        let default = (self.is_optional && !self.says_default).then(|| quote!(#[serde(default)]));
        quote!(#(#serde)* #default)
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

/// Returns the name of an argument; whatever else stands there is told, and taken as one.
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
