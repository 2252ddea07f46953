//! `#[task]`: what a method says about when it runs, and how.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Attribute, Error, Expr, ExprArray, ExprLit, Ident, ImplItemFn, Lit, LitStr, Pat, Result, Type, Visibility,
    ext::IdentExt as _,
};

use super::{
    block::method_of,
    method::{self, Shape},
    policy, trigger,
};
use crate::{
    attributes::{conditions, docs, entries},
    errors::Errors,
    keys::Keys,
    literal,
    place::{at, local, moved},
};

const KEYS: &[&str] = &[
    "every",
    "interval",
    "daily",
    "cron",
    "at",
    "once",
    "after",
    "manual",
    "trigger",
    "fixed_delay",
    "initial_delay",
    "immediately",
    "aligned",
    "start_time",
    "tz",
    "every_days",
    "starting",
    "background",
    "on",
    "until",
    "limit",
    "name",
    "overlap",
    "concurrency",
    "misfire",
    "grace",
    "timeout",
    "retry",
    "jitter",
    "on_stop",
    "on_failure",
    "stuck_after",
    "local",
    "rerun_after",
];

/// A method that is a task.
pub(crate) struct Task {
    pub(crate) method: Ident,
    pub(crate) conditions: Vec<Attribute>,
    pub(crate) docs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) name: String,
    pub(crate) parents: Vec<Parent>,
    keys: Keys,
    trigger: Option<&'static str>,
    /// Names and types, those of tasks on demand.
    pub(crate) arguments: Vec<(Ident, Type)>,
    function: ImplItemFn,
    /// Something is wrong with what is said about it.
    is_broken: bool,
}

/// A task that another one runs after.
pub(crate) struct Parent {
    pub(crate) to: To,
    pub(crate) place: Span,
}

/// How it is called.
pub(crate) enum To {
    Method(Ident),
    Name(String),
}

impl Task {
    pub(crate) fn read(attribute: &Attribute, function: &ImplItemFn, errors: &mut Errors) -> Option<Self> {
        let before = errors.count();
        let keys = Keys::of(entries(attribute, errors)?, KEYS, errors);
        let trigger = trigger::key(&keys, errors);
        trigger::check_options(trigger, &keys, errors);
        if trigger.is_none() {
            refuse_policies(&keys, errors);
        }
        let shape = if trigger.is_some() { Shape::Scheduled } else { Shape::OnDemand };
        let is_right = method::check(function, shape, errors);
        let method = function.sig.ident.clone();
        let name = keys.value("name", errors).and_then(|value| errors.keep(literal::string(value)));
        let name = name.map_or_else(|| method.unraw().to_string(), LitStr::value);
        let parents = keys.value("after", errors).map(parents).and_then(|parents| errors.keep(parents));
        let task = Self {
            conditions: conditions(&function.attrs),
            docs: docs(&function.attrs),
            vis: function.vis.clone(),
            name,
            parents: parents.unwrap_or_default(),
            trigger,
            arguments: arguments(function),
            function: function.clone(),
            is_broken: errors.count() > before,
            method,
            keys,
        };
        is_right.then_some(task)
    }

    /// Tells whether it runs when its handle says so.
    pub(crate) fn is_on_demand(&self) -> bool {
        self.trigger.is_none()
    }

    /// Returns where it is said that it runs after others.
    pub(crate) fn place(&self) -> Span {
        self.keys.span("after").unwrap_or_else(|| self.method.span())
    }

    /// Returns the field that its handle is in, which is also the method that starts it.
    pub(crate) fn field(&self) -> Ident {
        format_ident!("{}", self.method, span = at(self.method.span()))
    }

    /// Returns the variable that its handle is in.
    pub(crate) fn variable(&self) -> Ident {
        local(&format!("{}_handle", self.method.unraw()), self.method.span())
    }

