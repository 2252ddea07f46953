//! Answers that are none, and what those that are say of the server.

use std::{
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use misc_core::Verdict;
use misc_rpc::{Client, Error, Fault, Methods, Never, Payload, Server};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tower::{Layer, Service};

use super::support::{Backend, Recorder, whole};

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("there is no user {id}")]
struct NoUser {
    id: u64,
}

impl Fault for NoUser {
    fn code(&self) -> i32 {
        404
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("it is locked")]
struct Locked;

impl Fault for Locked {}

async fn answer<T: DeserializeOwned, E: Fault>(status: u16, body: &'static str) -> Result<T, Error<E>> {
    Client::over(Recorder::answering(status, body)).method("get").call(&()).await
}

/// Checks what is said of an answer that is none, after "cannot read the answer of `get` of in-process".
async fn refused(status: u16, body: &'static str, said: &str) {
    let error: Error = answer::<u64, Never>(status, body).await.expect_err(body);
    let text = whole(&error);
    let said = format!("cannot read the answer of `get` of in-process: {said}");
    assert_eq!(text, said);
    assert_eq!((error.code(), error.is_timeout(), error.is_connect()), (None, false, false));
}

#[tokio::test]
async fn an_answer_that_is_none_of_json_rpc_is_an_error_that_quotes_it() {
    refused(200, "<html>\r\n", "status 200 OK with the body `<html>\\r\\n`: expected value at line 1 column 1").await;
    refused(200, "", "status 200 OK without a body: EOF while parsing a value at line 1 column 0").await;
    refused(204, "", "status 204 No Content without a body: EOF while parsing a value at line 1 column 0").await;
    refused(
        200,
        "[]",
        "status 200 OK with the body `[]`: invalid type: sequence, expected an answer of JSON-RPC at line 1 column 0",
    )
    .await;
    for (body, why) in [
        (r#"{"jsonrpc":"2.0","id":1}"#, "it has neither a result nor an error"),
        (r#"{"jsonrpc":"2.0","id":1,"error":null}"#, "it has neither a result nor an error"),
        (r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}}"#, "it has both a result and an error"),
        (r#"{"jsonrpc":"2.0","id":2,"result":1}"#, "it is the answer to another call: its id is not that of this one"),
        (
            r#"{"jsonrpc":"2.0","id":"1","result":1}"#,
            "it is the answer to another call: its id is not that of this one",
        ),
        (
            r#"{"jsonrpc":"2.0","id":null,"result":1}"#,
            "it is the answer to another call: its id is not that of this one",
        ),
        (r#"{"jsonrpc":"2.0","result":1}"#, "it is the answer to another call: its id is not that of this one"),
        (
            r#"{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":""}}"#,
            "it is the answer to another call: its id is not that of this one",
        ),
        (r#"{"id":1,"result":1}"#, "it does not say `\"jsonrpc\": \"2.0\"`"),
        (r#"{"jsonrpc":"1.0","id":1,"result":1}"#, "it does not say `\"jsonrpc\": \"2.0\"`"),
        (
            r#"{"jsonrpc":2.0,"id":1,"result":1}"#,
            "invalid type: floating point `2.0`, expected a string at line 1 column 14",
        ),
        (r#"{"jsonrpc":"2.0","id":1,"result":"x"}"#, "invalid type: string \"x\", expected u64 at line 1 column 36"),
        (r#"{"jsonrpc":"2.0","id":1,"result":null}"#, "invalid type: null, expected u64 at line 1 column 4"),
        (r#"{"jsonrpc":"2.0","id":1,"result":1"#, "EOF while parsing an object at line 1 column 34"),
        (r#"{"jsonrpc":"2.0","id":1,"result":1}}"#, "trailing characters at line 1 column 36"),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":"no"}"#,
            "invalid type: string \"no\", expected struct ErrorObject at line 1 column 36",
        ),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#, "missing field `message` at line 1 column 42"),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":99999999999,"message":""}}"#,
            "invalid value: integer `99999999999`, expected i32 at line 1 column 51",
        ),
    ] {
        let quoted: String = body.escape_debug().collect();
        refused(200, body, &format!("status 200 OK with the body `{quoted}`: {why}")).await;
    }
    let body = r#"{"jsonrpc":"2.0","id":1,"result":1}"#;
    let quoted: String = body.escape_debug().collect();
    let why = "it has a result, and its status says otherwise";
    refused(500, body, &format!("status 500 Internal Server Error with the body `{quoted}`: {why}")).await;
}

#[tokio::test]
async fn a_status_that_tells_of_a_failure_is_the_error() {
    let html = "<html>\r\n<head><title>502 Bad Gateway</title></head>";
    for (status, body, said) in [
        (502, html, "502 Bad Gateway with the body `<html>\\r\\n<head><title>502 Bad Gateway</title></head>`"),
        (503, "busy", "503 Service Unavailable with the body `busy`"),
        (503, "", "503 Service Unavailable without a body"),
        (503, r#"{"message":null}"#, "503 Service Unavailable with the body `{\\\"message\\\":null}`"),
        (404, r#"{"error":"no"}"#, "404 Not Found with the body `{\\\"error\\\":\\\"no\\\"}`"),
        (
            503,
            r#"{"error":{"code":503,"message":"overloaded"}}"#,
            "503 Service Unavailable with the body `{\\\"error\\\":{\\\"code\\\":503,\\\"message\\\":\\\"overloaded\\\"}}`",
        ),
    ] {
        let error = answer::<u64, Never>(status, body).await.expect_err(body);
        assert_eq!(whole(&error), format!("`get` of in-process failed: status {said}"));
        assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
        assert_eq!(error.is_busy(), status == 503);
        let told = Client::over(Recorder::answering(status, body)).method("get").notify(&()).await;
        assert_eq!(told.expect_err(body).status(), error.status());
    }
}

#[tokio::test]
async fn a_long_or_binary_answer_is_quoted_in_part() {
    let long: &'static str = Box::leak("\u{1b}[31mx\0".repeat(1_000).into_boxed_str());
    let error = answer::<u64, Never>(200, long).await.expect_err("no JSON");
    let text = whole(&error);
    assert!(text.contains("status 200 OK with a body of 7000 bytes that begins `\\u{1b}[31mx\\0"), "{text}");
    assert!(text.len() < 700, "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    // A letter of several bytes may be cut.
    let long: &'static str = Box::leak(format!("a{}", "ö".repeat(200)).into_boxed_str());
    let text = whole(&answer::<u64, Never>(200, long).await.expect_err("no JSON"));
    assert!(text.contains("ö\u{fffd}`"), "{text}");
}

#[tokio::test]
async fn a_redirection_is_told_and_not_followed() {
    let router = axum::Router::new().fallback(async || axum::response::Redirect::permanent("http://elsewhere/rpc"));
    let backend = Backend::start(router).await;
    let client = Client::builder(backend.url()).build().expect("valid");
    let error = client.method("get").call::<u64, Never, _>(&()).await.expect_err("moved");
    let text = whole(&error);
    assert!(text.contains("status 308 Permanent Redirect to `http://elsewhere/rpc` without a body"), "{text}");
}

#[tokio::test]
async fn an_answer_may_be_written_in_any_order_and_have_more() {
    for body in [
        r#" { "result" : 1 , "id" : 1 , "jsonrpc" : "2.0" } "#,
        r#"{"id":1,"jsonrpc":"2.0","error":null,"result":1}"#,
        r#"{"took":{"ms":[3]},"id":1,"jsonrpc":"2.0","result":1,"more":null}"#,
        "{\"jsonrpc\":\"\\u0032.0\",\"id\":1,\n\t\"result\":1}",
    ] {
        assert_eq!(answer::<u64, Never>(200, body).await.expect(body), 1);
    }
}

#[tokio::test]
async fn nothing_is_a_result() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":null}"#;
    answer::<(), Never>(200, body).await.expect("nothing");
    assert_eq!(answer::<Option<u64>, Never>(200, body).await.expect("nothing"), None);
    assert_eq!(answer::<serde_json::Value, Never>(200, body).await.expect("nothing"), serde_json::Value::Null);
}

#[tokio::test]
async fn an_error_beside_a_result_of_null_is_an_error() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"result":null,"error":{"code":-32601,"message":"no such method"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"},"result":null}"#,
    ] {
        assert!(answer::<u64, Never>(200, body).await.expect_err(body).is_method_not_found());
    }
}

#[tokio::test]
async fn an_error_about_a_request_that_could_not_be_read_has_no_id() {
    for body in [
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no JSON"}}"#,
        r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"no JSON"}}"#,
    ] {
        let error = answer::<u64, Never>(400, body).await.expect_err(body);
        assert_eq!(error.to_string(), "`get` of in-process failed: no JSON (-32700)");
    }
}

#[tokio::test]
async fn errors_of_json_rpc_are_told_apart() {
    let error = async |body| answer::<u64, Never>(200, body).await.expect_err(body);
    let kinds = |error: &Error| {
        [
            error.is_method_not_found(),
            error.is_invalid_params(),
            error.is_internal(),
            error.is_busy(),
            error.is_timeout(),
            error.is_connect(),
        ]
    };
    let table = [
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":""}}"#, 0),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":""}}"#, 1),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":""}}"#, 2),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":""}}"#, 3),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":""}}"#, 4),
    ];
    for (body, kind) in table {
        let mut expected = [false; 6];
        expected[kind] = true;
        assert_eq!(kinds(&error(body).await), expected, "{body}");
    }
    let strange = error(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32050,"message":"odd","data":{"a":[1]}}}"#).await;
    assert_eq!(kinds(&strange), [false; 6]);
    assert_eq!((strange.code(), strange.message(), strange.data()), (Some(-32050), Some("odd"), Some(r#"{"a":[1]}"#)));
}

#[tokio::test]
async fn an_error_that_is_not_the_declared_one_is_told_with_its_code_and_message() {
    let body = r#"{"jsonrpc":"2.0","id":1,"error":{"code":404,"message":"no user","data":{"name":"Ada"}}}"#;
    let error = answer::<u64, NoUser>(200, body).await.expect_err("an error");
    assert_eq!((error.fault(), error.code()), (None, Some(404)));
    assert_eq!(
        whole(&error),
        "`get` of in-process failed: no user (404): this is not the error that the procedure declares: missing field `id` \
         at line 1 column 14"
    );
    assert_eq!(error.data(), Some(r#"{"name":"Ada"}"#));
    // Where none is declared, there is nothing to compare it with.
    let error = answer::<u64, Never>(200, body).await.expect_err("an error");
    assert_eq!(whole(&error), "`get` of in-process failed: no user (404)");
}

#[tokio::test]
async fn a_declared_error_need_not_have_data() {
    let body = r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"it is locked"}}"#;
    assert_eq!(answer::<u64, Locked>(200, body).await.expect_err("an error").fault(), Some(&Locked));
    let body = r#"{"jsonrpc":"2.0","id":1,"error":{"data":{"id":8},"message":"?","code":404}}"#;
    assert_eq!(answer::<u64, NoUser>(200, body).await.expect_err("an error").fault(), Some(&NoUser { id: 8 }));
}

#[tokio::test]
async fn a_reserved_code_is_never_the_declared_error() {
    let body = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"bad","data":{"id":8}}}"#;
    let error = answer::<u64, NoUser>(200, body).await.expect_err("an error");
    assert!(error.fault().is_none() && error.is_internal());
    assert_eq!(whole(&error), "`get` of in-process failed: bad (-32603)");
}

#[tokio::test]
async fn an_answer_is_no_larger_than_allowed() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":"0123456789"}"#;
    let backend = Backend::start(Recorder::answering(200, body)).await;
    // Without a length, in pieces.
    let streamed = axum::Router::new().fallback(async || {
        let pieces = "0123456789"
            .repeat(10)
            .into_bytes()
            .chunks(7)
            .map(|piece| Ok::<_, Never>(piece.to_vec()))
            .collect::<Vec<_>>();
        axum::body::Body::from_stream(futures_util::stream::iter(pieces))
    });
    let streaming = Backend::start(streamed).await;
    let over = Client::builder("").over(Recorder::answering(200, body)).answer_size(body.len() - 1).build();
    let clients: [Client; 3] = [
        Client::builder(backend.url()).answer_size(body.len() - 1).build().expect("valid"),
        Client::builder(streaming.url()).answer_size(body.len() - 1).build().expect("valid"),
        over.expect("valid"),
    ];
    for client in clients {
        let error = client.method("get").call::<String, Never, _>(&()).await.expect_err("too large");
        assert!(
            whole(&error).ends_with(": it has more than the 45 bytes that an answer may have"),
            "{}",
            whole(&error)
        );
        let told = client.method("get").notify(&()).await.expect_err("too large");
        assert_eq!(whole(&told), whole(&error));
    }
    let client = Client::builder(backend.url()).answer_size(body.len()).build().expect("valid");
    assert_eq!(client.method("get").call::<String, Never, _>(&()).await.expect("an answer"), "0123456789");
}

#[tokio::test]
async fn an_answer_in_pieces_is_put_together() {
    let text: String = (0..100_000).map(|at| char::from(b'a' + (at % 26) as u8)).collect();
    let sent = text.clone();
    let router = axum::Router::new().fallback(async move || {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":"{sent}"}}"#).into_bytes();
        let pieces: Vec<_> = body.chunks(999).map(|piece| Ok::<_, Never>(piece.to_vec())).collect();
        axum::body::Body::from_stream(futures_util::stream::iter(pieces))
    });
    let backend = Backend::start(router).await;
    let client = Client::builder(backend.url()).build().expect("valid");
    assert_eq!(client.method("get").call::<String, Never, _>(&()).await.expect("an answer"), text);
}

/// Keeps the verdicts that it sees.
#[derive(Clone, Default)]
struct Verdicts(Arc<Mutex<Vec<Option<Verdict>>>>);

impl<S> Layer<S> for Verdicts {
    type Service = Judged<S>;

    fn layer(&self, inner: S) -> Judged<S> {
        Judged { inner, verdicts: self.clone() }
    }
}

#[derive(Clone)]
struct Judged<S> {
    inner: S,
    verdicts: Verdicts,
}

impl<S> Service<Request<Payload>> for Judged<S>
where
    S: Service<Request<Payload>, Response = Response<Payload>, Future: Send> + Clone + Send + 'static,
    S::Error: Send,
{
    type Response = Response<Payload>;
    type Error = S::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<Payload>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Payload>) -> Self::Future {
        let (answer, verdicts) = (self.inner.call(request), self.verdicts.clone());
        Box::pin(async move {
            let response = answer.await?;
            verdicts.0.lock().expect("unspoiled").push(response.extensions().get().copied());
            Ok(response)
        })
    }
}

/// Answers once, with a header.
#[derive(Clone)]
struct Fixed {
    status: u16,
    retry_after: Option<&'static str>,
    body: &'static str,
}

impl Service<Request<Payload>> for Fixed {
    type Response = Response<Payload>;
    type Error = Never;
    type Future = Ready<Result<Response<Payload>, Never>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Never>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Payload>) -> Self::Future {
        let mut builder = Response::builder().status(self.status);
        if let Some(after) = self.retry_after {
            builder = builder.header("retry-after", after);
        }
        ready(Ok(builder.body(Payload::from(self.body)).expect("a response")))
    }
}

#[tokio::test]
async fn an_answer_says_what_it_means_for_the_server() {
    let (ok, bad) = (Some(Verdict::Success), Some(Verdict::Failure));
    let busy = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":""}}"#;
    let transient = |time| Some(Verdict::Transient(time));
    let second = Some(Duration::from_secs(1));
    let date = Some("Fri, 31 Dec 1999 23:59:59 GMT");
    let overloaded = r#"{"error":{"code":503,"message":"overloaded"}}"#;
    for (status, retry_after, body, expected, asks_again) in [
        // The status says it.
        (200, None, r#"{"jsonrpc":"2.0","id":1,"result":1}"#, None, None),
        (200, None, r#"{"jsonrpc":"2.0","result":{"a":[1]},"id":1}"#, None, None),
        (200, None, r#"{ "id" : 1, "jsonrpc" : "2.0", "result" : 1 } "#, None, None),
        (200, None, r#"{"a":{},"jsonrpc":"2.0","id":1,"result":null}"#, None, None),
        (204, None, "", None, None),
        // What a procedure declares is an answer as any.
        (200, None, r#"{"jsonrpc":"2.0","id":1,"error":{"code":404,"message":""}}"#, ok, None),
        (200, None, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":""}}"#, ok, None),
        (200, None, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":""}}"#, ok, None),
        (200, None, r#"{"jsonrpc":"2.0","id":1,"result":null,"error":{"code":-32603,"message":""}}"#, bad, None),
        (200, None, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":""}}"#, bad, None),
        (200, None, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":""}}"#, transient(None), None),
        (200, None, busy, transient(None), None),
        (503, Some("1"), busy, transient(second), second),
        // A date is left to whoever reads dates, where the status says the same.
        (503, date, busy, None, None),
        (429, date, busy, None, None),
        (200, date, busy, transient(None), None),
        (502, date, busy, transient(None), None),
        (200, Some("0.5"), busy, transient(None), None),
        (200, Some(""), busy, transient(None), None),
        (200, Some(" 1 "), busy, transient(second), second),
        (200, None, "<html>", bad, None),
        (200, None, r#"{"jsonrpc":"2.0","id":1,"result":"cut"#, bad, None),
        (200, None, r#"{"jsonrpc":"2.0","id":1}"#, bad, None),
        (200, None, overloaded, bad, None),
        (200, None, r#"{"jsonrpc":"1.0","id":1,"error":{"code":404,"message":""}}"#, bad, None),
        (200, None, r#"{"id":1,"result":1}"#, bad, None),
        (200, None, r#"{"jsonrpc":"1.0","id":1,"result":1}"#, bad, None),
        // So it does where no server of JSON-RPC has answered.
        (502, None, "<html>", None, None),
        (503, Some("1"), "<html>", None, second),
        (503, Some("1"), overloaded, None, second),
        (404, None, "", None, None),
    ] {
        let verdicts = Verdicts::default();
        let fixed = Fixed { status, retry_after, body };
        let client = Client::builder("").layer(verdicts.clone()).over(fixed).build().expect("valid");
        let answer: Result<Option<serde_json::Value>, Error> = client.method("get").call(&()).await;
        assert_eq!(verdicts.0.lock().expect("unspoiled")[..], [expected], "{status} {body}");
        assert_eq!(answer.err().and_then(|error| error.retry_after()), asks_again, "{status} {body}");
    }
}

/// A fault that may be the caller's, or the server's.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{0}")]
struct Coded(i32);

impl Fault for Coded {
    const FAILURES: &'static [i32] = &[500, 503];

    fn code(&self) -> i32 {
        self.0
    }
}

#[tokio::test]
async fn a_declared_error_may_say_that_the_server_has_failed() {
    let methods = Methods::new().method("fail", async |(code,): (i32,)| Err::<(), _>(Coded(code)));
    let server = Server::new(methods).expect("valid");
    let verdicts = Verdicts::default();
    let client = Client::builder("").layer(verdicts.clone()).over(server).build().expect("valid");
    for (code, expected) in [(404, Verdict::Success), (500, Verdict::Failure), (503, Verdict::Failure)] {
        let error = client.method("fail").call::<(), Coded, _>(&(code,)).await.expect_err("it fails");
        assert_eq!(error.fault().map(Coded::code), Some(code));
        assert_eq!(verdicts.0.lock().expect("unspoiled").pop(), Some(Some(expected)), "{code}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_says_nothing_of_the_server() {
    let verdicts = Verdicts::default();
    let fixed = Fixed { status: 200, retry_after: None, body: "0123456789" };
    let client = Client::builder("").layer(verdicts.clone()).over(fixed).answer_size(9).build().expect("valid");
    client.method("get").call::<u64, Never, _>(&()).await.expect_err("too large");
    assert_eq!(verdicts.0.lock().expect("unspoiled")[..], [Some(Verdict::Ignored)]);
}

#[tokio::test]
async fn what_stands_before_a_server_may_say_that_it_is_busy() {
    for status in [429, 503] {
        let error = answer::<u64, Never>(status, "<html>").await.expect_err("busy");
        assert!(error.is_busy(), "{status}");
    }
    assert!(!answer::<u64, Never>(502, "<html>").await.expect_err("broken").is_busy());
}
