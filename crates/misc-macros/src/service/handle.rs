//! The handle of the tasks: a type with a method for each that runs on demand.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::{block::Block, method::without_self, task::Task};
use crate::place::at;

/// Writes the type.
pub(crate) fn write(block: &Block, on_demand: &[&Task]) -> TokenStream {
    let Block { root, ty, generics, handle, .. } = block;
    let (params, arguments, conditions) = generics.split_for_impl();
    let docs = format!("Starts the tasks of `{}` that run on demand; for all of them, it is a `Tasks`.", block.name);
    let name = handle.to_string();
    let fields = on_demand.iter().map(|task| field(task, block));
    let clones: Vec<_> = on_demand
        .iter()
        .map(|task| {
            let (conditions, field) = (&task.conditions, task.field());
            quote!(#(#conditions)* #field: ::core::clone::Clone::clone(&self.#field),)
        })
        .collect();
    let methods = on_demand.iter().map(|task| method(task, block));
    quote! {
        #[doc = #docs]
        pub struct #handle #params #conditions {
            __tasks: #root::Tasks,
            #(#fields)*
            __service: ::core::marker::PhantomData<fn() -> #ty>,
        }

        impl #params #handle #arguments #conditions {
            #(#methods)*
        }

        #[automatically_derived]
        impl #params ::core::clone::Clone for #handle #arguments #conditions {
            fn clone(&self) -> Self {
                Self {
                    __tasks: ::core::clone::Clone::clone(&self.__tasks),
                    #(#clones)*
                    __service: ::core::marker::PhantomData,
                }
            }
        }

        #[automatically_derived]
        impl #params ::core::fmt::Debug for #handle #arguments #conditions {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_tuple(#name).field(&self.__tasks).finish()
            }
        }

        #[automatically_derived]
        impl #params ::core::ops::Deref for #handle #arguments #conditions {
            type Target = #root::Tasks;

            fn deref(&self) -> &#root::Tasks {
                &self.__tasks
            }
        }
    }
}

fn field(task: &Task, block: &Block) -> TokenStream {
    let (conditions, field, root) = (&task.conditions, task.field(), &block.root);
    let (arguments, success) = types(task, block);
    quote!(#(#conditions)* #field: #root::OnDemand<#arguments, #success>,)
}

fn method(task: &Task, block: &Block) -> TokenStream {
    let Task { conditions, docs, vis, .. } = task;
    let (field, root) = (task.field(), &block.root);
    let names: Vec<_> = task.arguments.iter().map(|(name, _)| name).collect();
    let types_of = task.arguments.iter().map(|(_, ty)| without_self(quote!(#ty), &block.ty));
    let (_, success) = types(task, block);
    let docs = if docs.is_empty() {
        let docs = format!("Starts the task `{}`; awaiting what is returned gives its result.", task.name);
        quote!(#[doc = #docs])
    } else {
        quote!(#(#docs)*)
    };
    quote_spanned! {at(task.method.span())=>
        #docs
        #(#conditions)*
        #vis fn #field(&self #(, #names: #types_of)*) -> #root::Running<#success> {
            self.#field.start((#(#names,)*))
        }
    }
}

fn types(task: &Task, block: &Block) -> (TokenStream, TokenStream) {
    let (arguments, success) = task.types(&block.root);
    (without_self(arguments, &block.ty), without_self(success, &block.ty))
}
