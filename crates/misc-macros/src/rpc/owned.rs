//! Types that can travel: those that own what they are, and are the same for everybody.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::Type;

use super::lent::reference;
use crate::{errors::Errors, kind::inside_option};

/// What keeps a type from travelling, and where.
enum Flaw {
    Borrows(Span),
    Unnamed(Span),
    OfSelf(Span),
}

/// Finds what is wrong with the type of an argument, which may be lent, or be an `Option` of what is lent.
pub(crate) fn check_argument(ty: &Type, errors: &mut Errors) {
    let Some(reference) = reference(ty).or_else(|| inside_option(ty).and_then(reference)) else {
        return check(ty, "lend the whole argument (`&str`, `&[User]`, `Option<&str>`)", errors);
    };
    if let Some(mutability) = &reference.mutability {
        let cure = "take it, and return what becomes of it";
        return errors.at(mutability.span, format!("what a server changes does not come back: {cure}"));
    }
    if let Some(lifetime) = &reference.lifetime {
        return errors.at(lifetime.span(), "an argument is lent for the call: leave the lifetime out, as in `&str`");
    }
    check(&reference.elem, "lend it once (`&str`, `&[User]`)", errors);
}

/// Finds what is wrong with the type of a result.
pub(crate) fn check_result(ty: &Type, errors: &mut Errors) {
    check(ty, "there is nobody to borrow it from", errors);
}

fn check(ty: &Type, otherwise: &str, errors: &mut Errors) {
    match flaw(ty.to_token_stream()) {
        None => {}
        Some(Flaw::Borrows(place)) => {
            let cure = "write `String` for `&str`, `Vec<User>` for `&[User]`, `User` for `&User`";
            errors.at(place, format!("what travels is owned: {cure}; {otherwise}"));
        }
        Some(Flaw::Unnamed(place)) => errors.at(place, "name the type: it is that of the client, too"),
        Some(Flaw::OfSelf(place)) => {
            errors.at(place, "`Self` is another type for each implementation: name the type");
        }
    }
}

fn flaw(tokens: TokenStream) -> Option<Flaw> {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match token {
            TokenTree::Group(group) => flaw(group.stream()),
            TokenTree::Punct(punct) if punct.as_char() == '&' => Some(Flaw::Borrows(punct.span())),
            TokenTree::Punct(punct) if punct.as_char() == '\'' => match tokens.peek() {
                // `Cow<'static, str>` owns what it reads.
                Some(TokenTree::Ident(name)) if name == "static" => None,
                _ => Some(Flaw::Borrows(punct.span())),
            },
            TokenTree::Ident(ident) if ident == "impl" => Some(Flaw::Unnamed(ident.span())),
            TokenTree::Ident(ident) if ident == "Self" => Some(Flaw::OfSelf(ident.span())),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}
