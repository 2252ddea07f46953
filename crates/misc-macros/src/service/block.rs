//! The impl block, with what is in it for the service.

use proc_macro2::{Span, TokenStream};
use quote::format_ident;
use syn::{Expr, Generics, Ident, ImplItem, ImplItemFn, ItemImpl, Path, Type, parse::Parser, spanned::Spanned};

use super::{
    context::Context,
    graph,
    method::{self, Shape},
    task::Task,
};
use crate::{
    attributes::take,
    entry,
    errors::Errors,
    keys::Keys,
    owner::{self, Owner},
};

const OWNERS: &[Owner] = &[("misc-scheduler", None), ("misc-rs", Some("scheduler"))];

/// What `#[service]` is on.
pub(crate) struct Block {
    pub(crate) item: ItemImpl,
    /// The path of the crate that owns the macro; nothing if it is not there.
    pub(crate) root: TokenStream,
    pub(crate) ty: Type,
    /// The last word of its path.
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    /// The name of the type that is the handle of its tasks.
    pub(crate) handle: Ident,
    /// The scheduler that the tasks are added to, if it is not a plain one.
    pub(crate) scheduler: Option<Expr>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) contexts: Vec<Context>,
    /// There is a `run` beside the tasks.
    pub(crate) runs: bool,
}

impl Block {
    /// Reads the block, takes the attributes out of it, and finds what is wrong with them.
    pub(crate) fn read(arguments: TokenStream, mut item: ItemImpl, errors: &mut Errors) -> Self {
        let entries = errors.keep(entry::list.parse2(arguments)).unwrap_or_default();
        let keys = Keys::of(entries, &["tasks", "scheduler", "crate"], errors);
        let root = owner::root(OWNERS, "service", &keys, errors);
        let name = type_name(&item.self_ty, errors);
        let given = keys.value("tasks", errors).map(|value| syn::parse2(quote::quote!(#value)));
        let handle = given.and_then(|given| errors.keep(given)).unwrap_or_else(|| format_ident!("{name}Tasks"));
        let mut block = Self {
            root,
            ty: (*item.self_ty).clone(),
            generics: item.generics.clone(),
            handle,
            name,
            scheduler: keys.value("scheduler", errors).cloned(),
            tasks: Vec::new(),
            contexts: Vec::new(),
            runs: false,
            item: item.clone(),
        };
        let mut items = Vec::new();
        let mut has_tasks = false;
        for item in item.items.drain(..) {
            match item {
                ImplItem::Fn(function) => has_tasks |= block.read_method(function, &mut items, errors),
                other => items.push(other),
            }
        }
        block.item.items = items;
        block.check(has_tasks, errors);
        block
    }

    /// Reads a method, and puts what becomes of it into `items`; returns whether it is a task.
    fn read_method(&mut self, mut function: ImplItemFn, items: &mut Vec<ImplItem>, errors: &mut Errors) -> bool {
        let tasks = take(&mut function.attrs, "task");
        let contexts = take(&mut function.attrs, "context");
        match (&tasks[..], &contexts[..]) {
            ([], []) if function.sig.ident == "run" => {
                self.runs = method::check(&function, Shape::Run, errors);
            }
            ([], []) => {}
            ([task], []) => self.tasks.extend(Task::read(task, &function, errors)),
            ([], [context]) => {
                if let Some(context) = Context::read(context, &function, &self.root, errors) {
                    items.extend(context.methods(&self.root, function));
                    self.contexts.push(context);
                    return false;
                }
            }
            ([_, second, ..], []) => {
                errors
                    .at(second.span(), "a method is a task once: for several triggers write `trigger = any_of([..])`");
            }
            (_, [first, ..]) => errors.at(first.span(), "a method is a `#[context]` once, and no `#[task]`"),
        }
        if !tasks.is_empty() {
            function.attrs.push(method::may_await_nothing());
        }
        items.push(ImplItem::Fn(function));
        !tasks.is_empty()
    }

    fn check(&self, has_tasks: bool, errors: &mut Errors) {
        if !has_tasks {
            let cure =
                "there is no `#[task]` in this block: mark a method with it, or implement `Service` for the type";
            errors.at(Span::call_site(), cure);
        }
        for lifetime in self.generics.lifetimes() {
            errors.at(lifetime.span(), "a service owns what it works on: it has no lifetimes");
        }
        graph::check(self, errors);
    }
}

/// Returns the name of the type.
fn type_name(ty: &Type, errors: &mut Errors) -> Ident {
    let last = match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    last.map(|last| last.ident.clone()).unwrap_or_else(|| {
        errors.at(ty.span(), "a service is a type of yours: `impl Monitor { .. }`");
        Ident::new("Service", ty.span())
    })
}

/// Returns the name that a path has, if it is that of a method: `poll` or `Self::poll`.
pub(super) fn method_of(path: &Path) -> Option<&Ident> {
    let segments: Vec<_> = path.segments.iter().collect();
    match segments[..] {
        [method] => Some(&method.ident),
        [first, method] if first.ident == "Self" => Some(&method.ident),
        _ => None,
    }
}
