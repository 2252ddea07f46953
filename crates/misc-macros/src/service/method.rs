//! What the methods look like.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{
    Attribute, FnArg, GenericArgument, ImplItemFn, PatType, PathArguments, ReceiverKind, ReturnType, Type, parse_quote,
    spanned::Spanned as _,
};

use crate::{
    errors::Errors,
    place::{at, moved},
};

/// What a method is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A task that runs by itself.
    Scheduled,
    OnDemand,
    Context,
    /// What runs beside the tasks.
    Run,
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Self::Scheduled | Self::OnDemand => "a task",
            Self::Context => "a context",
            Self::Run => "`run`",
        }
    }
}

/// Finds what keeps a method from being of a shape; returns whether it is.
pub(crate) fn check(function: &ImplItemFn, shape: Shape, errors: &mut Errors) -> bool {
    let (sig, name) = (&function.sig, shape.name());
    let mut found = Vec::new();
    if sig.asyncness.is_none() {
        found.push((sig.fn_token.span, format!("{name} is an `async fn`")));
    }
    match sig.receiver() {
        None => found.push((sig.ident.span(), format!("{name} works on the service: it takes `&self`"))),
        Some(receiver) => match receiver.kind {
            ReceiverKind::Reference(_, _, None) => {}
            ReceiverKind::Reference(_, _, Some(_)) => {
                let cure = "what changes goes into a `Mutex` or an atomic";
                let message = format!("{name} shares the service with others: it takes `&self`, and {cure}");
                found.push((receiver.span(), message));
            }
            _ => found.push((receiver.span(), format!("{name} shares the service with others: it takes `&self`"))),
        },
    }
    if let Some(param) = sig.generics.params.first() {
        found.push((param.span(), format!("{name} has no parameters of its own: name the types")));
    }
    check_arguments(function, shape, &mut found);
    let is_right = found.is_empty();
    for (place, message) in found {
        errors.at(place, message);
    }
    is_right
}

fn check_arguments(function: &ImplItemFn, shape: Shape, found: &mut Vec<(proc_macro2::Span, String)>) {
    let all: Vec<_> = arguments(function).collect();
    match (shape, &all[..]) {
        (Shape::Scheduled, []) | (Shape::Context, []) | (Shape::Run, [_]) => {}
        (Shape::Scheduled, [run]) if is_run(&run.ty) => {}
        (Shape::Scheduled, [first, ..]) => {
            let cure = "one without a trigger runs on demand, and takes what it is started with";
            found.push((first.span(), format!("a task that runs by itself takes nothing, or a `Run`; {cure}")));
        }
        (Shape::Context, [first, ..]) => found.push((first.span(), "a context takes `&self` alone".to_owned())),
        (Shape::Run, _) => {
            let shape = "`async fn run(&self, ctx: Context) -> Result<(), BoxError>`";
            found.push((function.sig.ident.span(), format!("what runs beside the tasks is {shape}")));
        }
        (Shape::OnDemand, all) => {
            for argument in all {
                match &*argument.ty {
                    Type::Reference(ty) if ty.lifetime.as_ref().is_none_or(|name| name.ident != "static") => {
                        found.push((
                            ty.span(),
                            "a run owns its arguments: it may outlive who has started it".to_owned(),
                        ));
                    }
                    Type::ImplTrait(ty) => {
                        found.push((ty.span(), "name the type: it is that of the handle, too".to_owned()));
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Returns what keeps strict users' clippy from asking for an `.await`: a task is async, whatever it does.
pub(crate) fn may_await_nothing() -> Attribute {
    parse_quote!(#[allow(clippy::unused_async, reason = "it is called as an async function, whatever it does")])
}

/// Lists the arguments after `self`.
pub(crate) fn arguments(function: &ImplItemFn) -> impl Iterator<Item = &PatType> {
    function.sig.inputs.iter().filter_map(|argument| match argument {
        FnArg::Typed(argument) => Some(argument),
        FnArg::Receiver(_) => None,
    })
}

/// Tells whether a type is the scheduler's `Run`, by its name.
fn is_run(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Run"))
}

/// Returns the type of what a method returns if it succeeds; `None` if it returns nothing.
pub(crate) fn success(function: &ImplItemFn, root: &TokenStream) -> Option<TokenStream> {
    let ty = match &function.sig.output {
        ReturnType::Default => return None,
        ReturnType::Type(_, ty) => ty,
    };
    if matches!(&**ty, Type::Tuple(unit) if unit.elems.is_empty()) {
        return None;
    }
    // A `Result` is told by its name, as whatever crate it is of has what succeeds first; so signatures stay legible.
    let inner = match &**ty {
        Type::Path(path) => path.path.segments.last().filter(|last| last.ident == "Result").and_then(first_argument),
        _ => None,
    };
    let root = moved(root, ty.span());
    let computed = || quote_spanned!(at(ty.span())=> <#ty as #root::__private::Returned>::Value);
    Some(inner.map_or_else(computed, |inner| quote!(#inner)))
}

fn first_argument(segment: &syn::PathSegment) -> Option<&Type> {
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first()? {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        },
        _ => None,
    }
}

/// Writes a type where `Self` is another one.
pub(crate) fn without_self(ty: TokenStream, this: &Type) -> TokenStream {
    ty.into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(ident) if ident == "Self" => this.to_token_stream(),
            TokenTree::Group(group) => {
                let inside = without_self(group.stream(), this);
                let mut written = proc_macro2::Group::new(group.delimiter(), inside);
                written.set_span(group.span());
                TokenTree::from(written).into()
            }
            other => other.into(),
        })
        .collect()
}
