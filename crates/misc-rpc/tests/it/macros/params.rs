//! How parameters are given, by whoever gives them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use misc_rpc::{Server, rpc};
use serde_json::{Value, json};

use super::{answer, ask};

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(span.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_secs)
    }
}

#[rpc]
trait Echo {
    async fn both(&self, left: u8, right: Option<u8>) -> String;

    async fn options(&self, first: Option<u8>, second: Option<u8>) -> String;

    async fn lent(&self, name: Option<&str>, number: Option<&u8>) -> String;

    async fn nothing(&self) -> u8;

    async fn told(
        &self,
        #[serde(rename = "theName")] name: &str,
        #[serde(default)] count: u8,
        #[serde(with = "seconds", default)] span: Duration,
    ) -> String;

    async fn r#type(&self, r#type: u8, path: &Path) -> PathBuf;

    async fn hygiene(&self, this: u8, given: &str, methods: u8, client: u8, answer: u8, f: u8) -> Vec<String>;
}

struct Here;

impl Echo for Here {
    async fn both(&self, left: u8, right: Option<u8>) -> String {
        format!("{left} {right:?}")
    }

    async fn options(&self, first: Option<u8>, second: Option<u8>) -> String {
        format!("{first:?} {second:?}")
    }

    async fn lent(&self, name: Option<&str>, number: Option<&u8>) -> String {
        format!("{name:?} {number:?}")
    }

    async fn nothing(&self) -> u8 {
        0
    }

    async fn told(&self, name: &str, count: u8, span: Duration) -> String {
        format!("{name} {count} {span:?}")
    }

    async fn r#type(&self, r#type: u8, path: &Path) -> PathBuf {
        path.join(r#type.to_string())
    }

    async fn hygiene(&self, this: u8, given: &str, methods: u8, client: u8, answer: u8, f: u8) -> Vec<String> {
        vec![this.to_string(), given.to_owned(), (methods + client + answer + f).to_string()]
    }
}

fn server() -> Server {
    Server::new(Here.into_rpc()).expect("a server")
}

async fn check(method: &str, params: Value, expected: impl Into<Value>) {
    let answer = ask(&server(), method, params.clone()).await;
    assert_eq!(answer["result"], expected.into(), "{method} {params}: {answer}");
}

async fn check_wrong(method: &str, params: Value, expected: &str) {
    let answer = ask(&server(), method, params.clone()).await;
    assert_eq!(answer["error"]["code"], -32602, "{method} {params}: {answer}");
    let said = answer["error"]["data"].as_str().unwrap_or_default();
    assert!(said.contains(expected), "{method} {params}: {answer}");
}

#[tokio::test]
async fn parameters_come_by_name_or_by_position() {
    check("both", json!({ "left": 1, "right": 2 }), "1 Some(2)").await;
    check("both", json!({ "right": 2, "left": 1 }), "1 Some(2)").await;
    check("both", json!([1, 2]), "1 Some(2)").await;
    check("nothing", json!([]), 0).await;
    check("nothing", json!({}), 0).await;
}

#[tokio::test]
async fn options_may_be_left_out() {
    check("both", json!({ "left": 1 }), "1 None").await;
    check("both", json!([1]), "1 None").await;
    check("both", json!([1, null]), "1 None").await;
    check("options", json!({ "second": 2 }), "None Some(2)").await;
    check("options", json!([1]), "Some(1) None").await;
    check("lent", json!({ "number": 1 }), "None Some(1)").await;
    check("lent", json!(["Ann"]), "Some(\"Ann\") None").await;
    for method in ["options", "lent", "nothing"] {
        let answer = answer(&server(), json!({ "jsonrpc": "2.0", "id": 1, "method": method })).await;
        assert!(answer["error"].is_null(), "{answer}");
    }
}

#[tokio::test]
async fn wrong_parameters_are_refused_by_name() {
    check_wrong("both", json!({}), "left").await;
    check_wrong("both", json!([]), "left").await;
    check_wrong("both", json!({ "left": "one" }), "left").await;
    check_wrong("both", json!(["one"]), "left").await;
    check_wrong("both", json!({ "left": 1, "rihgt": 2 }), "rihgt").await;
    check_wrong("both", json!({ "left": 1, "rihgt": 2 }), "right").await;
    check_wrong("both", json!([1, 2, 3]), "").await;
    check_wrong("nothing", json!([1]), "").await;
    check_wrong("nothing", json!({ "more": 1 }), "more").await;
}

#[tokio::test]
async fn serde_is_told_about_parameters() {
    check("told", json!({ "theName": "Ann", "count": 2, "span": 3 }), "Ann 2 3s").await;
    check("told", json!({ "theName": "Ann" }), "Ann 0 0ns").await;
    check("told", json!(["Ann", 2]), "Ann 2 0ns").await;
    check_wrong("told", json!({ "name": "Ann" }), "theName").await;
    let told = EchoClient::over(server()).told("Ann", 2, Duration::from_secs(3)).await;
    assert_eq!(told.expect("an answer"), "Ann 2 3s");
}

#[tokio::test]
async fn options_may_be_lent() {
    let lent = EchoClient::over(server()).lent(Some("Ann"), None).await;
    assert_eq!(lent.expect("an answer"), "Some(\"Ann\") None");
    let mock = EchoMock::new().lent(|name, _| name.unwrap_or("nobody").to_owned());
    assert_eq!(mock.client().lent(None, Some(&1)).await.expect("an answer"), "nobody");
}

#[tokio::test]
async fn raw_names_are_those_on_the_wire() {
    check("type", json!({ "type": 7, "path": "users" }), "users/7").await;
    let path = EchoClient::over(server()).r#type(7, Path::new("users")).await;
    assert_eq!(path.expect("an answer"), PathBuf::from("users/7"));
}

#[tokio::test]
async fn arguments_may_have_any_name() {
    let names = EchoClient::over(server()).hygiene(1, "given", 2, 3, 4, 5).await;
    assert_eq!(names.expect("an answer"), ["1", "given", "14"]);
}
