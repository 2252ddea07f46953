//! Writes the mock: an implementation of the trait that answers as a test says.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;

use super::{contract::Contract, procedure::Procedure};
use crate::place::{at, local};

/// Writes the type.
pub(crate) fn write(contract: &Contract) -> TokenStream {
    let Contract { root, mock, client, .. } = contract;
    let (vis, name, contract_name) = (&contract.item.vis, mock.to_string(), &contract.item.ident);
    let docs = format!("Stands in for a [`{contract_name}`] in tests: each method answers as it is told.");
    let fields = contract.procedures.iter().map(|procedure| field(procedure, root));
    let setters = contract.procedures.iter().map(|procedure| setter(procedure, contract));
    let each: Vec<_> = contract
        .procedures
        .iter()
        .map(|procedure| (&procedure.conditions, procedure.ident(), procedure.name.clone()))
        .collect();
    let made =
        each.iter().map(|(conditions, field, _)| quote!(#(#conditions)* #field: ::core::default::Default::default(),));
    let cloned = each
        .iter()
        .map(|(conditions, field, _)| quote!(#(#conditions)* #field: ::core::clone::Clone::clone(&self.#field),));
    let shown = each.iter().map(|(conditions, field, name)| quote!(#(#conditions)* f.field(#name, &self.#field);));
    // Whatever is wrong with the trait would be wrong with an implementation of it.
    let implemented = (!contract.is_broken).then(|| implement(contract));
    let served = if contract.is_broken {
        quote!(::core::panic!("its contract is broken"))
    } else {
        quote!(#client::over(#root::__private::serve(#contract_name::into_rpc(::core::clone::Clone::clone(self)))))
    };
    quote! {
        #[doc = #docs]
        ///
        /// A method that is called without having been told panics. Clones share what they were told, and what they saw.
        #vis struct #mock {
            #(#fields)*
        }

        impl #mock {
            /// Returns one that answers nothing yet.
            #[must_use]
            #vis fn new() -> Self {
                Self { #(#made)* }
            }

            /// Returns a client whose calls this answers, in this process.
            #[must_use]
            #vis fn client(&self) -> #client {
                #served
            }

            #(#setters)*
        }

        #implemented

        #[automatically_derived]
        impl ::core::default::Default for #mock {
            fn default() -> Self {
                Self::new()
            }
        }

        #[automatically_derived]
        impl ::core::clone::Clone for #mock {
            fn clone(&self) -> Self {
                Self { #(#cloned)* }
            }
        }

        #[automatically_derived]
        impl ::core::fmt::Debug for #mock {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let mut f = f.debug_struct(#name);
                #(#shown)*
                f.finish()
            }
        }
    }
}

/// Writes the signature of a closure that answers.
fn signature(procedure: &Procedure) -> TokenStream {
    let (types, whole) = (procedure.params.iter().map(|param| &param.ty), &procedure.output.whole);
    quote!(::core::ops::Fn(#(#types),*) -> #whole + ::core::marker::Send + ::core::marker::Sync + 'static)
}

fn field(procedure: &Procedure, root: &TokenStream) -> TokenStream {
    let (conditions, field, signature) = (&procedure.conditions, procedure.ident(), signature(procedure));
    quote!(#(#conditions)* #field: #root::__private::Mocked<dyn #signature>,)
}

fn setter(procedure: &Procedure, contract: &Contract) -> TokenStream {
    let (conditions, method, signature, vis) =
        (&procedure.conditions, procedure.ident(), signature(procedure), &contract.item.vis);
    let counter = counter(procedure);
    let docs = format!("Says what `{}` answers, from now on.", procedure.method.unraw());
    let docs_of_count = format!("Returns how many times `{}` was called.", procedure.method.unraw());
    let (place, answer) = (procedure.method.span(), local("answer", Span::call_site()));
    quote_spanned! {at(place)=>
        #[doc = #docs]
        #(#conditions)*
        #vis fn #method(self, #answer: impl #signature) -> Self {
            self.#method.set(::std::sync::Arc::new(#answer));
            self
        }

        #[doc = #docs_of_count]
        #(#conditions)*
        #[must_use]
        #vis fn #counter(&self) -> usize {
            self.#method.calls()
        }
    }
}

fn counter(procedure: &Procedure) -> Ident {
    format_ident!("{}_calls", procedure.method.unraw(), span = at(procedure.method.span()))
}

fn implement(contract: &Contract) -> TokenStream {
    let (mock, contract_name, name) = (&contract.mock, &contract.item.ident, contract.mock.to_string());
    let methods = contract.procedures.iter().map(|procedure| {
        let (conditions, method, arguments, whole) =
            (&procedure.conditions, procedure.ident(), procedure.arguments(), &procedure.output.whole);
        let called = procedure.method.unraw().to_string();
        let given = procedure.params.iter().map(|param| &param.ident);
        quote! {
            #(#conditions)*
            async fn #method(&self #arguments) -> #whole {
                self.#method.answer(#name, #called)(#(#given),*)
            }
        }
    });
    quote! {
        impl #contract_name for #mock {
            #(#methods)*
        }
    }
}
