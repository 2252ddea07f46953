//! What a contract says of itself.

use misc_rpc::{Contract, Fault, Server, rpc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ask;

/// Not described by anybody.
#[derive(Debug, Serialize, Deserialize)]
struct Plain;

#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
struct Described {
    /// How large it is.
    size: u8,
}

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("gone")]
struct Gone;

impl Fault for Gone {}

/// Things of all kinds.
///
/// They are kept
/// for a while.
#[rpc(namespace = "things", client = Remote, mock = Fake)]
trait Things {
    /// Finds a thing.
    #[rpc(idempotent)]
    async fn get(
        &self,
        /// Which one.
        id: u64,
        /// What it is
        /// called.
        #[serde(rename = "title")]
        name: Option<Plain>,
        #[serde(default)] tags: &[String],
    ) -> Result<Described, Gone>;

    #[rpc(name = "throw", notification)]
    #[deprecated = "keep them"]
    async fn throw_away(&self, id: u64);
}

const THINGS: Contract = Remote::CONTRACT;

#[test]
fn names_are_those_on_the_wire() {
    let names: Vec<_> = THINGS.procedures.iter().map(|procedure| procedure.name).collect();
    assert_eq!((THINGS.name, &names[..]), ("Things", &["things.get", "things.throw"][..]));
    let names: Vec<_> = THINGS.procedures[0].params.iter().map(|param| param.name).collect();
    assert_eq!(names, ["id", "title", "tags"]);
}

#[test]
fn docs_travel() {
    assert_eq!(THINGS.docs, "Things of all kinds.\n\nThey are kept\nfor a while.");
    let docs: Vec<_> = THINGS.procedures.iter().map(|procedure| procedure.docs).collect();
    assert_eq!(docs, ["Finds a thing.", ""]);
    let docs: Vec<_> = THINGS.procedures[0].params.iter().map(|param| param.docs).collect();
    assert_eq!(docs, ["Which one.", "What it is\ncalled.", ""]);
}

#[test]
fn what_is_declared_travels() {
    let [get, throw] = THINGS.procedures else { panic!("two procedures") };
    assert!(get.idempotent && !get.deprecated);
    assert!(!throw.idempotent && throw.deprecated);
    let optional: Vec<_> = get.params.iter().map(|param| param.optional).collect();
    assert_eq!(optional, [false, true, true]);
}

#[tokio::test]
async fn servers_tell_the_contract() {
    let server = Server::new(Fake::new().into_rpc()).expect("a server");
    let answer = ask(&server, "rpc.discover", json!([])).await;
    let methods = &answer["result"]["methods"];
    assert_eq!(methods[0]["name"], "things.get", "{answer}");
    let params = methods[0]["params"].as_array().expect("parameters");
    let names: Vec<_> = params.iter().map(|param| param["name"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["id", "title", "tags"]);
}

#[cfg(feature = "schema")]
#[tokio::test]
async fn types_are_described_as_far_as_they_describe_themselves() {
    let server = Server::new(Fake::new().into_rpc()).expect("a server");
    let answer = ask(&server, "rpc.discover", json!([])).await;
    let get = &answer["result"]["methods"][0];
    assert_eq!(get["params"][0]["schema"]["type"], "integer", "{answer}");
    assert!(get["params"][1]["schema"]["type"].is_null(), "{answer}");
    assert_eq!(get["params"][2]["schema"]["type"], "array", "{answer}");
    assert!(answer.to_string().contains("How large it is."), "{answer}");
}
