//! What holds for any requests, and for any bytes.

use http::StatusCode;
use misc_rpc::{Methods, Never, Param, Procedure, Server};
use proptest::{collection::vec, prelude::*, sample::select};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{runtime, task::yield_now};

use crate::served::post;

const NAMED: Procedure = Procedure::new("named").params(&[Param::new("id"), Param::new("name").optional()]);

#[derive(Deserialize)]
struct Rename {
    id: u64,
    name: Option<String>,
}

fn server() -> Server {
    let methods = Methods::new()
        .method("echo", async |value: Value| Ok::<_, Never>(value))
        .method("slow", async |(turns,): (u8,)| {
            for _ in 0..turns {
                yield_now().await;
            }
            Ok::<_, Never>(turns)
        })
        .method("nothing", async |()| Ok::<_, Never>(()))
        .method("rename", async |rename: Rename| Ok::<_, Never>((rename.id, rename.name)))
        .method(NAMED, async |named: (u64, Option<String>)| Ok::<_, Never>(named));
    Server::new(methods).unwrap()
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((select(vec!["id", "name", "x"]), inner), 0..3)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

/// A request that is valid, whatever comes of it.
fn valid() -> impl Strategy<Value = Value> {
    let method = select(vec!["echo", "slow", "nothing", "rename", "named", "unknown"]);
    let params = prop_oneof![
        Just(None),
        (0_u8..9).prop_map(|turns| Some(json!([turns]))),
        json().prop_filter("structured", |json| json.is_array() || json.is_object()).prop_map(Some),
    ];
    let id = prop_oneof![
        Just(None),
        Just(Some(Value::Null)),
        any::<i32>().prop_map(|id| Some(id.into())),
        any::<String>().prop_map(|id| Some(id.into())),
    ];
    (method, params, id).prop_map(|(method, params, id)| {
        let mut request = json!({ "jsonrpc": "2.0", "method": method });
        if let Some(params) = params {
            request["params"] = params;
        }
        if let Some(id) = id {
            request["id"] = id;
        }
        request
    })
}

fn run<T>(work: impl Future<Output = T>) -> T {
    runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

proptest! {
    #[test]
    fn requests_are_answered_in_a_batch_as_they_are_alone(requests in vec(valid(), 1..24)) {
        run(async {
            let server = server();
            let mut alone = Vec::new();
            for request in &requests {
                let answer = post(&server, request.to_string()).await;
                if !answer.body.is_empty() {
                    alone.push(answer.body);
                }
            }
            let answer = post(&server, Value::from(requests).to_string()).await;
            let expected = if alone.is_empty() { String::new() } else { format!("[{}]", alone.join(",")) };
            prop_assert_eq!(answer.body, expected);
            Ok(())
        })?;
    }

    #[test]
    fn any_bytes_are_answered_with_json_or_with_nothing(bytes in vec(any::<u8>(), 0..64)) {
        check(&bytes)?;
    }

    #[test]
    fn any_json_is_answered_with_json_or_with_nothing(json in json()) {
        check(json.to_string().as_bytes())?;
    }

    #[test]
    fn requests_that_were_tampered_with_are_answered_too(
        request in valid(),
        at in any::<prop::sample::Index>(),
        by in select(b"\"\\{}[],:e1 \xff\0".to_vec()),
    ) {
        let mut bytes = request.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = by;
        check(&bytes)?;
    }
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let answer = run(post(&server(), bytes.to_vec()));
    if answer.body.is_empty() {
        prop_assert_eq!(answer.status, StatusCode::NO_CONTENT);
    } else {
        prop_assert_eq!(answer.status, StatusCode::OK);
        prop_assert!(serde_json::from_str::<Value>(&answer.body).is_ok(), "{}", answer.body);
    }
    Ok(())
}
