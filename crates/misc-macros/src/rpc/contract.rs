//! The trait, with the procedures that are in it.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident};
use syn::{
    Attribute, Expr, ItemTrait, TraitItem, TypeParamBound, ext::IdentExt as _, parse::Parser as _, parse_quote,
    spanned::Spanned as _,
};

use super::{names, procedure::Procedure};
use crate::{
    attributes::docs,
    entry,
    errors::Errors,
    keys::Keys,
    literal,
    owner::{self, Owner},
    place::at,
};

const OWNERS: &[Owner] = &[("misc-rpc", None), ("misc-rs", Some("rpc"))];

/// What `#[rpc]` is on.
pub(crate) struct Contract {
    /// The trait as it is to be implemented, but for what it provides.
    pub(crate) item: ItemTrait,
    /// The path of the crate that owns the macro; nothing if it is not there.
    pub(crate) root: TokenStream,
    pub(crate) docs: Vec<Attribute>,
    pub(crate) client: Ident,
    pub(crate) mock: Ident,
    pub(crate) procedures: Vec<Procedure>,
    /// Something is wrong with it, which was told.
    pub(crate) is_broken: bool,
}

impl Contract {
    /// Reads the trait, rewrites what is right in it, and finds what is not.
    pub(crate) fn read(arguments: TokenStream, mut item: ItemTrait, errors: &mut Errors) -> Self {
        let entries = errors.keep(entry::list.parse2(arguments)).unwrap_or_default();
        let keys = Keys::of(entries, &["namespace", "client", "mock", "crate"], errors);
        let root = owner::root(OWNERS, "rpc", &keys, errors);
        let named = |key, suffix, errors: &mut Errors| {
            let given = keys.value(key, errors).map(ident).and_then(|given| errors.keep(given));
            given.unwrap_or_else(|| format_ident!("{}{suffix}", item.ident.unraw(), span = at(item.ident.span())))
        };
        let (client, mock) = (named("client", "Client", errors), named("mock", "Mock", errors));
        let prefix = names::prefix(&keys, errors);
        check(&item, errors);
        let mut contract = Self {
            root,
            docs: docs(&item.attrs),
            client,
            mock,
            procedures: Vec::new(),
            is_broken: false,
            item: item.clone(),
        };
        contract.item.items = item.items.drain(..).map(|item| contract.read_item(item, &prefix, errors)).collect();
        add_supertraits(&mut contract.item);
        names::check(&mut contract, errors);
        contract
    }

    /// Tells whether the trait has, wrongly, what is to be provided.
    pub(crate) fn has_own_into_rpc(&self) -> bool {
        self.item
            .items
            .iter()
            .any(|item| matches!(item, TraitItem::Fn(function) if function.sig.ident == names::INTO_RPC))
    }

    fn read_item(&mut self, item: TraitItem, prefix: &str, errors: &mut Errors) -> TraitItem {
        match item {
            TraitItem::Fn(mut function) => {
                self.procedures.extend(Procedure::read(&mut function, prefix, errors));
                TraitItem::Fn(function)
            }
            other => {
                let cure = "a contract has async methods and nothing else: name the type, or write it beside the trait";
                errors.at(other.span(), cure);
                other
            }
        }
    }
}

/// Reads what a type is called.
fn ident(value: &Expr) -> syn::Result<Ident> {
    syn::parse2(literal::bare(value).to_token_stream())
        .map_err(|_| syn::Error::new_spanned(value, "write the name of a type, such as `UsersClient`"))
}

fn check(item: &ItemTrait, errors: &mut Errors) {
    if let Some(param) = item.generics.params.first() {
        errors.at(param.span(), "a contract has no parameters: name the types, or write a trait for each");
    }
    if let Some(unsafety) = &item.unsafety {
        errors.at(unsafety.span, "a contract is a safe trait: leave `unsafe` out");
    }
    if let Some(auto) = &item.modifiers.auto_token {
        errors.at(auto.span, "a contract has methods: leave `auto` out");
    }
    if !item.items.iter().any(|item| matches!(item, TraitItem::Fn(_))) {
        let cure = "there is no method in this trait: write one, `async fn get_user(&self, id: u64) -> User;`";
        errors.at(item.ident.span(), cure);
    }
}

/// Adds what calls need, so far as it is not said.
fn add_supertraits(item: &mut ItemTrait) {
    let says = |name: &str| {
        item.supertraits.iter().any(|bound| match bound {
            TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| last.ident == name),
            TypeParamBound::Lifetime(lifetime) => lifetime.ident == name,
            _ => false,
        })
    };
    let needed: [(&str, TypeParamBound); 3] = [
        ("Send", parse_quote!(::core::marker::Send)),
        ("Sync", parse_quote!(::core::marker::Sync)),
        ("static", parse_quote!('static)),
    ];
    let missing: Vec<_> = needed.into_iter().filter(|(name, _)| !says(name)).map(|(_, bound)| bound).collect();
    item.colon_token = Some(item.colon_token.unwrap_or_default());
    item.supertraits.extend(missing);
}
