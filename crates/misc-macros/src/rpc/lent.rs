//! What an argument borrows for the call: nothing, all of it, or what is in its `Option`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Type, TypeReference, spanned::Spanned as _};

use crate::{kind::inside_option, place::at};

/// Types that have no size, so that a server owns them as others.
const UNSIZED: [&str; 3] = ["str", "Path", "OsStr"];

/// The type of an argument.
pub(crate) enum Lent {
    /// `T`
    Nothing(Type),
    /// `&T`
    All(Type),
    /// `Option<&T>`
    Inside(Type),
}

impl Lent {
    pub(crate) fn of(ty: &Type) -> Self {
        let inside = inside_option(ty).and_then(reference);
        match (reference(ty), inside) {
            (Some(reference), _) => Self::All((*reference.elem).clone()),
            (None, Some(reference)) => Self::Inside((*reference.elem).clone()),
            (None, None) => Self::Nothing(ty.clone()),
        }
    }

    /// Tells whether anything is lent.
    pub(crate) fn is_any(&self) -> bool {
        !matches!(self, Self::Nothing(_))
    }

    /// Tells whether it is an `Option`, lent or not.
    pub(crate) fn is_optional(&self) -> bool {
        match self {
            Self::Nothing(ty) | Self::All(ty) => inside_option(ty).is_some(),
            Self::Inside(_) => true,
        }
    }

    /// Writes the type of what a server owns.
    pub(crate) fn owned(&self) -> TokenStream {
        match self {
            Self::Nothing(ty) => quote!(#ty),
            Self::All(ty) => owned(ty),
            Self::Inside(ty) => {
                let owned = owned(ty);
                quote_spanned!(at(ty.span())=> ::core::option::Option<#owned>)
            }
        }
    }

    /// Writes how a server lends what it owns.
    pub(crate) fn lend(&self, owned: &TokenStream) -> TokenStream {
        match self {
            Self::Nothing(_) => quote!(#owned),
            Self::All(_) => quote!(&#owned),
            Self::Inside(ty) if is_unsized(ty) => quote!(::core::option::Option::as_deref(&#owned)),
            Self::Inside(_) => quote!(::core::option::Option::as_ref(&#owned)),
        }
    }

    /// Writes the type of what a client has, for as long as a lifetime.
    pub(crate) fn borrowed(&self, lifetime: &TokenStream) -> TokenStream {
        match self {
            Self::Nothing(ty) => quote!(#ty),
            Self::All(ty) => quote!(&#lifetime #ty),
            Self::Inside(ty) => quote_spanned!(at(ty.span())=> ::core::option::Option<&#lifetime #ty>),
        }
    }

    /// Writes the type that is one of serde's if that is.
    pub(crate) fn written(&self) -> TokenStream {
        match self {
            Self::Nothing(ty) | Self::All(ty) => quote!(#ty),
            Self::Inside(_) => self.borrowed(&quote!('_)),
        }
    }
}

/// Returns the reference that a type is.
pub(crate) fn reference(ty: &Type) -> Option<&TypeReference> {
    match ty {
        Type::Reference(reference) => Some(reference),
        Type::Group(group) => reference(&group.elem),
        Type::Paren(paren) => reference(&paren.elem),
        _ => None,
    }
}

fn owned(ty: &Type) -> TokenStream {
    if is_unsized(ty) { quote_spanned!(at(ty.span())=> <#ty as ::std::borrow::ToOwned>::Owned) } else { quote!(#ty) }
}

/// Tells whether a type has no size, by its name, as types are not known here.
fn is_unsized(ty: &Type) -> bool {
    match ty {
        Type::Slice(_) => true,
        Type::Path(path) => path.path.segments.last().is_some_and(|last| UNSIZED.iter().any(|name| last.ident == name)),
        Type::Group(group) => is_unsized(&group.elem),
        Type::Paren(paren) => is_unsized(&paren.elem),
        _ => false,
    }
}
