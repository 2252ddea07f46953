//! `#[rpc]`: makes a trait a contract, with a server, a client and a mock.

mod checks;
mod client;
mod contract;
mod lent;
mod mock;
mod names;
mod output;
mod owned;
mod param;
mod params;
mod procedure;
mod server;
mod table;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Error, Item, parse2};

use self::contract::Contract;
use crate::errors::Errors;

/// Writes the trait as it is to be implemented, and what stands beside it; and all that is wrong with it.
pub(crate) fn expand(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let Ok(Item::Trait(found)) = parse2(item.clone()) else {
        let cure = "`#[rpc]` stands at a trait, `#[rpc] pub trait Users { .. }`, and `#[rpc(..)]` at its methods";
        let error = Error::new(Span::call_site(), cure).to_compile_error();
        return quote!(#error #item);
    };
    let mut errors = Errors::default();
    let contract = Contract::read(arguments, found, &mut errors);
    let errors = errors.finish(()).err().map(|error| error.to_compile_error());
    let contract = Contract { is_broken: errors.is_some(), ..contract };
    let item = &contract.item;
    if contract.root.is_empty() {
        return quote!(#errors #item);
    }
    let (item, client, mock) = (server::write(&contract), client::write(&contract), mock::write(&contract));
    let checks = checks::write(&contract);
    quote!(#errors #item #client #mock #checks)
}
