//! `#[context]`: what is opened before the tasks, and closed after them.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Attribute, Expr, Ident, ImplItem, ImplItemFn, ext::IdentExt as _, parse_quote_spanned, spanned::Spanned as _,
};

use super::method::{self, Shape};
use crate::{
    attributes::{conditions, docs, entries},
    errors::Errors,
    keys::Keys,
    place::{at, local, moved},
};

/// A method that opens something.
pub(crate) struct Context {
    method: Ident,
    conditions: Vec<Attribute>,
    /// What it opens.
    ty: TokenStream,
    close: Option<Expr>,
}

impl Context {
    pub(crate) fn read(
        attribute: &Attribute,
        function: &ImplItemFn,
        root: &TokenStream,
        errors: &mut Errors,
    ) -> Option<Self> {
        let keys = Keys::of(entries(attribute, errors)?, &["close"], errors);
        let close = keys.value("close", errors).cloned();
        let is_right = method::check(function, Shape::Context, errors);
        let Some(ty) = method::success(function, root) else {
            errors.at(
                function.sig.ident.span(),
                "a context returns what it opens, or an error: `Result<Pool, BoxError>`",
            );
            return None;
        };
        let (method, conditions) = (function.sig.ident.clone(), conditions(&function.attrs));
        is_right.then_some(Self { method, conditions, ty, close })
    }

    /// Writes the method under another name, and in its place one that returns what it has opened.
    pub(crate) fn methods(&self, root: &TokenStream, function: ImplItemFn) -> [ImplItem; 2] {
        let Self { method, conditions, ty, .. } = self;
        let (name, docs, vis) = (self.name(), docs(&function.attrs), &function.vis);
        let place = at(function.sig.output.span());
        let root = moved(root, place);
        let get = parse_quote_spanned! {place=>
            #(#docs)*
            #(#conditions)*
            #vis async fn #method(&self) -> ::core::result::Result<#ty, #root::NotOpen> {
                #root::__private::opened(self, #name).await
            }
        };
        let mut open = function;
        open.attrs.retain(|attribute| !attribute.path().is_ident("doc"));
        open.attrs.push(method::may_await_nothing());
        open.vis = syn::Visibility::Inherited;
        open.sig.ident = self.opener();
        [ImplItem::Fn(get), ImplItem::Fn(open)]
    }

    /// Writes how it is opened and closed.
    pub(crate) fn write(&self, root: &TokenStream) -> TokenStream {
        let Self { method, conditions, ty, close } = self;
        let root = moved(root, method.span());
        let (contexts, this) = (local("contexts", method.span()), local("this", method.span()));
        let (name, opener) = (self.name(), self.opener());
        let close = close.as_ref().map_or_else(|| quote!(|_: &#ty| ::core::future::ready(())), |close| quote!(#close));
        quote_spanned! {at(method.span())=>
            #(#conditions)*
            #contexts.add(
                #name,
                async |#this: #root::__private::This<Self>| Self::#opener(&#this).await,
                #close
            );
        }
    }

    fn name(&self) -> String {
        self.method.unraw().to_string()
    }

    fn opener(&self) -> Ident {
        format_ident!("__open_{}", self.method.unraw(), span = at(self.method.span()))
    }
}
