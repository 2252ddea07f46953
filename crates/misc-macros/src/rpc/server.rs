//! Writes the trait, and what it provides to those who implement it.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::parse_quote;

use super::{contract::Contract, param::Param, procedure::Procedure};
use crate::place::{at, local, moved};

/// Writes the trait.
pub(crate) fn write(contract: &Contract) -> TokenStream {
    let (root, client, mut item) = (&contract.root, &contract.client, contract.item.clone());
    let params = contract.procedures.iter().enumerate().map(|(index, procedure)| params(index, procedure, root));
    let methods = contract.procedures.iter().enumerate().map(|(index, procedure)| method(index, procedure, contract));
    let (this, all) = (local("this", Span::call_site()), local("methods", Span::call_site()));
    let allowed = allow_deprecated(contract);
    item.items.push(parse_quote! {
        /// Returns what a server is made of; all calls share the value.
        #allowed
        fn into_rpc(self) -> #root::Methods
        where
            Self: ::core::marker::Sized,
        {
            #(#params)*
            let #this = ::std::sync::Arc::new(self);
            let #all = #root::Methods::of(#client::CONTRACT);
            #(#methods)*
            #all
        }
    });
    quote!(#item)
}

/// Lets what is written call what is deprecated.
fn allow_deprecated(contract: &Contract) -> Option<TokenStream> {
    let is_any = contract.procedures.iter().any(|procedure| !procedure.deprecated.is_empty());
    is_any.then(|| quote!(#[allow(deprecated, reason = "it is served as long as it is there")]))
}

/// Writes the type that serde reads the parameters as.
fn params(index: usize, procedure: &Procedure, root: &TokenStream) -> TokenStream {
    let Procedure { conditions, params, .. } = procedure;
    let (name, expecting) = (params_type(index), expecting(params));
    let (path, derive) =
        (quote!(#root::__private::serde).to_string().replace(' ', ""), quote!(#root::__private::serde::Deserialize));
    let fields = params.iter().map(|param| {
        let (reading, ident, ty) = (param.reading(), &param.ident, param.owned());
        quote!(#reading #ident: #ty,)
    });
    quote! {
        #(#conditions)*
        #[derive(#derive)]
        #[serde(crate = #path, deny_unknown_fields, expecting = #expecting)]
        struct #name { #(#fields)* }
    }
}

fn params_type(index: usize) -> syn::Ident {
    format_ident!("__Params{index}")
}

fn expecting(params: &[Param]) -> String {
    let names: Vec<_> = params.iter().map(|param| format!("`{}`", param.name)).collect();
    if names.is_empty() { "no parameters".to_owned() } else { format!("the parameters {}", names.join(", ")) }
}

/// Writes how a procedure is added to the methods.
fn method(index: usize, procedure: &Procedure, contract: &Contract) -> TokenStream {
    let Procedure { method, conditions, output, params, .. } = procedure;
    let place = method.span();
    let root = moved(&contract.root, place);
    let (this, all, given) = (local("this", place), local("methods", place), local("given", place));
    let (contract_name, client, constant, params_type) =
        (&contract.item.ident, &contract.client, procedure.constant(), params_type(index));
    let arguments = params.iter().map(|Param { ident, lent, .. }| {
        let reference = lent.as_ref().map(|_| quote!(&));
        quote!(#reference #given.#ident)
    });
    let call = quote_spanned!(at(place)=> <Self as #contract_name>::#method(&#this #(, #arguments)*).await);
    let answer = match &output.error {
        Some(_) => call,
        None => {
            let value = &output.value;
            quote_spanned!(at(place)=> ::core::result::Result::<#value, #root::Never>::Ok(#call))
        }
    };
    quote_spanned! {at(place)=>
        #(#conditions)*
        let #all = #all.method_with(
            #client::#constant,
            ::std::sync::Arc::clone(&#this),
            |#this: ::std::sync::Arc<Self>, #given: #params_type| async move { #answer },
        );
    }
}
