//! The policies of a task: each key is a method of the builder.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, Expr, Lit, Result};

use super::value::{self, Argument, Word, plain};
use crate::{errors::Errors, keys::Keys, place::at};

/// What the value of a key is.
enum Kind {
    Flag,
    Number,
    Time,
    Retry,
    Word(&'static str, &'static [Word]),
}

/// Keys that each task may have.
const ALWAYS: &[(&str, Kind)] = &[
    ("overlap", Kind::Word("Overlap", &OVERLAP)),
    ("concurrency", Kind::Number),
    ("timeout", Kind::Time),
    ("retry", Kind::Retry),
    ("on_stop", Kind::Word("OnStop", &ON_STOP)),
    ("on_failure", Kind::Word("OnFailure", &ON_FAILURE)),
    ("stuck_after", Kind::Time),
];

/// Keys of tasks that have a trigger.
const TRIGGERED: &[(&str, Kind)] = &[
    ("misfire", Kind::Word("Misfire", &MISFIRE)),
    ("grace", Kind::Time),
    ("jitter", Kind::Time),
    ("background", Kind::Flag),
    ("local", Kind::Flag),
    ("rerun_after", Kind::Time),
];

const OVERLAP: [Word; 5] = [
    plain("skip", "Skip"),
    plain("queue_one", "QueueOne"),
    plain("queue_all", "QueueAll"),
    plain("cancel_running", "CancelRunning"),
    Word { word: "allow", variant: "Allow", argument: Argument::Count },
];

const MISFIRE: [Word; 3] = [plain("skip", "Skip"), plain("once", "Once"), plain("all", "All")];

const ON_STOP: [Word; 3] = [
    plain("drain", "Drain"),
    Word { word: "drain_for", variant: "DrainFor", argument: Argument::Time },
    plain("cancel", "Cancel"),
];

const ON_FAILURE: [Word; 3] = [
    plain("log", "Log"),
    Word { word: "fail_service", variant: "FailService", argument: Argument::CountOrOne },
    plain("stop_app", "StopApp"),
];

/// Tells whether a key is a policy of tasks that have a trigger.
pub(crate) fn needs_trigger(key: &str) -> bool {
    TRIGGERED.iter().any(|(known, _)| *known == key)
}

/// Writes the calls of the builder.
pub(crate) fn calls(keys: &Keys, root: &TokenStream, errors: &mut Errors) -> TokenStream {
    ALWAYS.iter().chain(TRIGGERED).filter_map(|(key, kind)| call(key, kind, keys, root, errors)).collect()
}

fn call(key: &str, kind: &Kind, keys: &Keys, root: &TokenStream, errors: &mut Errors) -> Option<TokenStream> {
    let method = Ident::new(key, at(keys.span(key)?));
    if let Kind::Flag = kind {
        keys.flag(key, errors);
        return Some(quote!(.#method()));
    }
    let value = keys.value(key, errors)?;
    let value = match kind {
        Kind::Flag | Kind::Number => Ok(quote!(#value)),
        Kind::Time => value::time(value),
        Kind::Retry => retry(value, root),
        Kind::Word(of, words) => value::word(value, root, of, words),
    };
    let value = errors.keep(value)?;
    Some(quote!(.#method(#value)))
}

fn retry(value: &Expr, root: &TokenStream) -> Result<TokenStream> {
    match value::literal(value) {
        None => Ok(quote!(#value)),
        Some(Lit::Int(retries)) => Ok(quote_spanned!(at(retries.span())=> #root::Retry::new(#retries))),
        Some(other) => {
            let usage = "write how many times it is run again, `retry = 3`, or a `Retry`";
            Err(Error::new(other.span(), usage))
        }
    }
}
