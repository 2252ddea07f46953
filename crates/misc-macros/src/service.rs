//! `#[service]`: makes an impl block with tasks a service.

mod block;
mod context;
mod graph;
mod handle;
mod method;
mod policy;
mod task;
mod trigger;
mod value;
mod write;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Item, parse2};

use self::block::Block;
use crate::errors::Errors;

/// Writes what the block is without its attributes, and what makes it a service; and all that is wrong with it.
pub(crate) fn expand(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let block = match parse2(item.clone()) {
        Ok(Item::Impl(block)) if block.trait_.is_none() => block,
        _ => {
            let cure = "`#[service]` stands at an impl block of a type: `#[service] impl Monitor { .. }`";
            let error = Error::new(proc_macro2::Span::call_site(), cure).to_compile_error();
            return quote!(#error #item);
        }
    };
    let mut errors = Errors::default();
    let block = Block::read(arguments, block, &mut errors);
    let written = write::block(&block, &mut errors);
    let errors = errors.finish(()).err().map(|error| error.to_compile_error());
    quote!(#errors #written)
}
