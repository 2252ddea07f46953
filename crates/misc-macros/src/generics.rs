//! The type parameters of an item, with what their types must be.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Generics, Ident, Type, parse_quote};

/// Asks a trait of each type parameter that is in one of the types.
pub(crate) fn bounded(generics: &Generics, types: &[&Type], bound: &TokenStream) -> Generics {
    let mut generics = generics.clone();
    for param in generics.type_params_mut() {
        if types.iter().any(|ty| mentions(ty.to_token_stream(), &param.ident)) {
            param.bounds.push(parse_quote!(#bound));
        }
    }
    generics
}

fn mentions(tokens: TokenStream, param: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => mentions(group.stream(), param),
        TokenTree::Ident(ident) => ident == *param,
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
