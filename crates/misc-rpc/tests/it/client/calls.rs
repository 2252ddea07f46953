//! What a call sends, and what comes back.

use std::fmt::Debug;

use http::HeaderValue;
use misc_core::BoxError;
use misc_rpc::{Client, ClientMethod, Error, Fault, Methods, Never, Server};
use serde::{Deserialize, Serialize};
use tower::layer::util::Identity;

use super::support::{Backend, Recorder, whole};

#[derive(Serialize)]
struct Named {
    id: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
enum UserError {
    #[error("there is no user {id}")]
    NotFound { id: u64 },
}

impl Fault for UserError {
    fn code(&self) -> i32 {
        404
    }
}

fn users() -> Server {
    let methods = Methods::new()
        .method("name", async |(id,): (u64,)| if id == 7 { Ok("Ada") } else { Err(UserError::NotFound { id }) })
        .method("sink", async |()| Ok::<_, Never>(()));
    Server::new(methods).expect("valid")
}

async fn one(call: &ClientMethod, params: &impl Serialize) -> u64 {
    let answer: Result<u64, Error> = call.call(params).await;
    answer.expect("an answer")
}

#[tokio::test]
async fn parameters_go_by_position_by_name_or_not_at_all() {
    let recorder = Recorder::new();
    let get = Client::over(recorder.clone()).method("get_user");
    one(&get, &(7, "x")).await;
    one(&get, &[7]).await;
    one(&get, &Named { id: 7 }).await;
    one(&get, &()).await;
    assert_eq!(
        recorder.bodies(),
        [
            r#"{"jsonrpc":"2.0","method":"get_user","id":1,"params":[7,"x"]}"#,
            r#"{"jsonrpc":"2.0","method":"get_user","id":2,"params":[7]}"#,
            r#"{"jsonrpc":"2.0","method":"get_user","id":3,"params":{"id":7}}"#,
            r#"{"jsonrpc":"2.0","method":"get_user","id":4}"#,
        ]
    );
}

#[tokio::test]
async fn a_request_is_a_post_of_json() {
    let recorder = Recorder::new();
    let backend = Backend::start(recorder.clone()).await;
    let client = Client::builder(backend.url()).build().expect("valid");
    one(&client.method("get"), &()).await;
    let [came] = &recorder.seen()[..] else { panic!("one request") };
    assert_eq!((came.method.as_str(), came.uri.to_string()), ("POST", "/rpc".to_owned()));
    let mut headers: Vec<_> = came.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    headers.sort_unstable();
    let (host, size) = (backend.address().to_string(), came.body.len().to_string());
    let timeout = came.headers["x-envoy-expected-rq-timeout-ms"].as_bytes();
    assert_eq!(
        headers,
        [
            ("content-length", size.as_bytes()),
            ("content-type", b"application/json"),
            ("host", host.as_bytes()),
            ("x-envoy-expected-rq-timeout-ms", timeout),
        ]
    );
}

#[tokio::test]
async fn a_request_says_who_sends_it_if_asked_to() {
    let recorder = Recorder::new();
    let agent = HeaderValue::from_static("shop/1.2");
    let client = Client::builder("").over(recorder.clone()).user_agent(agent).layer(Identity::new()).build();
    one(&client.expect("valid").method("get"), &()).await;
    let [came] = &recorder.seen()[..] else { panic!("one request") };
    assert_eq!(came.headers["user-agent"], "shop/1.2");
}

#[tokio::test]
async fn parameters_need_not_live_as_long_as_a_call() {
    let (client, recorder) = (Client::over(users()), Recorder::new());
    let sink = Client::over(recorder.clone()).method("sink");
    let name = client.method("name");
    let (calling, telling) = {
        let params = (7,);
        (name.call::<String, UserError, _>(&params), sink.notify(&params))
    };
    assert_eq!(calling.await.expect("a user"), "Ada");
    drop(telling.await);
    assert_eq!(recorder.bodies(), [r#"{"jsonrpc":"2.0","method":"sink","params":[7]}"#]);
}

#[tokio::test]
async fn a_name_is_written_as_json() {
    let recorder = Recorder::new();
    one(&Client::over(recorder.clone()).method("say \"hi\"\n"), &()).await;
    assert_eq!(recorder.bodies(), [r#"{"jsonrpc":"2.0","method":"say \"hi\"\n","id":1}"#]);
}

#[tokio::test]
async fn parameters_that_are_neither_a_struct_nor_a_tuple_are_refused_before_they_are_sent() {
    async fn check(params: &(impl Serialize + Debug), written: &str) {
        let recorder = Recorder::new();
        let answer: Result<u64, Error> = Client::over(recorder.clone()).method("get").call(params).await;
        let error = answer.expect_err("it is refused");
        assert!(error.is_invalid_params());
        assert_eq!(
            whole(&error),
            format!(
                "cannot write the parameters of `get` of in-process: parameters are a struct or a tuple, and these are \
                 written as `{written}`"
            )
        );
        assert_eq!(recorder.bodies(), [""; 0]);
    }
    check(&7, "7").await;
    check(&"text", "\\\"text\\\"").await;
    check(&true, "true").await;
    check(&"long ".repeat(100), &format!("\\\"{}", "long ".repeat(100).split_at(39).0)).await;
}

#[tokio::test]
async fn parameters_that_cannot_be_written_are_refused() {
    let params = [(std::collections::BTreeMap::from([((1, 2), 3)]),)];
    let answer: Result<u64, Error> = Client::over(Recorder::new()).method("get").call(&params).await;
    let text = whole(&answer.expect_err("a key is no text"));
    assert_eq!(text, "cannot write the parameters of `get` of in-process: key must be a string");
}

#[tokio::test]
async fn a_server_answers_over_http_and_in_process() {
    let backend = Backend::start(users()).await;
    let remote: Client = Client::builder(backend.url()).build().expect("valid");
    for client in [remote, Client::over(users())] {
        let name = client.method("name");
        assert_eq!(name.call::<String, UserError, _>(&(7,)).await.expect("an answer"), "Ada");
        assert_eq!(
            name.call::<String, UserError, _>(&(8,)).await.expect_err("none").fault(),
            Some(&UserError::NotFound { id: 8 })
        );
        client.method("sink").call::<(), Never, _>(&()).await.expect("nothing to say");
    }
}

#[tokio::test]
async fn a_declared_error_is_typed_and_its_text_says_what_was_called() {
    let client = Client::over(users());
    let error = client.method("name").call::<String, UserError, _>(&(8,)).await.expect_err("none");
    assert_eq!(error.to_string(), "`name` of in-process failed: there is no user 8 (404)");
    assert_eq!((error.code(), error.method(), error.target()), (Some(404), "name", "in-process"));
    assert!(!(error.is_timeout() || error.is_connect() || error.is_busy() || error.is_internal()));
    assert_eq!(error.into_fault().expect("declared"), UserError::NotFound { id: 8 });
}

#[tokio::test]
async fn an_error_of_the_server_is_not_the_declared_one() {
    let client = Client::over(users());
    let error = client.method("nme").call::<String, UserError, _>(&(8,)).await.expect_err("unknown");
    assert!(error.is_method_not_found() && error.fault().is_none());
    assert_eq!(error.code(), Some(misc_rpc::code::METHOD_NOT_FOUND));
    let error = error.into_fault().expect_err("not declared");
    assert!(error.to_string().starts_with("`nme` of in-process failed: "), "{error}");

    let error = client.method("name").call::<String, UserError, _>(&("x",)).await.expect_err("no number");
    assert!(error.is_invalid_params() && error.fault().is_none());
}

#[tokio::test]
async fn an_error_becomes_a_boxed_one() {
    async fn greet() -> Result<String, BoxError> {
        let name: String = Client::over(users()).method("name").call::<_, UserError, _>(&(8,)).await?;
        Ok(name)
    }
    let error = greet().await.expect_err("none");
    assert!(error.downcast_ref::<Error<UserError>>().is_some_and(|error| error.fault().is_some()));
}

#[tokio::test]
async fn a_declared_error_can_be_made_another() {
    let client = Client::over(users());
    let error = client.method("name").call::<String, UserError, _>(&(8,)).await.expect_err("none");
    let error = error.map_fault(|UserError::NotFound { id }| id);
    assert_eq!((error.fault(), error.code()), (Some(&8), Some(404)));
    let error: Error = client.method("nme").call::<(), Never, _>(&()).await.expect_err("unknown");
    let error: Error<UserError> = error.map_fault(|never| match never {});
    assert!(error.is_method_not_found());
}

#[tokio::test]
async fn a_notification_has_no_id_and_waits_for_no_answer() {
    for answer in [Recorder::answering(204, ""), Recorder::answering(202, ""), Recorder::answering(200, "ok")] {
        Client::over(answer.clone()).method("seen").notify(&Named { id: 1 }).await.expect("taken");
        assert_eq!(answer.bodies(), [r#"{"jsonrpc":"2.0","method":"seen","params":{"id":1}}"#]);
    }
    let backend = Backend::start(users()).await;
    let client = Client::builder(backend.url()).build().expect("valid");
    client.method("sink").notify(&()).await.expect("taken");
}

#[tokio::test]
async fn a_notification_that_is_not_taken_is_an_error() {
    let busy = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"busy"}}"#;
    let error = Client::over(Recorder::answering(503, busy)).method("seen").notify(&()).await.expect_err("busy");
    assert!(error.is_busy());
    let error = Client::over(Recorder::answering(404, "no page")).method("seen").notify(&()).await.expect_err("lost");
    assert_eq!(whole(&error), "`seen` of in-process failed: status 404 Not Found with the body `no page`");
}

#[test]
fn a_client_is_a_value_like_any_other() {
    fn check<T: Clone + Debug + Send + Sync + 'static>() {}
    fn is_sent<T: Send>(_: T) {}
    check::<Client>();
    check::<ClientMethod>();
    let client = Client::over(Recorder::new());
    assert_eq!(format!("{client:?}"), r#"Client { target: "in-process", .. }"#);
    assert_eq!(
        format!("{:?}", client.method("get")),
        r#"ClientMethod { name: "get", client: Client { target: "in-process", .. } }"#
    );
    // Also of parameters that are not.
    let params = (std::cell::Cell::new(7),);
    is_sent(client.method("get").call::<u64, Never, _>(&params));
}