    /// Returns the types of its arguments, as a tuple, and of its result.
    pub(crate) fn types(&self, root: &TokenStream) -> (TokenStream, TokenStream) {
        let types = self.arguments.iter().map(|(_, ty)| ty);
        let success = method::success(&self.function, root).unwrap_or_else(|| quote!(()));
        (quote!((#(#types,)*)), success)
    }

    /// Writes how it is added to the scheduler; nothing where that would be wrong in more ways than were told, but what runs
    /// on demand stays in the handle.
    pub(crate) fn write(&self, parents: &[String], root: &TokenStream, errors: &mut Errors) -> Option<TokenStream> {
        let before = errors.count();
        let policies = policy::calls(&self.keys, root, errors);
        let trigger = self.trigger.map(|trigger| trigger::write(trigger, &self.keys, parents, root, errors));
        let is_broken = self.is_broken || errors.count() > before || parents.len() < self.parents.len();
        match trigger {
            Some(trigger) if !is_broken => Some(self.write_scheduled(&trigger?, &policies, root)),
            Some(_) => None,
            None if is_broken => Some(self.write_on_demand(&TokenStream::new(), root)),
            None => Some(self.write_on_demand(&policies, root)),
        }
    }

    fn write_scheduled(&self, trigger: &TokenStream, policies: &TokenStream, root: &TokenStream) -> TokenStream {
        let Self { method, conditions, name, .. } = self;
        let root = moved(root, method.span());
        let (scheduler, this, run) =
            (local("scheduler", method.span()), local("this", method.span()), local("run", method.span()));
        let has_run = method::arguments(&self.function).next().is_some();
        let (given, taken) = if has_run { (quote!(#run), quote!(, #run)) } else { (quote!(_), quote!()) };
        quote_spanned! {at(method.span())=>
            #(#conditions)*
            let #scheduler = #scheduler.add(
                #root::__private::task(
                    #name,
                    #trigger,
                    #this,
                    async |#this: #root::__private::This<Self>, #given: #root::Run| Self::#method(&#this #taken).await
                ) #policies
            );
        }
    }

    fn write_on_demand(&self, policies: &TokenStream, root: &TokenStream) -> TokenStream {
        let Self { method, conditions, name, arguments, .. } = self;
        let root = moved(root, method.span());
        let (names, types): (Vec<_>, Vec<_>) = arguments.iter().map(|(name, ty)| (name, ty)).unzip();
        let (scheduler, this, task, variable) = (
            local("scheduler", method.span()),
            local("this", method.span()),
            local("task", method.span()),
            self.variable(),
        );
        quote_spanned! {at(method.span())=>
            #(#conditions)*
            let (#variable, #task) = #root::__private::on_demand(
                #name,
                #this,
                async |#this: #root::__private::This<Self>, (#(#names,)*): (#(#types,)*)| {
                    Self::#method(&#this #(, #names)*).await
                }
            );
            #(#conditions)*
            let #scheduler = #scheduler.add(#task #policies);
        }
    }
}

fn refuse_policies(keys: &Keys, errors: &mut Errors) {
    let policies = KEYS.iter().filter(|key| policy::needs_trigger(key) && **key != "background");
    for key in policies {
        if let Some(place) = keys.span(key) {
            let cure = "give it a trigger, such as `every`, `daily`, `cron`, `once`, `after` or `manual`";
            errors.at(place, format!("`{key}` says nothing for a task that runs on demand: {cure}"));
        }
    }
}

/// Names the arguments, also those that are taken apart.
fn arguments(function: &ImplItemFn) -> Vec<(Ident, Type)> {
    let named = |(at, argument): (usize, &syn::PatType)| {
        let name = match &*argument.pat {
            Pat::Ident(name) => name.ident.clone(),
            _ => format_ident!("argument_{}", at + 1),
        };
        (name, (*argument.ty).clone())
    };
    method::arguments(function).enumerate().map(named).collect()
}

/// Reads whom a task runs after: a method, a name, or an array of them.
fn parents(value: &Expr) -> Result<Vec<Parent>> {
    match literal::bare(value) {
        Expr::Array(ExprArray { elems, bracket_token, .. }) if elems.is_empty() => {
            Err(Error::new(bracket_token.span.join(), "it runs after no task at all: name one"))
        }
        Expr::Array(array) => array.elems.iter().map(parent).collect(),
        other => Ok(vec![parent(other)?]),
    }
}

fn parent(value: &Expr) -> Result<Parent> {
    let usage = "name a task by its method: `after = poll`, or `after = [poll, sweep]`";
    match literal::bare(value) {
        Expr::Path(path) => {
            let method = method_of(&path.path).ok_or_else(|| Error::new_spanned(path, usage))?;
            Ok(Parent { to: To::Method(method.clone()), place: method.span() })
        }
        Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => Ok(Parent { to: To::Name(name.value()), place: name.span() }),
        other => Err(Error::new_spanned(other, usage)),
    }
}
