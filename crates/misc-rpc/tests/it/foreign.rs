//! Clients that others have made.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use jsonrpsee::{
    core::{
        ClientError,
        client::ClientT as _,
        params::{BatchRequestBuilder, ObjectParams},
    },
    http_client::HttpClient,
    rpc_params,
};
use misc_rpc::{Fault, Methods, Never, Param, Procedure, Server, code};
use misc_test::{Missing, skip, tool};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::served::Served;

const SUBTRACT: Procedure = Procedure::new("subtract").params(&[Param::new("minuend"), Param::new("subtrahend")]);
const FIND: Procedure = Procedure::new("find").params(&[Param::new("id")]);

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
enum UserError {
    #[error("there is no user {id}")]
    NotFound { id: u64 },
}

impl Fault for UserError {
    fn code(&self) -> i32 {
        404
    }
}

type Noted = Arc<AtomicU64>;

async fn served() -> Served {
    let noted = Noted::default();
    let methods = Methods::new()
        .method(SUBTRACT, async |(minuend, subtrahend): (i64, i64)| Ok::<_, Never>(minuend - subtrahend))
        .method(FIND, async |(id,): (u64,)| Err::<(), _>(UserError::NotFound { id }))
        .method("version", async |()| Ok::<_, Never>("1.0.0"))
        .method_with("note", Arc::clone(&noted), async |noted: Noted, (by,): (u64,)| {
            noted.fetch_add(by, Ordering::Relaxed);
            Ok::<_, Never>(())
        })
        .method_with("noted", noted, async |noted: Noted, ()| Ok::<_, Never>(noted.load(Ordering::Relaxed)));
    Served::new(Server::new(methods).unwrap()).await
}

/// Runs a script that calls the server.
async fn run(program: &str, script: &str, served: &Served) {
    let path = format!("{}/tests/foreign/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(program).args([path, served.url()]).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).ends_with("done\n"), "{}", text(&output.stdout));
}

/// Tells whether Node.js finds a package, along `NODE_PATH`; if not, the test is skipped.
async fn node_has(package: &str) -> bool {
    if !tool("node") {
        return false;
    }
    let require = format!("require.resolve({package:?})");
    let found = Command::new("node").args(["-e", &require]).output().await.unwrap().status.success();
    if !found {
        skip(Missing::Tool, &format!("node has no package `{package}`"));
    }
    found
}

#[tokio::test]
async fn jayson_from_npm_is_a_client() {
    if node_has("jayson").await {
        run("node", "node.js", &served().await).await;
    }
}

#[tokio::test]
async fn jsonrpcclient_from_pypi_is_a_client() {
    if !tool("python3") {
        return;
    }
    let import = Command::new("python3").args(["-c", "import jsonrpcclient"]).output().await.unwrap();
    if !import.status.success() {
        return skip(Missing::Tool, "python3 has no module `jsonrpcclient`");
    }
    run("python3", "python.py", &served().await).await;
}

#[tokio::test]
async fn jsonrpsee_is_a_client() {
    let served = served().await;
    let client = HttpClient::builder().build(served.url()).unwrap();
    assert_eq!(client.request::<i64, _>("subtract", rpc_params![42, 23]).await.unwrap(), 19);
    let mut named = ObjectParams::new();
    named.insert("subtrahend", 23).unwrap();
    named.insert("minuend", 42).unwrap();
    assert_eq!(client.request::<i64, _>("subtract", named).await.unwrap(), 19);
    assert_eq!(client.request::<String, _>("version", rpc_params![]).await.unwrap(), "1.0.0");
    client.notification("note", rpc_params![5]).await.unwrap();
    assert_eq!(client.request::<u64, _>("noted", rpc_params![]).await.unwrap(), 5);

    let Err(ClientError::Call(missing)) = client.request::<(), _>("find", rpc_params![7]).await else {
        panic!("an error of the procedure");
    };
    assert_eq!((missing.code(), missing.message()), (404, "there is no user 7"));
    assert_eq!(missing.data().unwrap().get(), r#"{"NotFound":{"id":7}}"#);
    let Err(ClientError::Call(unknown)) = client.request::<(), _>("unknown", rpc_params![]).await else {
        panic!("an error of the server");
    };
    assert_eq!(unknown.code(), code::METHOD_NOT_FOUND);

    let mut batch = BatchRequestBuilder::new();
    batch.insert("subtract", rpc_params![3, 1]).unwrap();
    batch.insert("unknown", rpc_params![]).unwrap();
    let answers = client.batch_request::<i64>(batch).await.unwrap();
    assert_eq!((answers.num_successful_calls(), answers.num_failed_calls()), (1, 1));
}

#[tokio::test]
async fn curl_is_a_client() {
    if !tool("curl") {
        return;
    }
    let served = served().await;
    let call = r#"{"jsonrpc":"2.0","method":"subtract","params":[42,23],"id":1}"#;
    let output = Command::new("curl").args(["-sS", "--json", call, &served.url()]).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), r#"{"jsonrpc":"2.0","result":19,"id":1}"#);
}

#[cfg(feature = "schema")]
mod described {
    use misc_rpc::Shape;
    use schemars::JsonSchema;

    use super::*;

    #[derive(Clone, Serialize, Deserialize, JsonSchema)]
    struct User {
        name: String,
        age: Option<u8>,
        friends: Vec<Friend>,
    }

    #[derive(Clone, Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "kind", rename_all = "lowercase")]
    enum Friend {
        Near { name: String },
        Far { distance: u32 },
    }

    const ADD: Procedure = Procedure::new("add")
        .docs("Adds a user.")
        .params(&[
            Param::new("user").shape(Shape::of::<User>()),
            Param::new("loud").shape(Shape::of::<Option<bool>>()).optional(),
        ])
        .returns(Shape::of::<User>());
    const ALL: Procedure = Procedure::new("all").returns(Shape::of::<Vec<User>>()).idempotent();
    const SUM: Procedure = Procedure::new("sum")
        .params(&[Param::new("left").shape(Shape::of::<i16>()), Param::new("right").shape(Shape::of::<i16>())])
        .returns(Shape::of::<i32>());

    #[tokio::test]
    async fn test_coverage_of_open_rpc_finds_that_it_does_what_it_says() {
        if !node_has("@open-rpc/test-coverage").await {
            return;
        }
        let methods = Methods::new()
            .method(ADD, async |(user, _): (User, Option<bool>)| Ok::<_, Never>(user))
            .method(ALL, async |()| Ok::<_, Never>(Vec::<User>::new()))
            .method(SUM, async |(left, right): (i16, i16)| Ok::<_, Never>(i32::from(left) + i32::from(right)));
        let server = Server::new(methods).unwrap().title("users", "1.0.0");
        let served = Served::with(|url| server.url(url)).await;
        run("node", "coverage.js", &served).await;
    }
}
