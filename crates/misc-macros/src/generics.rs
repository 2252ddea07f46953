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
    is_in(ty.to_token_stream(), name)
}

fn is_in(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => is_in(group.stream(), name),
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
