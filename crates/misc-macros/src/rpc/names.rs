//! What procedures are called: on the wire, and as methods beside those that the client and the mock have.

use proc_macro2::Span;
use syn::ext::IdentExt as _;

use super::{contract::Contract, procedure::Procedure};
use crate::{errors::Errors, keys::Keys, literal};

/// What JSON-RPC keeps for itself.
const RESERVED: &str = "rpc";

/// Reads what all names begin with.
pub(crate) fn prefix(keys: &Keys, errors: &mut Errors) -> String {
    let given = keys.value("namespace", errors).and_then(|value| errors.keep(literal::string(value)));
    let Some(given) = given else { return String::new() };
    let prefix = format!("{}.", given.value());
    if prefix == "." {
        errors.at(given.span(), "a namespace is a name: `namespace = \"users\"`, or leave it out");
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

/// Finds names that two have.
pub(crate) fn check(contract: &Contract, errors: &mut Errors) {
    for (index, procedure) in contract.procedures.iter().enumerate() {
        let is_twin = |other: &&Procedure| other.name == procedure.name && !other.excludes(procedure);
        if let Some(first) = contract.procedures[..index].iter().find(is_twin) {
            let cure = format!("`{}` has it: give one another `name`", first.method);
            errors.at(procedure.named_at, format!("two procedures are named `{}`; {cure}", procedure.name));
        }
        check_method(contract, procedure, errors);
    }
}

fn check_method(contract: &Contract, procedure: &Procedure, errors: &mut Errors) {
    let method = procedure.method.unraw().to_string();
    let owner = match &*method {
        "into_rpc" => contract.item.ident.to_string(),
        "builder" | "over" => contract.client.to_string(),
        "new" | "client" => contract.mock.to_string(),
        _ => return check_calls(contract, procedure, &method, errors),
    };
    let cure = format!("call the method otherwise, with `#[rpc(name = \"{method}\")]`");
    errors.at(procedure.method.span(), format!("`{owner}` has a `{method}` of its own: {cure}"));
}

/// Finds a method whose name in the mock is that of another one's count.
fn check_calls(contract: &Contract, procedure: &Procedure, method: &str, errors: &mut Errors) {
    let counted = method.strip_suffix("_calls");
    if contract.procedures.iter().any(|other| counted.is_some_and(|counted| other.method.unraw() == counted)) {
        let owner = &contract.mock;
        let cure = format!("call the method otherwise, with `#[rpc(name = \"{method}\")]`");
        errors.at(procedure.method.span(), format!("`{method}` is how `{owner}` counts its calls: {cure}"));
    }
}
