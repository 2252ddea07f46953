//! Writes the client: a type with the methods of the trait, which call a server.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};

use super::{contract::Contract, params, procedure::Procedure, table};
use crate::place::{at, moved};

/// Writes the type.
pub(crate) fn write(contract: &Contract) -> TokenStream {
    let Contract { root, client, .. } = contract;
    let (vis, name, contract_name) = (&contract.item.vis, client.to_string(), &contract.item.ident);
    let docs = format!("Calls a [`{contract_name}`] that is elsewhere.");
    let more = (!contract.docs.is_empty()).then(|| {
        let docs = &contract.docs;
        quote!(#[doc = ""] #(#docs)*)
    });
    let (table, private) = (table::write(contract), quote!(#root::__private));
    let all = format_ident!("__{client}Methods", span = client.span());
    let (fields, methods): (Vec<_>, Vec<_>) =
        contract.procedures.iter().map(|procedure| (field(procedure, contract), method(procedure, contract))).unzip();
    let (declared, resolved): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    quote! {
        #[doc = #docs]
        #more
        #[derive(::core::clone::Clone)]
        #vis struct #client {
            __client: #root::Client,
            __methods: ::std::sync::Arc<#all>,
        }

        struct #all {
            #(#declared)*
        }

        impl #client {
            #table

            /// Begins a client of the server at a URL.
            #vis fn builder(config: impl ::core::convert::Into<#root::ClientConfig>) -> #root::Builder<Self> {
                #root::Builder::new(config)
            }

            /// Returns a client of a server in this process.
            #[must_use]
            #vis fn over<S, B>(service: S) -> Self
            where
                S: #private::Service<
                        #private::Request<#root::Payload>,
                        Response = #private::Response<B>,
                        Error: ::core::convert::Into<#private::BoxError>,
                        Future: ::core::marker::Send,
                    > + ::core::clone::Clone
                    + ::core::marker::Send
                    + ::core::marker::Sync
                    + 'static,
                B: #private::Body<Data: ::core::marker::Send, Error: ::core::convert::Into<#private::BoxError>>
                    + ::core::marker::Send
                    + 'static,
            {
                ::core::convert::From::from(#root::Client::over(service))
            }

            #(#methods)*
        }

        #[automatically_derived]
        impl ::core::convert::From<#root::Client> for #client {
            fn from(client: #root::Client) -> Self {
                let methods = #all { #(#resolved)* };
                Self { __methods: ::std::sync::Arc::new(methods), __client: client }
            }
        }

        #[automatically_derived]
        impl ::core::convert::AsRef<#root::Client> for #client {
            fn as_ref(&self) -> &#root::Client {
                &self.__client
            }
        }

        #[automatically_derived]
        impl ::core::fmt::Debug for #client {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_tuple(#name).field(&self.__client).finish()
            }
        }
    }
}

/// Writes the field of a method, and how it is made.
fn field(procedure: &Procedure, contract: &Contract) -> (TokenStream, TokenStream) {
    let (conditions, method, constant) = (&procedure.conditions, procedure.ident(), procedure.constant());
    let (root, client) = (&contract.root, &contract.client);
    let declared = quote!(#(#conditions)* #method: #root::ClientMethod,);
    let resolved = quote!(#(#conditions)* #method: client.method(#client::#constant),);
    (declared, resolved)
}

fn method(procedure: &Procedure, contract: &Contract) -> TokenStream {
    let Procedure { conditions, deprecated, output, params, .. } = procedure;
    let (method, arguments, vis) = (procedure.ident(), procedure.arguments(), &contract.item.vis);
    let docs = procedure.docs_or(&format!("Calls `{}`.", procedure.name));
    let place = procedure.method.span();
    let root = moved(&contract.root, place);
    let returned = output.of_client(&root);
    let (declared, given) = (params::write(params, &contract.root), params.iter().map(|param| &param.ident));
    let (value, error) = (&output.value, output.error_or_never(&root));
    let call = if procedure.is_notification { quote!(notify) } else { quote!(call::<#value, #error, _>) };
    quote_spanned! {at(place)=>
        #docs
        #(#conditions)*
        #(#deprecated)*
        #vis async fn #method(&self #arguments) -> #returned {
            #declared
            self.__methods.#method.#call(&__Params { #(#given),* }).await
        }
    }
}
