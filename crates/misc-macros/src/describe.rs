//! Writes `impl Describe`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::{
    container::{Body, Container, Given, Tagging},
    generics, kind,
    place::at,
    variant::{Content, Variant},
};

/// Writes the constant tables of a struct or an enum.
pub(crate) fn implement(container: &Container<'_>) -> TokenStream {
    let root = &container.root;
    let schema = quote!(#root::schema);
    let generics = generics::bounded(container.generics, &container.types(), &quote!(#schema::Describe));
    let (params, arguments, conditions) = generics.split_for_impl();
    let (ident, kind) = (container.ident, kind_of(container, &schema));
    quote! {
        #[automatically_derived]
        impl #params #schema::Describe for #ident #arguments #conditions {
            const KIND: #schema::Kind = {
                #[allow(unused_imports, reason = "types may describe themselves")]
                use #schema::Undescribed as _;
                #kind
            };
        }
    }
}

fn kind_of(container: &Container<'_>, schema: &TokenStream) -> TokenStream {
    match (&container.given, &container.body) {
        (Some(Given::Kind(kind)), _) if container.held().iter().any(|field| field.is_secret()) => {
            let secret = quote!(#schema::Field::new("", &#schema::Kind::Secret(&#schema::Kind::Any)));
            quote!(#schema::guarded(&const { #kind }, &[#secret]))
        }
        (Some(Given::Kind(kind)), _) => quote!(#kind),
        // What is made of it may be a secret.
        (Some(Given::Like(ty)), _) => guarded(container, schema, &kind::probe(schema, ty)),
        (None, Body::Newtype(field)) => {
            let kind = field.kind(schema);
            quote!(*#kind)
        }
        (None, Body::Enum { tagging, variants }) => enum_kind(tagging, variants, schema)
            .unwrap_or_else(|| guarded(container, schema, &quote!(&#schema::Kind::Any))),
        (None, Body::Struct(_) | Body::Other) => struct_kind(container, schema),
    }
}

fn struct_kind(container: &Container<'_>, schema: &TokenStream) -> TokenStream {
    let docs = &container.docs;
    let fields = container.fields().iter().map(|field| field.entry(schema));
    let defaults = container.defaults.map(|span| {
        // What is missing is shown where it is asked for.
        quote_spanned!(at(span)=> .defaults(|| #schema::Defaults::of(<Self as ::core::default::Default>::default())))
    });
    quote!(#schema::Kind::Struct(&#schema::Schema::new(#docs, &[#(#fields),*]) #defaults))
}

/// Writes a kind, secret if there is a secret in what the container holds.
fn guarded(container: &Container<'_>, schema: &TokenStream, kind: &TokenStream) -> TokenStream {
    let guards = container.held().into_iter().map(|field| field.guard(schema));
    quote!(#schema::guarded(#kind, &[#(#guards),*]))
}

/// Writes what an enum looks like, unless anything goes.
fn enum_kind(tagging: &Tagging, variants: &[Variant<'_>], schema: &TokenStream) -> Option<TokenStream> {
    let entries = variants.iter().map(|variant| variant.entry(schema));
    let other = variants.iter().any(|variant| variant.other);
    match tagging {
        Tagging::External if !variants.iter().all(|variant| matches!(variant.content, Content::Nothing)) => None,
        Tagging::External if other => Some(quote!(#schema::Kind::Text)),
        Tagging::External => Some(quote!(#schema::Kind::Enum(&[#(#entries),*]))),
        Tagging::Internal(tag)
            if !other && variants.iter().all(|variant| !matches!(variant.content, Content::Unknown(_))) =>
        {
            Some(quote!(#schema::Kind::Tagged { tag: #tag, variants: &[#(#entries),*] }))
        }
        Tagging::Internal(_) | Tagging::Other => None,
    }
}
