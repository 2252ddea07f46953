//! Handlers that go wrong: their callers hear of an internal error, and nothing more.

use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, Ready},
    pin::Pin,
    task,
};

use misc_rpc::{Fault, Methods, Never, Server, code};
use misc_test::Logs;
use serde::{Deserialize, Serialize, Serializer, ser::Error as _};
use serde_json::{Value, json};
use tracing::Level;

use crate::served::{call, post};

/// Cannot be written, but begins to be.
struct Half;

impl Serialize for Half {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq as _;
        let mut list = serializer.serialize_seq(None)?;
        list.serialize_element(&1)?;
        list.serialize_element(&Unwritable)?;
        list.end()
    }
}

struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("the database password is hunter2"))
    }
}

struct PanicsWhenWritten;

impl Serialize for PanicsWhenWritten {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        fail()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct PanicsWhenShown;

impl fmt::Display for PanicsWhenShown {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        fail()
    }
}

impl Fault for PanicsWhenShown {}

/// Ends, or never does.
struct PanicsWhenDropped(bool);

impl Future for PanicsWhenDropped {
    type Output = Result<u8, Never>;

    fn poll(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> task::Poll<Self::Output> {
        if self.0 { task::Poll::Ready(Ok(1)) } else { task::Poll::Pending }
    }
}

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("the database password is hunter2")
    }
}

fn fail() -> ! {
    panic!("the database password is hunter2")
}

fn server() -> Server {
    let methods = Methods::new()
        .method("panics", async |()| -> Result<(), Never> { fail() })
        .method("panics later", async |()| -> Result<(), Never> {
            tokio::task::yield_now().await;
            fail()
        })
        .method("panics at once", |()| -> Ready<Result<(), Never>> { fail() })
        .method("panics when written", async |()| Ok::<_, Never>(PanicsWhenWritten))
        .method("panics when shown", async |()| Err::<(), _>(PanicsWhenShown))
        .method("half", async |()| Ok::<_, Never>(Half))
        .method("map", async |()| Ok::<_, Never>(BTreeMap::from([(vec![1], 1)])))
        .method("panics when dropped", |()| PanicsWhenDropped(true))
        .method("panics when cancelled", |()| PanicsWhenDropped(false))
        .method("fine", async |()| Ok::<_, Never>(1));
    Server::new(methods).unwrap()
}

const BAD: [&str; 7] =
    ["panics", "panics later", "panics at once", "panics when written", "panics when shown", "half", "map"];

#[tokio::test]
async fn a_panic_is_an_internal_error_and_nothing_more() {
    let server = server();
    for method in BAD {
        let logs = Logs::capture();
        let expected = r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"Internal error"},"id":1}"#;
        assert_eq!(call(&server, method, "[]").await.body, expected, "{method}");
        let lines = logs.at_least(Level::ERROR);
        assert_eq!(lines.len(), 1, "{method}");
        assert_eq!((lines[0].target(), lines[0].field("rpc.method")), ("misc_rpc", Some(method)));
        if method != "map" {
            logs.assert_logged("hunter2");
        }
    }
}

#[tokio::test]
async fn a_panic_leaves_the_others_of_a_batch_alone() {
    let methods = ["fine"].into_iter().chain(BAD).chain(["fine"]);
    let one = |(id, method)| json!({ "jsonrpc": "2.0", "method": method, "id": id });
    let batch: Vec<Value> = methods.enumerate().map(one).collect();
    let answers = post(&server(), Value::from(batch).to_string()).await.json();
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), BAD.len() + 2);
    for (id, answer) in answers.iter().enumerate() {
        assert_eq!(answer["id"], json!(id));
        if id == 0 || id == BAD.len() + 1 {
            assert_eq!(answer["result"], json!(1));
        } else {
            assert_eq!(answer["error"], json!({ "code": code::INTERNAL_ERROR, "message": "Internal error" }));
        }
    }
}

#[tokio::test]
async fn a_panic_of_a_notification_is_told_to_the_log_only() {
    let logs = Logs::capture();
    assert_eq!(post(&server(), r#"{"jsonrpc":"2.0","method":"panics"}"#).await.body, "");
    logs.assert_logged("hunter2");
}

#[tokio::test]
async fn a_panic_in_a_drop_changes_nothing_for_the_caller() {
    let logs = Logs::capture();
    assert_eq!(call(&server(), "panics when dropped", "[]").await.result(), json!(1));
    logs.assert_logged("hunter2");
}

#[tokio::test]
async fn a_panic_in_the_drop_of_a_call_whose_caller_has_left_goes_no_further() {
    let logs = Logs::capture();
    let server = server();
    let mut asked = Box::pin(call(&server, "panics when cancelled", "[]"));
    assert!(futures_util::poll!(&mut asked).is_pending());
    drop(asked);
    logs.assert_logged("hunter2");
}
