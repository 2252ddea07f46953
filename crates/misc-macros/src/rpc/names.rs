//! What procedures are called: on the wire, and as methods beside those that the client and the mock have.

use proc_macro2::Span;
use syn::ext::IdentExt as _;

use super::{contract::Contract, procedure::Procedure};
use crate::{errors::Errors, keys::Keys, literal};

/// What JSON-RPC keeps for itself.
const RESERVED: &str = "rpc";

/// The method that makes an implementation a server.
pub(crate) const INTO_RPC: &str = "into_rpc";

/// Reads what all names begin with.
pub(crate) fn prefix(keys: &Keys, errors: &mut Errors) -> String {
    let given = keys.value("namespace", errors).and_then(|value| errors.keep(literal::string(value)));
    let Some(given) = given else { return String::new() };
    let prefix = format!("{}.", given.value());
    if prefix == "." || prefix.ends_with("..") {
        errors.at(given.span(), "a namespace is a name without a dot at its end: `namespace = \"users\"`");
    }
    check_reserved(&prefix, given.span(), errors);
    prefix
}

/// Finds names on the wire that no procedure may have.
pub(crate) fn check_reserved(name: &str, place: Span, errors: &mut Errors) {
    if name.split_once('.').is_some_and(|(first, _)| first == RESERVED) {
        errors.at(place, format!("names that begin with `{RESERVED}.` are those of JSON-RPC itself: take another"));
    }
}

/// Finds names that two have, and leaves out the procedures whose methods would be there twice.
pub(crate) fn check(contract: &mut Contract, errors: &mut Errors) {
    for (index, procedure) in contract.procedures.iter().enumerate() {
        let is_twin = |other: &&Procedure| other.name == procedure.name && !other.excludes(procedure);
        if let Some(first) = contract.procedures[..index].iter().find(is_twin) {
            let cure = format!("`{}` has it: give one another `name`", first.method);
            errors.at(procedure.named_at, format!("two procedures are named `{}`; {cure}", procedure.name));
        }
    }
    let taken: Vec<_> = contract.procedures.iter().map(|procedure| taken(contract, procedure)).collect();
    let mut taken = taken.into_iter();
    contract.procedures.retain(|procedure| match taken.next().flatten() {
        None => true,
        Some(what) => {
            let cure = format!("call the method otherwise, with `#[rpc(name = \"{}\")]`", procedure.method.unraw());
            errors.at(procedure.method.span(), format!("{what}: {cure}"));
            false
        }
    });
}

/// Says who has a method of the name already.
fn taken(contract: &Contract, procedure: &Procedure) -> Option<String> {
    let method = procedure.method.unraw().to_string();
    let owner = match &*method {
        INTO_RPC => &contract.item.ident,
        "builder" | "over" => &contract.client,
        "new" | "client" => &contract.mock,
        _ => {
            let counted = method.strip_suffix("_calls")?;
            let is_counted = contract.procedures.iter().any(|other| other.method.unraw() == counted);
            return is_counted.then(|| format!("`{}` counts the calls of `{counted}` by this name", contract.mock));
        }
    };
    Some(format!("`{owner}` has its own `{method}`"))
}
