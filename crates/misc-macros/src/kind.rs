//! The kind of a field, as the expression that finds it.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{GenericArgument, PathArguments, Type, spanned::Spanned};

use crate::{errors::Errors, generics::mentions, keys::Keys, place::at};

/// The type whose values are never shown, which misc-core does not know.
pub(crate) const SECRET: &str = "Secret";

/// What decides the kind of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its type, if that describes itself.
    Type,
    /// Its type, which must describe itself.
    Nested,
    /// Its type, with a unit of bytes.
    Bytes,
    Text,
    Duration,
    Any,
}

impl Kind {
    /// Reads the keys of which a field has one at most.
    pub(crate) fn read(keys: &Keys, errors: &mut Errors) -> Option<Self> {
        let all =
            [("nested", Self::Nested), ("bytes", Self::Bytes), ("text", Self::Text), ("duration", Self::Duration)];
        let mut first: Option<(&str, Self)> = None;
        for (name, kind) in all {
            match (keys.flag(name, errors), first) {
                (None, _) => {}
                (Some(_), None) => first = Some((name, kind)),
                (Some(span), Some((first, _))) => errors.at(span, format!("a field is either `{first}` or `{name}`")),
            }
        }
        first.map(|(_, kind)| kind)
    }

    /// Returns whether the type has a say in it.
    pub(crate) fn is_of_type(self) -> bool {
        matches!(self, Self::Type | Self::Nested | Self::Bytes)
    }

    /// Writes the expression, of type `&'static Kind`, for a type of which an `Option` may be left out, and which is not asked
    /// whether it is secret if it holds what it is in.
    pub(crate) fn tokens(self, schema: &TokenStream, ty: &Type, optional: bool, circular: bool) -> TokenStream {
        let span = at(ty.span());
        let guarded = |kind: TokenStream| guarded(schema, &quote!(&#schema::Kind::#kind), ty, !circular);
        match (self, inside_option(ty).filter(|_| optional)) {
            (Self::Type | Self::Bytes | Self::Text | Self::Duration, Some(inner)) => {
                let inner = self.tokens(schema, inner, false, circular);
                quote_spanned!(span=> &#schema::Kind::Optional(#inner))
            }
            (Self::Type, _) => undescribed(schema, &probe(schema, ty), ty),
            (Self::Nested, _) => quote_spanned!(span=> &<#ty as #schema::Describe>::KIND),
            (Self::Bytes, _) => {
                let number = probe(schema, ty);
                quote_spanned!(span=> &#schema::Kind::Bytes(#number))
            }
            (Self::Text, _) => guarded(quote!(Text)),
            (Self::Duration, _) => guarded(quote!(Duration)),
            (Self::Any, _) => guarded(quote!(Any)),
        }
    }
}

/// Writes the kind that a type gives, secret if it does not describe itself, and has a `Secret` in it by its name.
fn undescribed(schema: &TokenStream, kind: &TokenStream, ty: &Type) -> TokenStream {
    if !mentions(ty, SECRET) {
        return kind.clone();
    }
    let guarded = guarded(schema, kind, ty, false);
    quote_spanned! {at(ty.span())=>
        &const {
            let mut inside: &#schema::Kind = #kind;
            while let #schema::Kind::Optional(inner) | #schema::Kind::List(inner) | #schema::Kind::Map(inner) = inside {
                inside = inner;
            }
            if let #schema::Kind::Any = inside { *#guarded } else { *#kind }
        }
    }
}

/// Writes a kind, secret if a value of the type has a `Secret` in it, which may be asked of the type. One that does not
/// describe itself cannot tell: there, the name counts.
fn guarded(schema: &TokenStream, kind: &TokenStream, ty: &Type, ask: bool) -> TokenStream {
    let asked = ask.then(|| probe(schema, ty));
    let named = mentions(ty, SECRET).then(|| quote!(&#schema::Kind::Secret(&#schema::Kind::Any)));
    let guards: Vec<TokenStream> =
        asked.into_iter().chain(named).map(|kind| quote!(#schema::Field::new("", #kind))).collect();
    match &*guards {
        [] => kind.clone(),
        guards => quote_spanned!(at(ty.span())=> &#schema::guarded(#kind, &[#(#guards),*])),
    }
}

/// Writes the expression for a type that may not describe itself.
pub(crate) fn probe(schema: &TokenStream, ty: &Type) -> TokenStream {
    quote_spanned!(at(ty.span())=> <#schema::Probe<#ty>>::KIND)
}

/// Returns the type inside an `Option`, which is told by its name as serde does.
pub(crate) fn inside_option(ty: &Type) -> Option<&Type> {
    let last = match ty {
        Type::Group(group) => return inside_option(&group.elem),
        Type::Path(path) => path.path.segments.last().filter(|last| last.ident == "Option")?,
        _ => return None,
    };
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first()? {
            GenericArgument::Type(inner) => Some(inner),
            _ => None,
        },
        _ => None,
    }
}
