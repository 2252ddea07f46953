//! What is a request, and what is none.

use http::StatusCode;
use misc_rpc::{Fault, Methods, Never, Server, code};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::served::{call, post};

fn server() -> Server {
    let methods = Methods::new()
        .method("echo", async |(text,): (String,)| Ok::<_, Never>(text))
        .method("version", async |()| Ok::<_, Never>("1"));
    Server::new(methods).unwrap()
}

/// Asks for the version with an id, as it is written.
async fn id(id: &str) -> Value {
    post(&server(), format!(r#"{{"jsonrpc":"2.0","method":"version","id":{id}}}"#)).await.json()
}

#[tokio::test]
async fn ids_come_back_as_they_were() {
    for given in ["1", "-1", "1.5", "1e3", "9007199254740993123", r#""a""#, r#""\u0061\"\\""#, r#""""#, "null"] {
        let text = format!(r#"{{"jsonrpc":"2.0","method":"version","id":{given}}}"#);
        let answer = post(&server(), text).await;
        assert_eq!(answer.body, format!(r#"{{"jsonrpc":"2.0","result":"1","id":{given}}}"#));
    }
}

#[tokio::test]
async fn ids_of_other_kinds_are_invalid() {
    // The last two could not be read when they come back.
    for given in ["true", "[1]", "{}", r#""\ud800""#, "1e999"] {
        let answer = id(given).await;
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code::INVALID_REQUEST), &Value::Null), "{given}");
    }
}

#[tokio::test]
async fn invalid_ones_are_told_from_what_is_no_json() {
    let server = server();
    let bodies: [(&[u8], i32, Value); 29] = [
        (b"", code::PARSE_ERROR, Value::Null),
        (b" ", code::PARSE_ERROR, Value::Null),
        (b"nonsense", code::PARSE_ERROR, Value::Null),
        (b"{", code::PARSE_ERROR, Value::Null),
        (b"\xff\xfe", code::PARSE_ERROR, Value::Null),
        (b"{\"jsonrpc\":\"2.0\",\"method\":\"version\",\"id\":\"\xff\"}", code::PARSE_ERROR, Value::Null),
        (b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"method\":\"version\",\"id\":1}", code::PARSE_ERROR, Value::Null),
        (br#"{"jsonrpc":"2.0","method":"version","id":1} x"#, code::PARSE_ERROR, Value::Null),
        (br#"{"jsonrpc":"2.0","method":"version","id":1}{}"#, code::PARSE_ERROR, Value::Null),
        (br#"{"jsonrpc":"2.0","method":"version","id":01}"#, code::PARSE_ERROR, Value::Null),
        // What is wrong first does not hide what is worse.
        (br#"{"jsonrpc":1,"method":"version","id":1"#, code::PARSE_ERROR, Value::Null),
        (b"[1,", code::PARSE_ERROR, Value::Null),
        (b"1", code::INVALID_REQUEST, Value::Null),
        (br#""text""#, code::INVALID_REQUEST, Value::Null),
        (b"null", code::INVALID_REQUEST, Value::Null),
        (b"{}", code::INVALID_REQUEST, Value::Null),
        (b" [ ] ", code::INVALID_REQUEST, Value::Null),
        (br#"{"method":"version","id":1}"#, code::INVALID_REQUEST, json!(1)),
        (br#"{"jsonrpc":"1.0","method":"version","id":1}"#, code::INVALID_REQUEST, json!(1)),
        (br#"{"jsonrpc":2.0,"method":"version","id":1}"#, code::INVALID_REQUEST, json!(1)),
        (br#"{"jsonrpc":"2.0","id":1}"#, code::INVALID_REQUEST, json!(1)),
        (br#"{"jsonrpc":"2.0","method":null,"id":1}"#, code::INVALID_REQUEST, json!(1)),
        (br#"{"jsonrpc":"2.0","method":"\ud800","id":1}"#, code::INVALID_REQUEST, json!(1)),
        (br#"{"jsonrpc":"2.0","method":"version","params":"x","id":1}"#, code::INVALID_REQUEST, json!(1)),
        (br#"{"jsonrpc":"2.0","method":"version","params":1,"id":1}"#, code::INVALID_REQUEST, json!(1)),
        // Members that are there twice: nobody knows which one is meant.
        (br#"{"jsonrpc":"2.0","method":"version","method":"echo","id":1}"#, code::INVALID_REQUEST, json!(1)),
        (br#"{"jsonrpc":"2.0","method":"version","params":[],"params":[],"id":1}"#, code::INVALID_REQUEST, json!(1)),
        (br#"{"jsonrpc":"2.0","jsonrpc":"2.0","method":"version","id":1}"#, code::INVALID_REQUEST, json!(1)),
        (br#"{"jsonrpc":"2.0","method":"version","id":1,"id":2}"#, code::INVALID_REQUEST, Value::Null),
    ];
    for (body, code, id) in bodies {
        let answer = post(&server, body).await;
        let text = String::from_utf8_lossy(body);
        assert_eq!((answer.status, answer.error().0), (StatusCode::OK, i64::from(code)), "{text}");
        assert_eq!(answer.json()["id"], id, "{text}");
    }
}

#[tokio::test]
async fn may_be_written_as_json_allows() {
    let texts = [
        " \r\n\t{ \"jsonrpc\" : \"2.0\" , \"method\" : \"version\" , \"id\" : 1 }\n",
        r#"{"id":1,"method":"version","jsonrpc":"2.0"}"#,
        r#"{"\u006dethod":"ver\u0073ion","jsonrpc":"2\u002e0","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"version","id":1,"extra":{"deep":[1,{}]}}"#,
        r#"{"jsonrpc":"2.0","method":"version","params":null,"id":1}"#,
    ];
    for text in texts {
        assert_eq!(post(&server(), text).await.body, r#"{"jsonrpc":"2.0","result":"1","id":1}"#, "{text}");
    }
}

#[tokio::test]
async fn texts_survive_the_way() {
    let text = "\u{0} \" \\ / \n \u{7f} ü 総 🦀 </script>";
    assert_eq!(call(&server(), "echo", &json!([text]).to_string()).await.result(), json!(text));
}

#[tokio::test]
async fn unknown_members_of_a_batch_do_not_spoil_the_others() {
    let body =
        r#"[{"jsonrpc":"2.0","method":"version","id":1},[],{"jsonrpc":"2.0","method":"echo","params":["x"],"id":2}]"#;
    let expected = json!([
        { "jsonrpc": "2.0", "result": "1", "id": 1 },
        { "jsonrpc": "2.0", "error": { "code": code::INVALID_REQUEST, "message": "Invalid Request" }, "id": null },
        { "jsonrpc": "2.0", "result": "x", "id": 2 },
    ]);
    assert_eq!(post(&server(), body).await.json(), expected);
}

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
enum UserError {
    #[error("there is no user {id}")]
    NotFound { id: u64 },
    #[error("\"reserved\"")]
    Reserved,
}

impl Fault for UserError {
    fn code(&self) -> i32 {
        match self {
            Self::NotFound { .. } => 404,
            Self::Reserved => code::PARSE_ERROR,
        }
    }
}

#[tokio::test]
async fn declared_errors_travel_with_code_text_and_data() {
    let methods = Methods::new()
        .method("find", async |(id,): (u64,)| Err::<(), _>(UserError::NotFound { id }))
        .method("reserved", async |()| Err::<(), _>(UserError::Reserved));
    let server = Server::new(methods).unwrap();
    let answer = call(&server, "find", "[7]").await;
    assert_eq!(answer.status, StatusCode::OK);
    let error = json!({ "code": 404, "message": "there is no user 7", "data": { "NotFound": { "id": 7 } } });
    assert_eq!(answer.json(), json!({ "jsonrpc": "2.0", "error": error, "id": 1 }));
    // Codes that JSON-RPC has reserved are not a procedure's to use.
    let error = json!({ "code": 1, "message": "\"reserved\"", "data": "Reserved" });
    assert_eq!(call(&server, "reserved", "[]").await.json()["error"], error);
}

#[tokio::test]
async fn a_result_of_nothing_is_null() {
    let server = Server::new(Methods::new().method("nothing", async |()| Ok::<_, Never>(()))).unwrap();
    assert_eq!(call(&server, "nothing", "[]").await.body, r#"{"jsonrpc":"2.0","result":null,"id":1}"#);
}
