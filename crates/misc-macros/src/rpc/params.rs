//! Writes the types that serde reads and writes the parameters of a call as.
//!
//! Each parameter goes through a function of its own, which is the one place where its type must be one of serde's: there the
//! compiler shows a type that is none.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::param::{Absence, Param};
use crate::place::{at, moved};

/// Writes `__Params`, which a server reads: it owns all.
pub(crate) fn read(params: &[Param], root: &TokenStream) -> TokenStream {
    let expecting = expecting(params);
    let (serde, path) = serde(root);
    let functions = params.iter().enumerate().map(|(index, param)| read_function(index, param, root));
    let fields = params.iter().enumerate().map(|(index, param)| {
        let (told, ident, ty) = (&param.serde, &param.ident, param.lent.owned());
        let with = (!param.reads_itself).then(|| {
            let name = function("read", index).to_string();
            quote!(#[serde(deserialize_with = #name)])
        });
        // Beside a function that reads it, serde has to be told that an `Option` may be left out.
        let default = (param.absence == Absence::Nothing).then(|| quote!(#[serde(default)]));
        quote!(#(#told)* #with #default #ident: #ty,)
    });
    quote! {
        #(#functions)*

        #[derive(#serde::Deserialize)]
        #[serde(crate = #path, deny_unknown_fields, expecting = #expecting)]
        struct __Params { #(#fields)* }
    }
}

/// Writes `__Params`, which a client writes: it borrows what is lent.
pub(crate) fn write(params: &[Param], root: &TokenStream) -> TokenStream {
    let (serde, path) = serde(root);
    let functions = params.iter().enumerate().map(|(index, param)| write_function(index, param, root));
    let lifetime = params.iter().any(|param| param.lent.is_any()).then(|| quote!(<'call>));
    let fields = params.iter().enumerate().map(|(index, param)| {
        let (told, ident, ty) = (&param.serde, &param.ident, param.lent.borrowed(&quote!('call)));
        let with = (!param.writes_itself).then(|| {
            let name = function("write", index).to_string();
            quote!(#[serde(serialize_with = #name)])
        });
        quote!(#(#told)* #with #ident: #ty,)
    });
    quote! {
        #(#functions)*

        #[derive(#serde::Serialize)]
        #[serde(crate = #path)]
        struct __Params #lifetime { #(#fields)* }
    }
}

fn serde(root: &TokenStream) -> (TokenStream, String) {
    let serde = quote!(#root::__private::serde);
    let path = serde.to_string().replace(' ', "");
    (serde, path)
}

fn function(what: &str, index: usize) -> Ident {
    format_ident!("__{what}_{index}")
}

fn read_function(index: usize, param: &Param, root: &TokenStream) -> Option<TokenStream> {
    let (name, ty, place) = (function("read", index), param.lent.owned(), at(param.ty.span()));
    let serde = moved(&quote!(#root::__private::serde), place);
    (!param.reads_itself).then(|| {
        quote_spanned! {place=>
            fn #name<'de, __D: #serde::Deserializer<'de>>(from: __D) -> ::core::result::Result<#ty, __D::Error> {
                <#ty as #serde::Deserialize<'de>>::deserialize(from)
            }
        }
    })
}

fn write_function(index: usize, param: &Param, root: &TokenStream) -> Option<TokenStream> {
    let (name, ty, place) = (function("write", index), param.lent.borrowed(&quote!('_)), at(param.ty.span()));
    let serde = moved(&quote!(#root::__private::serde), place);
    let written = param.lent.written();
    (!param.writes_itself).then(|| {
        quote_spanned! {place=>
            fn #name<__S: #serde::Serializer>(value: &#ty, to: __S) -> ::core::result::Result<__S::Ok, __S::Error> {
                <#written as #serde::Serialize>::serialize(value, to)
            }
        }
    })
}

fn expecting(params: &[Param]) -> String {
    let names: Vec<_> = params.iter().map(|param| format!("`{}`", param.name)).collect();
    if names.is_empty() { "no parameters".to_owned() } else { format!("the parameters {}", names.join(", ")) }
}
