//! Writes the trait, and what it provides to those who implement it.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse_quote;

use super::{contract::Contract, param::Param, params, procedure::Procedure};
use crate::place::{at, local, moved};

/// Writes the trait.
pub(crate) fn write(contract: &Contract) -> TokenStream {
    let (root, client, mut item) = (&contract.root, &contract.client, contract.item.clone());
    // Whatever is wrong with the trait would be wrong with what calls it.
    let right = if contract.is_broken { &[][..] } else { &contract.procedures };
    let methods = right.iter().map(|procedure| method(procedure, contract));
    let (this, all) = (local("this", Span::call_site()), local("methods", Span::call_site()));
    let allowed = allow_deprecated(contract);
    if contract.has_own_into_rpc() {
        return quote!(#item);
    }
    item.items.push(parse_quote! {
        /// Returns what a server is made of; all calls share the value.
        #allowed
        fn into_rpc(self) -> #root::Methods
        where
            Self: ::core::marker::Sized,
        {
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

/// Writes how a procedure is added to the methods.
fn method(procedure: &Procedure, contract: &Contract) -> TokenStream {
    let Procedure { method, conditions, output, params, .. } = procedure;
    let place = method.span();
    let root = moved(&contract.root, place);
    let (this, all, given) = (local("this", place), local("methods", place), local("given", place));
    let (name, client, constant) = (&contract.item.ident, &contract.client, procedure.constant());
    let declared = params::read(params, &contract.root);
    let arguments = params.iter().map(|Param { ident, lent, .. }| lent.lend(&quote!(#given.#ident)));
    let call = quote_spanned!(at(place)=> <Self as #name>::#method(&#this #(, #arguments)*).await);
    let answer = match &output.error {
        Some(_) => call,
        None => quote_spanned!(at(place)=> ::core::result::Result::Ok(#call)),
    };
    let (value, error) = (&output.value, output.error_or_never(&root));
    quote_spanned! {at(place)=>
        #(#conditions)*
        let #all = {
            #declared
            #all.method_with::<_, _, #value, #error, _, _>(
                #client::#constant,
                ::std::sync::Arc::clone(&#this),
                |#this: ::std::sync::Arc<Self>, #given: __Params| async move { #answer },
            )
        };
    }
}
