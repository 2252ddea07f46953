//! Writes the contract as a constant: what a builder is given by hand.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Type, spanned::Spanned as _};

use super::{
    contract::Contract,
    param::{Absence, Param},
    procedure::Procedure,
};
use crate::{docs, place::at};

/// Writes the constants of the client.
pub(crate) fn write(contract: &Contract) -> TokenStream {
    let (root, vis) = (&contract.root, &contract.item.vis);
    let (name, docs) = (contract.item.ident.to_string(), docs::text(&contract.docs));
    let constants = contract.procedures.iter().map(|procedure| constant(procedure, root));
    let all = contract.procedures.iter().map(|procedure| {
        let (conditions, constant) = (&procedure.conditions, procedure.constant());
        quote!(#(#conditions)* Self::#constant)
    });
    quote! {
        /// What can be called: names, docs, parameters and results.
        #vis const CONTRACT: #root::Contract = #root::Contract::new(#name, const { &[#(#all),*] }).docs(#docs);
        #(#constants)*
    }
}

fn constant(procedure: &Procedure, root: &TokenStream) -> TokenStream {
    let Procedure { name, conditions, output, .. } = procedure;
    let (constant, docs) = (procedure.constant(), docs::text(&procedure.docs));
    let params = procedure.params.iter().map(|param| described(param, root));
    let returns = shape(&output.value, root);
    let idempotent = procedure.is_idempotent.then(|| quote!(.idempotent()));
    let deprecated = (!procedure.deprecated.is_empty()).then(|| quote!(.deprecated()));
    quote! {
        #(#conditions)*
        #[allow(non_upper_case_globals, reason = "it is named as the method")]
        const #constant: #root::Procedure = {
            #[allow(unused_imports, reason = "types may describe themselves")]
            use #root::__private::Shapeless as _;
            #root::Procedure::new(#name)
                .docs(#docs)
                .params(const { &[#(#params),*] })
                .returns(#returns)
                #idempotent
                #deprecated
        };
    }
}

fn described(param: &Param, root: &TokenStream) -> TokenStream {
    let Param { name, docs, .. } = param;
    // A type does not tell what it looks like to whom it is read by a function.
    let is_custom = param.reads_itself || param.writes_itself;
    let shape = if is_custom { quote!(#root::Shape::ANY) } else { owned_shape(param, root) };
    let optional = (param.absence != Absence::Refused).then(|| quote!(.optional()));
    quote!(#root::Param::new(#name).docs(#docs).shape(#shape) #optional)
}

fn owned_shape(param: &Param, root: &TokenStream) -> TokenStream {
    let ty = param.lent.owned();
    quote_spanned!(at(param.ty.span())=> <#root::__private::Probe<#ty>>::SHAPE)
}

fn shape(ty: &Type, root: &TokenStream) -> TokenStream {
    quote_spanned!(at(ty.span())=> <#root::__private::Probe<#ty>>::SHAPE)
}
