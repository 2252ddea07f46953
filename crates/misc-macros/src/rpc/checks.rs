//! Writes what the compiler has to find out, as it takes types to know it.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::spanned::Spanned as _;

use super::{contract::Contract, procedure::Procedure};
use crate::place::{at, moved};

/// Refuses a `Result` that goes by another name: serde would write it as an answer.
pub(crate) fn write(contract: &Contract) -> TokenStream {
    let plain = contract.procedures.iter().filter(|procedure| procedure.output.error.is_none());
    plain.map(|procedure| is_no_result(procedure, contract)).collect()
}

fn is_no_result(procedure: &Procedure, contract: &Contract) -> TokenStream {
    let Procedure { conditions, output, method, .. } = procedure;
    let (value, place) = (&output.value, output.value.span());
    let private = moved(&contract.root, place);
    let message = format!("`{method}` returns a `Result` of another name: write it out, `Result<User, UserError>`");
    quote_spanned! {at(place)=>
        #(#conditions)*
        const _: () = {
            #[allow(unused_imports, reason = "it is for what is no `Result`")]
            use #private::__private::Plain as _;
            ::core::assert!(!<#private::__private::Outcome<#value>>::IS_RESULT, #message);
        };
    }
}
