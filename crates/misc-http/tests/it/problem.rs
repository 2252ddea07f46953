//! Problems: as they are written, and as they are read.

use std::{collections::HashMap, error::Error, fmt, io, time::Duration};

use http::{Response, StatusCode};
use misc_http::Problem;
use misc_test::Logs;
use proptest::prelude::*;
use serde_json::{Value, json};

fn json(problem: &Problem) -> Value {
    serde_json::to_value(problem).expect("JSON")
}

#[test]
fn a_status_alone_is_a_problem() {
    let problem = Problem::from(StatusCode::NOT_FOUND);
    assert_eq!(json(&problem), json!({ "title": "Not Found", "status": 404 }));
    assert_eq!(problem.to_string(), "404 Not Found");
    let unnamed = Problem::new(StatusCode::from_u16(599).expect("valid"));
    assert_eq!(json(&unnamed), json!({ "status": 599 }));
    assert_eq!(unnamed.to_string(), "599");
}

#[test]
fn all_members_are_written_the_standard_ones_first() {
    let problem = Problem::new(StatusCode::FORBIDDEN)
        .with("accounts", ["/account/1", "/account/2"])
        .kind("https://example.com/probs/out-of-credit")
        .title("You do not have enough credit.")
        .detail("Your current balance is 30, but that costs 50.")
        .instance("/account/1/msgs/abc")
        .with("balance", 30);
    let text = serde_json::to_string(&problem).expect("JSON");
    assert_eq!(
        text,
        r#"{"type":"https://example.com/probs/out-of-credit","title":"You do not have enough credit.","status":403,"detail":"Your current balance is 30, but that costs 50.","instance":"/account/1/msgs/abc","accounts":["/account/1","/account/2"],"balance":30}"#
    );
    let shown = "403 You do not have enough credit.: Your current balance is 30, but that costs 50.";
    assert_eq!(problem.to_string(), shown);
}

#[test]
fn a_response_says_what_it_is() {
    let response: Response<String> = Problem::new(StatusCode::CONFLICT).into();
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.body(), r#"{"title":"Conflict","status":409}"#);
}

#[test]
fn a_response_says_when_to_ask_again() {
    for (time, seconds) in [(0, "0"), (1, "1"), (1_000, "1"), (1_001, "2"), (90_000, "90")] {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE).retry_after(Duration::from_millis(time));
        let response: Response<String> = problem.into();
        assert_eq!(response.headers()["retry-after"], seconds, "{time} ms");
        assert_eq!(response.body(), r#"{"title":"Service Unavailable","status":503}"#);
    }
    let response: Response<String> = Problem::new(StatusCode::SERVICE_UNAVAILABLE).into();
    assert!(!response.headers().contains_key("retry-after"));
}

#[test]
fn reserved_names_are_refused() {
    let logs = Logs::capture();
    let plain = Problem::new(StatusCode::GONE);
    for name in ["type", "title", "status", "detail", "instance"] {
        assert_eq!(plain.clone().with(name, "mine"), plain);
        logs.assert_logged(&format!("its name has a meaning of its own member={name}"));
    }
}

#[test]
fn a_value_that_is_no_json_is_left_out() {
    let logs = Logs::capture();
    let problem = Problem::new(StatusCode::GONE).with("map", HashMap::from([(vec![1], 2)]));
    assert_eq!(problem.member("map"), None);
    logs.assert_logged(
        "ERROR misc_http::problem: a problem goes without a member member=map error=key must be a string",
    );
}

#[derive(Debug)]
struct Outer(io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot load the user")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn what_fails_inside_is_logged_with_its_causes_and_hidden_from_the_client() {
    let logs = Logs::capture();
    let load = || Err::<(), _>(Outer(io::Error::other("db-7 refused")));
    let problem = load().map_err(Problem::internal).expect_err("it fails");
    assert_eq!(json(&problem), json!({ "title": "Internal Server Error", "status": 500 }));
    assert!(!format!("{problem:?}").contains("db-7"));
    logs.assert_logged("a request failed error=cannot load the user: db-7 refused");
}

#[test]
fn what_may_be_over_soon_is_a_503_and_a_warning() {
    let logs = Logs::capture();
    let late = io::Error::from(io::ErrorKind::TimedOut);
    let problem = Problem::unavailable(late).detail("ask again").retry_after(Duration::from_secs(2));
    assert_eq!(json(&problem), json!({ "title": "Service Unavailable", "status": 503, "detail": "ask again" }));
    logs.assert_logged("WARN");
    logs.assert_logged("a request cannot be served now error=timed out");
}

#[test]
fn a_client_reads_what_a_server_writes() {
    let problem = Problem::new(StatusCode::FORBIDDEN).kind("urn:x").detail("no").with("balance", 30);
    let read: Problem = serde_json::from_str(&serde_json::to_string(&problem).expect("JSON")).expect("a problem");
    assert_eq!(read, problem);
    assert_eq!(read.status(), StatusCode::FORBIDDEN);
    assert_eq!(read.member("type"), Some(&json!("urn:x")));
    assert_eq!(read.member("balance"), Some(&json!(30)));
}

#[test]
fn members_of_a_wrong_type_are_as_if_they_were_not_there() {
    let text = r#"{ "type": 7, "title": ["no"], "status": "404", "detail": null, "own": null }"#;
    let read: Problem = serde_json::from_str(text).expect("a problem");
    assert_eq!(json(&read), json!({ "status": 500, "own": null }));
    for status in ["1e9", "-1", "99", "70000", "4.5"] {
        let read: Problem = serde_json::from_str(&format!(r#"{{ "status": {status} }}"#)).expect("a problem");
        assert_eq!(read.status(), StatusCode::INTERNAL_SERVER_ERROR, "{status}");
    }
    serde_json::from_str::<Problem>("[]").expect_err("it is no object");
}

proptest! {
    #[test]
    fn any_problem_survives_the_way(
        status in 100u16..1000,
        texts in proptest::collection::vec(proptest::option::of(".*"), 4),
        members in proptest::collection::hash_map("[a-z]{3,8}", any::<i64>(), 0..5),
    ) {
        let mut problem = Problem::new(StatusCode::from_u16(status).expect("valid"));
        let set: [fn(Problem, String) -> Problem; 4] =
            [Problem::title, Problem::detail, Problem::kind, Problem::instance];
        for (set, text) in set.into_iter().zip(texts) {
            problem = text.into_iter().fold(problem, set);
        }
        for (name, value) in members {
            problem = problem.with(name, value);
        }
        let read: Problem = serde_json::from_value(json(&problem)).expect("a problem");
        prop_assert_eq!(read, problem);
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_handler_returns_one_as_its_error() {
    use misc_http::axum::{Json, Router, body::Body, routing::get};
    use tower::ServiceExt as _;

    async fn balance() -> Result<Json<u32>, Problem> {
        Err(StatusCode::PAYMENT_REQUIRED)?;
        Ok(Json(30))
    }
    let routes = Router::new().route("/", get(balance));
    let response = routes.oneshot(http::Request::new(Body::empty())).await.expect("infallible");
    assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}
