//! Methods that are no server.

use misc_rpc::{Contract, Methods, Never, Param, Procedure, Server};

async fn nothing((): ()) -> Result<(), Never> {
    Ok(())
}

#[track_caller]
fn check(methods: Methods, expected: &[&str]) {
    let refused = Server::new(methods).unwrap_err();
    assert_eq!(refused.problems(), expected);
    assert_eq!(refused.to_string(), expected.join("; "));
}

#[test]
fn tells_all_that_is_wrong_at_once() {
    let methods = Methods::new()
        .method("find", nothing)
        .method("find", nothing)
        .method("find", nothing)
        .method("rpc.discover", nothing)
        .method("", nothing)
        .method(Procedure::new("add").params(const { &[Param::new("a"), Param::new("a"), Param::new("")] }), nothing);
    let expected = [
        "there are several methods `find`; rename all but one",
        "method `rpc.discover`: names that begin with `rpc.` are JSON-RPC's own; rename it",
        "a method has an empty name; give it one",
        "method `add`: there are several parameters `a`; rename all but one",
        "method `add`: a parameter has an empty name; give it one",
    ];
    check(methods, &expected);
}

#[test]
fn two_traits_that_share_a_name_are_refused() {
    let (users, shops) = (Methods::new().method("find", nothing), Methods::new().method("find", nothing));
    check(users.merge(shops), &["there are several methods `find`; rename all but one"]);
}

#[test]
fn a_contract_that_is_not_kept_is_refused() {
    const FIND: Procedure = Procedure::new("find");
    const USERS: Contract = Contract::new("Users", &[FIND, Procedure::new("remove")]);
    let methods = Methods::new().method("version", nothing).merge(Methods::of(USERS).method(FIND, nothing));
    check(methods, &["contract `Users`: nothing answers `remove`; add a method"]);
}

#[test]
fn other_names_are_welcome() {
    let names = ["rpc", "users.find", "users/find", "総", "with space", "RPC.discover"];
    let methods = names.iter().fold(Methods::new(), |methods, name| methods.method(*name, nothing));
    assert_eq!(format!("{methods:?}"), format!("{names:?}"));
    drop(Server::new(methods).unwrap());
}
