//! Calls that must be done by then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::poll;
use http::StatusCode;
use misc_core::Deadline;
use misc_rpc::{Methods, Never, Server, code};
use serde_json::json;
use tokio::time::{Instant, advance, sleep};

use crate::served::{Answer, call, post, request, send};

const EXPECTED: &str = "x-envoy-expected-rq-timeout-ms";

fn server() -> Server {
    let methods = Methods::new()
        .method("left", async |()| {
            Ok::<_, Never>(Deadline::current().map(|deadline| deadline.remaining().as_millis() as u64))
        })
        .method("nap", async |(millis,): (u64,)| {
            sleep(Duration::from_millis(millis)).await;
            Ok::<_, Never>(millis)
        });
    Server::new(methods).unwrap()
}

/// Asks how much time is left, as somebody who waits that long.
async fn left(server: &Server, header: Option<&str>) -> Answer {
    let mut request = request(r#"{"jsonrpc":"2.0","method":"left","id":1}"#);
    if let Some(header) = header {
        request.headers_mut().insert(EXPECTED, header.parse().unwrap());
    }
    send(server, request).await
}

#[tokio::test(start_paused = true)]
async fn there_is_none_unless_somebody_sets_one() {
    assert_eq!(left(&server(), None).await.result(), json!(null));
}

#[tokio::test(start_paused = true)]
async fn the_soonest_counts() {
    let timed = server().timeout(Duration::from_secs(2));
    assert_eq!(left(&timed, None).await.result(), json!(2_000));
    assert_eq!(left(&timed, Some("1500")).await.result(), json!(1_500));
    assert_eq!(left(&timed, Some("2500")).await.result(), json!(2_000));
    let around = Deadline::within(Duration::from_secs(1));
    assert_eq!(around.scope(left(&timed, Some("1500"))).await.result(), json!(1_000));
    assert_eq!(around.scope(left(&server(), None)).await.result(), json!(1_000));
    assert_eq!(around.scope(left(&server(), Some("500"))).await.result(), json!(500));
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_none() {
    for header in ["", "-1", "1.5", "soon", "9999999999999999999", "1 "] {
        assert_eq!(left(&server(), Some(header)).await.result(), json!(null), "{header}");
    }
    // More than the clock can hold.
    left(&server(), Some("999999999999999999")).await.result();
    left(&server().timeout(Duration::MAX), None).await.result();
}

#[tokio::test(start_paused = true)]
async fn what_strangers_say_need_not_count() {
    let server = server().timeout(Duration::from_secs(2)).trust_clients(false);
    assert_eq!(left(&server, Some("1")).await.result(), json!(2_000));
}

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_when_it_passes() {
    let server = server().timeout(Duration::from_secs(2));
    let began = Instant::now();
    let answer = call(&server, "nap", "[60000]").await;
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    let error = json!({ "code": code::DEADLINE_EXCEEDED, "message": "Deadline exceeded" });
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "jsonrpc": "2.0", "error": error, "id": 1 })));
    assert_eq!(call(&server, "nap", "[1999]").await.result(), json!(1_999));
}

#[tokio::test(start_paused = true)]
async fn the_one_around_the_service_is_kept_too() {
    let server = server().timeout(Duration::from_secs(2));
    let began = Instant::now();
    let answer = Deadline::within(Duration::from_secs(1)).scope(call(&server, "nap", "[60000]")).await;
    assert_eq!((began.elapsed(), answer.error().0), (Duration::from_secs(1), i64::from(code::DEADLINE_EXCEEDED)));
}

#[tokio::test(start_paused = true)]
async fn a_notification_ends_when_it_passes() {
    let server = server().timeout(Duration::from_secs(2));
    let answer = post(&server, r#"{"jsonrpc":"2.0","method":"nap","params":[60000]}"#).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::NO_CONTENT, ""));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_late_is_not_begun() {
    let mut request = request(r#"{"jsonrpc":"2.0","method":"left","id":1}"#);
    request.headers_mut().insert(EXPECTED, "0".parse().unwrap());
    assert_eq!(send(&server(), request).await.error().0, i64::from(code::DEADLINE_EXCEEDED));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_comes_late_is_not_begun() {
    let called = Arc::new(AtomicBool::new(false));
    let methods = Methods::new().method_with("call", Arc::clone(&called), async |called: Arc<AtomicBool>, ()| {
        called.store(true, Ordering::Relaxed);
        Ok::<_, Never>(())
    });
    let server = Server::new(methods).unwrap().timeout(Duration::ZERO);
    let answer = post(&server, r#"[{"jsonrpc":"2.0","method":"call","id":1},{"jsonrpc":"2.0","method":"call"}]"#).await;
    assert_eq!(answer.json()[0]["error"]["code"], json!(code::DEADLINE_EXCEEDED));
    assert!(!called.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_a_batch_share_it() {
    let server = server().timeout(Duration::from_secs(2));
    let nap = |id: u64, millis: u64| json!({ "jsonrpc": "2.0", "method": "nap", "params": [millis], "id": id });
    let mut batch: Vec<_> = vec![nap(0, 60_000), nap(1, 1), json!({ "foo": "boo" })];
    // These have to wait for others, and never begin.
    batch.extend((3..30).map(|id| nap(id, 60_000)));
    let began = Instant::now();
    let answers = post(&server, serde_json::Value::from(batch).to_string()).await.json();
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 30);
    for (id, answer) in answers.iter().enumerate() {
        match id {
            1 => assert_eq!(answer["result"], json!(1)),
            2 => assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code::INVALID_REQUEST), &json!(null))),
            _ => {
                assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code::DEADLINE_EXCEEDED), &json!(id)));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for_longer() {
    use http_body::Frame;
    use http_body_util::StreamBody;
    use tower::ServiceExt as _;

    let server = server().timeout(Duration::from_secs(2));
    let frames = futures_util::stream::pending::<Result<Frame<bytes::Bytes>, Never>>();
    let began = Instant::now();
    let response = server.oneshot(request("").map(|_| StreamBody::new(frames))).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    let text = String::from_utf8(response.into_body().into_bytes().to_vec()).unwrap();
    assert!(text.contains("-32001") && text.contains(r#""id":null"#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_in_time_is_given() {
    let server = server().timeout(Duration::from_secs(2));
    let mut asked = Box::pin(call(&server, "nap", "[1000]"));
    assert!(poll!(&mut asked).is_pending());
    // Both are over by the time that anybody looks.
    advance(Duration::from_secs(10)).await;
    assert_eq!(asked.await.result(), json!(1_000));
}
