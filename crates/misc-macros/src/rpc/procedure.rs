//! A method of the trait, which is a procedure.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{
    Attribute, FnArg, ReceiverKind, ReturnType, Safety, Signature, TraitItemFn, ext::IdentExt as _, parse_quote,
    parse_quote_spanned, spanned::Spanned as _,
};

use super::{names, output::Output, param::Param};
use crate::{
    attributes::{conditions, docs, named, take},
    errors::Errors,
    keys::Keys,
    literal,
    place::at,
};

/// One of the procedures.
pub(crate) struct Procedure {
    pub(crate) method: Ident,
    /// Its name on the wire.
    pub(crate) name: String,
    pub(crate) named_at: Span,
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) docs: Vec<Attribute>,
    pub(crate) deprecated: Vec<Attribute>,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Output,
    pub(crate) is_idempotent: bool,
    pub(crate) is_notification: bool,
}

impl Procedure {
    /// Reads a method, and makes it what is to be implemented; returns nothing if something is wrong with it.
    pub(crate) fn read(function: &mut TraitItemFn, prefix: &str, errors: &mut Errors) -> Option<Self> {
        let before = errors.count();
        let attributes = take(&mut function.attrs, "rpc");
        let keys = Keys::read(&attributes, "rpc", &["idempotent", "name", "notification"], errors);
        check(&function.sig, errors);
        let has_body = function.default.is_some();
        let inputs = function.sig.inputs.iter_mut().filter_map(|input| match input {
            FnArg::Typed(argument) => Some(argument),
            FnArg::Receiver(_) => None,
        });
        let params: Vec<_> = inputs.filter_map(|argument| Param::read(argument, has_body, errors)).collect();
        check_params(&params, errors);
        let output = Output::read(&function.sig.output, errors);
        let notification = keys.flag("notification", errors);
        if let Some(place) = notification.filter(|_| !output.is_nothing()) {
            errors.at(place, "nobody answers a notification: it returns nothing, or leave `notification` out");
        }
        let (name, named_at) = name(&keys, &function.sig.ident, prefix, errors);
        let procedure = Self {
            method: function.sig.ident.clone(),
            name,
            named_at,
            conditions: conditions(&function.attrs),
            docs: docs(&function.attrs),
            deprecated: named(&function.attrs, "deprecated"),
            params,
            is_idempotent: keys.flag("idempotent", errors).is_some(),
            is_notification: notification.is_some(),
            output,
        };
        let is_right = errors.count() == before;
        if !is_right {
            mend(&mut function.sig);
        }
        rewrite(function, &procedure.output);
        is_right.then_some(procedure)
    }

    /// Tells whether two may be there under opposite conditions.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        !self.conditions.is_empty() && !other.conditions.is_empty()
    }

    /// Returns the method as what is written beside the trait calls it.
    pub(crate) fn ident(&self) -> Ident {
        let mut ident = self.method.clone();
        ident.set_span(at(ident.span()));
        ident
    }

    /// Names the constant that describes it.
    pub(crate) fn constant(&self) -> Ident {
        Ident::new(&format!("__{}", self.method.unraw()), at(self.method.span()))
    }

    /// Lists names and types of the arguments.
    pub(crate) fn arguments(&self) -> TokenStream {
        let arguments = self.params.iter().map(|Param { ident, ty, .. }| quote!(#ident: #ty));
        quote!(#(, #arguments)*)
    }

    /// Writes its docs, or what can be said without.
    pub(crate) fn docs_or(&self, otherwise: &str) -> TokenStream {
        if self.docs.is_empty() {
            quote!(#[doc = #otherwise])
        } else {
            self.docs.iter().map(Attribute::to_token_stream).collect()
        }
    }
}

fn name(keys: &Keys, method: &Ident, prefix: &str, errors: &mut Errors) -> (String, Span) {
    let given = keys.value("name", errors).and_then(|value| errors.keep(literal::string(value)));
    let (name, place) =
        given.map_or_else(|| (method.unraw().to_string(), method.span()), |name| (name.value(), name.span()));
    if name.is_empty() {
        errors.at(place, "a procedure has a name: write one, or leave `name` out");
    }
    let name = format!("{prefix}{name}");
    if prefix.is_empty() {
        names::check_reserved(&name, place, errors);
    }
    (name, place)
}

/// Finds what keeps a method from being a procedure.
fn check(sig: &Signature, errors: &mut Errors) {
    match (&sig.asyncness, &sig.constness) {
        (_, Some(constness)) => errors.at(constness.span, "a procedure is an `async fn`: leave `const` out"),
        (None, None) => {
            errors.at(sig.fn_token.span, "a procedure is an `async fn`, as its answer takes time: write `async fn`");
        }
        (Some(_), None) => {}
    }
    if !matches!(sig.safety, Safety::Default) {
        errors.at(sig.safety.span(), "a procedure is called from elsewhere: leave `unsafe` out");
    }
    if let Some(abi) = &sig.abi {
        errors.at(abi.extern_token.span, "a procedure is called by its name on the wire: leave `extern` out");
    }
    if let Some(param) = sig.generics.params.first() {
        errors.at(param.span(), "a procedure has no parameters of its own: name the types");
    } else if let Some(condition) = &sig.generics.where_clause {
        errors.at(condition.where_token.span, "a procedure is there for all: leave `where` out");
    }
    if let Some(variadic) = &sig.variadic {
        errors.at(variadic.dots.spans[0], "a procedure has a fixed number of arguments: take a `Vec`");
    }
    check_receiver(sig, errors);
}

fn check_receiver(sig: &Signature, errors: &mut Errors) {
    let Some(receiver) = sig.receiver() else {
        return errors.at(sig.ident.span(), "a procedure is called at a server: it takes `&self`");
    };
    match receiver.kind {
        ReceiverKind::Reference(_, None, None) => {}
        ReceiverKind::Reference(_, _, Some(_)) => {
            let cure = "what changes goes into a `Mutex` or an atomic";
            errors.at(receiver.span(), format!("calls share the server: take `&self`, and {cure}"));
        }
        _ => errors.at(receiver.span(), "calls share the server: take `&self`"),
    }
}

fn check_params(params: &[Param], errors: &mut Errors) {
    for (index, param) in params.iter().enumerate() {
        if param.name.is_empty() {
            errors.at(param.ident.span(), "a parameter has a name: write one, or leave `rename` out");
        }
        if params[..index].iter().any(|other| other.name == param.name) {
            errors.at(
                param.ident.span(),
                format!("two parameters are named `{}`: give one another `rename`", param.name),
            );
        }
    }
}

/// Takes out what the compiler would find wrong once more.
fn mend(sig: &mut Signature) {
    (sig.constness, sig.safety, sig.abi, sig.variadic) = (None, Safety::Default, None, None);
}

/// Makes an `async fn` one that returns a future which any thread may run.
fn rewrite(function: &mut TraitItemFn, output: &Output) {
    if function.sig.asyncness.take().is_none() {
        return;
    }
    let (whole, place) = (&output.whole, at(function.sig.ident.span()));
    let future = quote_spanned!(place=> impl ::core::future::Future<Output = #whole> + ::core::marker::Send);
    function.sig.output = ReturnType::Type(parse_quote!(->), Box::new(syn::Type::Verbatim(future)));
    if let Some(body) = &mut function.default {
        let statements = &body.stmts;
        *body = parse_quote_spanned!(place=> { async move { #(#statements)* } });
    }
}
