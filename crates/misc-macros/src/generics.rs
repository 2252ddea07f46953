//! The type parameters of an item, with what their types must be.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Generics, Type, parse_quote};

/// Asks a trait of each type parameter that is in one of the types.
pub(crate) fn bounded(generics: &Generics, types: &[&Type], bound: &TokenStream) -> Generics {
    let mut generics = generics.clone();
    for param in generics.type_params_mut() {
        let name = param.ident.to_string();
        if types.iter().any(|ty| mentions(ty, &name)) {
            param.bounds.push(parse_quote!(#bound));
        }
    }
    generics
}

/// Returns whether a name is in a type.
pub(crate) fn mentions(ty: &Type, name: &str) -> bool {
    is_in(ty.to_token_stream(), name, true)
}

/// Returns whether a name is in a type, and not that of something elsewhere, as in `other::Name`.
pub(crate) fn mentions_own(ty: &Type, name: &str) -> bool {
    is_in(ty.to_token_stream(), name, false)
}

fn is_in(tokens: TokenStream, name: &str, anywhere: bool) -> bool {
    let mut is_behind = false;
    tokens.into_iter().any(|token| {
        let counts = anywhere || !is_behind;
        is_behind = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ':');
        match token {
            TokenTree::Group(group) => is_in(group.stream(), name, anywhere),
            TokenTree::Ident(ident) => counts && ident == name,
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        }
    })
}
