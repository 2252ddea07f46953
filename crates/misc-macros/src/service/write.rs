//! Writes what makes the block a service.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{parse_quote, spanned::Spanned as _};

use super::{block::Block, graph, handle};
use crate::{
    errors::Errors,
    place::{at, local},
};

/// Writes the block, and what it becomes.
pub(crate) fn block(block: &Block, errors: &mut Errors) -> TokenStream {
    let item = &block.item;
    if block.root.is_empty() || block.generics.lifetimes().next().is_some() {
        return quote!(#item);
    }
    // What is wrong was told: the rest is written all the same, so that nothing else is missing.
    let mut on_demand = Vec::new();
    let mut added = TokenStream::new();
    for task in &block.tasks {
        let parents = graph::parents(&block.tasks, task);
        if let Some(written) = task.write(&parents, &block.root, errors) {
            added.extend(written);
            on_demand.extend(task.is_on_demand().then_some(task));
        }
    }
    let handle = handle::write(block, &on_demand);
    let fields = on_demand.iter().map(|task| {
        let (conditions, field, variable) = (&task.conditions, task.field(), task.variable());
        quote!(#(#conditions)* #field: #variable,)
    });
    let service = service(block, &added, &quote!(#(#fields)*));
    quote!(#item #handle #service)
}

fn service(block: &Block, added: &TokenStream, fields: &TokenStream) -> TokenStream {
    let Block { root, ty, handle, .. } = block;
    let private = quote!(#root::__private);
    let (params, arguments, _) = block.generics.split_for_impl();
    let mut bounded = block.generics.clone();
    if bounded.type_params().next().is_some() {
        let bound = parse_quote!(Self: ::core::marker::Send + ::core::marker::Sync + 'static);
        bounded.make_where_clause().predicates.push(bound);
    }
    let (_, _, bounded) = bounded.split_for_impl();
    let (scheduler, this) = (local("scheduler", Span::call_site()), local("this", Span::call_site()));
    let base = block.scheduler.as_ref().map_or_else(|| quote!(#root::Scheduler::new()), |base| quote!(#base));
    let (contexts, beside) = (contexts(block), beside(block));
    let tasked = quote_spanned!(at(ty.span())=> #private::Tasked for #ty);
    quote! {
        impl #params #ty #bounded {
            /// Returns a handle on its tasks, and the service to register.
            pub fn with_tasks(self) -> (#handle #arguments, #root::WithTasks<Self>) {
                #root::WithTasks::new(self)
            }
        }

        #[automatically_derived]
        impl #params #tasked #bounded {
            type Tasks = #handle #arguments;

            fn tasks(&self, #this: &#private::This<Self>) -> (#root::Scheduler, Self::Tasks) {
                let #scheduler = #base;
                #added
                let __tasks = #scheduler.handle();
                (#scheduler, #handle { __tasks, #fields __service: ::core::marker::PhantomData })
            }

            #contexts
            #beside
        }

        #[automatically_derived]
        impl #params #private::Service for #ty #bounded {
            fn run(
                self,
                ctx: #private::Context,
            ) -> impl ::core::future::Future<Output = ::core::result::Result<(), #private::BoxError>> + ::core::marker::Send {
                #private::Service::run(#root::WithTasks::new(self).1, ctx)
            }

            fn describe(&mut self, plan: &mut #private::Plan) {
                #private::describe(self, plan);
            }
        }
    }
}

fn contexts(block: &Block) -> Option<TokenStream> {
    let (root, contexts) = (&block.root, local("contexts", Span::call_site()));
    let all = block.contexts.iter().map(|context| context.write(root));
    (!block.contexts.is_empty()).then(|| {
        quote! {
            fn contexts(#contexts: &mut #root::__private::Contexts<Self>) {
                #(#all)*
            }
        }
    })
}

fn beside(block: &Block) -> Option<TokenStream> {
    let root = &block.root;
    block.runs.then(|| {
        quote! {
            const RUNS: bool = true;

            async fn beside(
                this: #root::__private::This<Self>,
                ctx: #root::__private::Context,
            ) -> ::core::result::Result<(), #root::__private::BoxError> {
                Self::run(&this, ctx).await
            }
        }
    })
}
