//! When a task runs: the key that says it, and those that go with it.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::Expr;

use super::value::{self, plain};
use crate::{errors::Errors, keys::Keys, place::at};

/// The keys that say when a task runs, of which it has one at most.
pub(crate) const TRIGGERS: &[&str] =
    &["every", "interval", "daily", "cron", "at", "once", "after", "manual", "trigger"];

/// Keys that go with some triggers, and with which.
const OPTIONS: &[(&str, &[&str])] = &[
    ("fixed_delay", &["every", "interval"]),
    ("initial_delay", &["every", "interval"]),
    ("immediately", &["every", "interval"]),
    ("aligned", &["every", "interval"]),
    ("start_time", &["every", "interval"]),
    ("tz", &["every", "interval", "daily", "cron"]),
    ("every_days", &["daily"]),
    ("starting", &["daily"]),
    ("background", &["once"]),
    ("on", &["after"]),
    ("until", &["every", "interval", "daily", "cron", "at", "after", "trigger"]),
    ("limit", &["every", "interval", "daily", "cron", "at", "after", "trigger"]),
];

/// Returns the key that says when a task runs; `None` if it runs on demand.
pub(crate) fn key(keys: &Keys, errors: &mut Errors) -> Option<&'static str> {
    let mut given = TRIGGERS.iter().copied().filter(|key| keys.span(key).is_some());
    let first = given.next()?;
    for key in given {
        if let Some(place) = keys.span(key) {
            let cure = "for several write `trigger = any_of([..])`";
            errors.at(place, format!("`{key}` beside `{first}`: a task has one trigger; {cure}"));
        }
    }
    Some(first)
}

/// Finds keys that do not go with the trigger.
pub(crate) fn check_options(trigger: Option<&str>, keys: &Keys, errors: &mut Errors) {
    for (key, triggers) in OPTIONS {
        let Some(place) = keys.span(key) else {
            continue;
        };
        if !trigger.is_some_and(|trigger| triggers.contains(&trigger)) {
            errors.at(place, format!("`{key}` says nothing here: it goes with {}", crate::keys::listed(triggers)));
        }
    }
    let interval = trigger.is_some_and(|trigger| matches!(trigger, "every" | "interval"));
    if let (true, Some(place), None) = (interval, keys.span("tz"), keys.span("start_time")) {
        errors.at(place, "`tz` is that of `start_time`: give it one, or use `daily` or `cron`");
    }
}

/// Writes the trigger; `parents` are the names of those it runs after.
pub(crate) fn write(
    trigger: &str,
    keys: &Keys,
    parents: &[String],
    root: &TokenStream,
    errors: &mut Errors,
) -> Option<TokenStream> {
    let place = at(keys.span(trigger)?);
    let made = match trigger {
        "once" | "manual" => {
            keys.flag(trigger, errors);
            let function = Ident::new(trigger, place);
            return Some(quote_spanned!(place=> #root::#function()));
        }
        "after" => {
            let on = option("on", keys, errors, |value| value::word(value, root, "On", &ON));
            quote_spanned!(place=> #root::after([#(#parents),*]) #on)
        }
        "every" | "interval" => {
            let period = keys.value(trigger, errors).map(value::time);
            let period = errors.keep(period?)?;
            let options = every_options(keys, errors);
            quote_spanned!(place=> #root::every(#period) #options)
        }
        "daily" => {
            let time = keys.value(trigger, errors).map(value::time_of_day);
            let time = errors.keep(time?)?;
            let options = plain_options(&["tz", "every_days", "starting"], keys, errors);
            quote_spanned!(place=> #root::daily(#time) #options)
        }
        "cron" | "at" => {
            let function = Ident::new(trigger, place);
            let value = keys.value(trigger, errors)?;
            let options = plain_options(&["tz"], keys, errors);
            quote_spanned!(place=> #root::#function(#value) #options)
        }
        _ => {
            let value = keys.value(trigger, errors)?;
            quote!(#root::Trigger::from(#value))
        }
    };
    let bounds = plain_options(&["until", "limit"], keys, errors);
    Some(quote!(#made #bounds))
}

const ON: [value::Word; 3] = [plain("success", "Success"), plain("failure", "Failure"), plain("always", "Always")];

fn every_options(keys: &Keys, errors: &mut Errors) -> TokenStream {
    let mut options = TokenStream::new();
    for flag in ["fixed_delay", "immediately", "aligned"] {
        if let Some(place) = keys.flag(flag, errors) {
            let method = Ident::new(flag, at(place));
            options.extend(quote!(.#method()));
        }
    }
    options.extend(option("initial_delay", keys, errors, value::time));
    if let Some(place) = keys.span("start_time") {
        let method = Ident::new("starting_at", at(place));
        let time = keys.value("start_time", errors).map(value::time_of_day);
        let time = time.and_then(|time| errors.keep(time));
        options.extend(quote!(.#method(#time)));
    }
    options.extend(plain_options(&["tz"], keys, errors));
    options
}

fn plain_options(names: &[&str], keys: &Keys, errors: &mut Errors) -> TokenStream {
    names.iter().filter_map(|name| option(name, keys, errors, |value| Ok(quote!(#value)))).collect()
}

/// Writes the call of a builder's method that is named as a key.
fn option(
    name: &str,
    keys: &Keys,
    errors: &mut Errors,
    write: impl Fn(&Expr) -> syn::Result<TokenStream>,
) -> Option<TokenStream> {
    let method = Ident::new(name, at(keys.span(name)?));
    let value = keys.value(name, errors).map(write)?;
    let value = errors.keep(value)?;
    Some(quote!(.#method(#value)))
}
