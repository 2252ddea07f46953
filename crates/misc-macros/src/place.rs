//! Where the compiler shows what is wrong with what a macro writes.

use proc_macro2::{Ident, Span, TokenStream};

/// Shows a place of the user's, while lints and names take what is written for the macro's.
pub(crate) fn at(place: Span) -> Span {
    place.resolved_at(Span::call_site())
}

/// Shows tokens at a place of the user's, as [`at`] does.
pub(crate) fn moved(tokens: &TokenStream, place: Span) -> TokenStream {
    let moved = tokens.clone().into_iter().map(|mut token| {
        token.set_span(at(place));
        token
    });
    moved.collect()
}

/// Names a variable that nothing of the user's can mean, nor be shadowed by; the compiler shows it at a place of the user's.
pub(crate) fn local(name: &str, place: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(place))
}
