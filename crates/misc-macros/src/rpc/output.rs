//! What a method returns.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{GenericArgument, PathArguments, PathSegment, ReturnType, Type, spanned::Spanned as _};

use super::owned;
use crate::errors::Errors;

/// The type of the result, and what it is made of.
pub(crate) struct Output {
    pub(crate) whole: Type,
    /// What the caller gets if all goes well.
    pub(crate) value: Type,
    /// What the procedure declares as its error.
    pub(crate) error: Option<Type>,
}

impl Output {
    pub(crate) fn read(output: &ReturnType, errors: &mut Errors) -> Self {
        let whole = match output {
            ReturnType::Default => syn::parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        owned::check_result(&whole, errors);
        let (value, error) = match result(&whole).map(|result| (result, arguments(result))) {
            None => (whole.clone(), None),
            Some((_, arguments)) if arguments.len() == 2 => (arguments[0].clone(), Some(arguments[1].clone())),
            Some((result, _)) => {
                let cure = "for those that an alias hides, write it out";
                errors.at(result.span(), format!("say the error type: `Result<User, UserError>`; {cure}"));
                (whole.clone(), None)
            }
        };
        Self { whole, value, error }
    }

    /// Tells whether nothing is returned, as a notification does.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(&self.whole, Type::Tuple(unit) if unit.elems.is_empty())
    }

    /// Writes what a client's method returns.
    pub(crate) fn of_client(&self, root: &TokenStream) -> TokenStream {
        let value = &self.value;
        let error = self.error.iter();
        quote!(::core::result::Result<#value, #root::Error #(<#error>)*>)
    }

    /// Writes the type of the error that it declares.
    pub(crate) fn error_or_never(&self, root: &TokenStream) -> TokenStream {
        self.error.as_ref().map_or_else(|| quote!(#root::Never), |error| quote!(#error))
    }
}

/// Tells a `Result` by its name, as whatever crate it is of has what succeeds first.
fn result(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last().filter(|last| last.ident == "Result"),
        Type::Group(group) => result(&group.elem),
        Type::Paren(paren) => result(&paren.elem),
        _ => None,
    }
}

fn arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}
