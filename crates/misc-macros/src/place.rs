//! Where the compiler shows what is wrong with what a derive writes.

use proc_macro2::Span;

/// Shows a place of the user's, while lints and names take what is written for the macro's.
pub(crate) fn at(place: Span) -> Span {
    place.resolved_at(Span::call_site())
}
