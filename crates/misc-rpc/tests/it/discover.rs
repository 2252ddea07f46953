//! What `rpc.discover` tells.

use misc_rpc::{Contract, Fault, Methods, Never, Param, Procedure, Server, code};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::served::call;

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("there is no such user")]
struct NotFound;

impl Fault for NotFound {
    const CODES: &'static [(i32, &'static str)] = &[(404, "there is no such user")];

    fn code(&self) -> i32 {
        404
    }
}

const ADD: Procedure =
    Procedure::new("add").params(&[Param::new("left").docs("The one."), Param::new("right").optional()]);

async fn discovered(server: Server) -> Value {
    call(&server, "rpc.discover", "[]").await.result()
}

#[tokio::test]
async fn tells_what_there_is() {
    let methods = Methods::new().method("version", async |()| Ok::<_, Never>("1"));
    let server =
        Server::new(methods).unwrap().title("shop", "1.2.3").docs("Sells things.").url("https://shop.example/rpc");
    let expected = json!({
        "openrpc": "1.2.6",
        "info": { "title": "shop", "version": "1.2.3", "description": "Sells things." },
        "servers": [{ "url": "https://shop.example/rpc" }],
        "methods": [{
            "name": "version",
            "paramStructure": "either",
            "params": [],
            "result": { "name": "result", "required": true, "schema": true },
        }],
    });
    assert_eq!(discovered(server).await, expected);
}

#[tokio::test]
async fn tells_the_documentation_the_parameters_and_the_errors() {
    const USERS: Contract = Contract::new("Users", &[FIND, ADD]).docs("Who may use the shop.");
    const FIND: Procedure =
        Procedure::new("find").docs("Finds a user.\n\nBy whatever there is.\n").idempotent().deprecated();
    let methods = Methods::of(USERS)
        .method(FIND, async |()| Err::<(), _>(NotFound))
        .method(ADD, async |(left, right): (i64, Option<i64>)| Ok::<_, Never>(left + right.unwrap_or_default()));
    let document = discovered(Server::new(methods).unwrap()).await;
    let info = json!({ "title": "Users", "version": "0.0.0", "description": "Who may use the shop." });
    assert_eq!(document["info"], info);
    let find = &document["methods"][0];
    assert_eq!(find["tags"], json!([{ "name": "Users", "description": "Who may use the shop." }]));
    assert_eq!((&find["summary"], &find["description"]), (&json!("Finds a user."), &json!("By whatever there is.")));
    assert_eq!(find["errors"], json!([{ "code": 404, "message": "there is no such user" }]));
    assert_eq!((&find["deprecated"], &find["x-idempotent"]), (&json!(true), &json!(true)));
    let params = json!([
        { "name": "left", "description": "The one.", "required": true, "schema": true },
        { "name": "right", "required": false, "schema": true },
    ]);
    assert_eq!(document["methods"][1]["params"], params);
}

#[tokio::test]
async fn may_be_turned_off() {
    let server = Server::new(Methods::new()).unwrap().discover(false);
    assert_eq!(call(&server, "rpc.discover", "[]").await.error().0, i64::from(code::METHOD_NOT_FOUND));
}

#[tokio::test]
async fn takes_no_parameters() {
    let server = Server::new(Methods::new()).unwrap();
    assert_eq!(call(&server, "rpc.discover", "{}").await.result()["methods"], json!([]));
    assert_eq!(call(&server, "rpc.discover", "[1]").await.error().0, i64::from(code::INVALID_PARAMS));
}

#[cfg(feature = "schema")]
mod described {
    use misc_rpc::Shape;
    use schemars::JsonSchema;

    use super::*;

    /// Somebody.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct User {
        id: u64,
        address: Option<Address>,
        friends: Vec<Self>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Address {
        street: String,
    }

    #[tokio::test]
    async fn types_are_schemas() {
        const FIND: Procedure = Procedure::new("find")
            .params(&[Param::new("id").shape(Shape::of::<u64>()), Param::new("name").shape(Shape::of::<str>())])
            .returns(Shape::of::<Option<User>>());
        let methods = Methods::new().method(FIND, async |(_, _): (u64, String)| Ok::<_, Never>(None::<User>));
        let document = discovered(Server::new(methods).unwrap()).await;
        let find = &document["methods"][0];
        assert_eq!(find["params"][0]["schema"], json!({ "type": "integer", "minimum": 0 }));
        assert_eq!(find["params"][1]["schema"], json!({ "type": "string" }));
        let user = json!({ "$ref": "#/components/schemas/User" });
        assert_eq!(find["result"]["schema"], json!({ "anyOf": [user, { "type": "null" }] }));
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["User"]["description"], json!("Somebody."));
        assert_eq!(schemas["User"]["properties"]["id"], json!({ "type": "integer", "minimum": 0 }));
        assert_eq!(schemas["User"]["properties"]["friends"]["items"], user);
        assert_eq!(schemas["Address"]["properties"]["street"], json!({ "type": "string" }));
        check_references(&document, &document);
    }

    /// Every reference leads somewhere.
    fn check_references(document: &Value, value: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                members.values().for_each(|value| check_references(document, value));
            }
            Value::Array(values) => values.iter().for_each(|value| check_references(document, value)),
            _ => {}
        }
    }
}
