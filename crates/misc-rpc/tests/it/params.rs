//! Parameters: by name, by position, or none.

use misc_rpc::{Methods, Never, Param, Procedure, Server, code};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::served::{call, post};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    id: u64,
    name: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct Find {
    name: Option<String>,
    limit: Option<u8>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(flatten)]
    find: Find,
    page: u32,
}

#[derive(Deserialize)]
struct Nested {
    user: Rename,
}

#[derive(Deserialize)]
struct Wrapped(Rename);

const DECLARED: Procedure = Procedure::new("declared").params(&[
    Param::new("id"),
    Param::new("name").optional(),
    Param::new("tags").optional(),
]);
const NESTED: Procedure = Procedure::new("nested").params(&[Param::new("user")]);
const PAGE: Procedure = Procedure::new("page").params(&[Param::new("name"), Param::new("limit"), Param::new("page")]);

fn show(rename: &Rename) -> Value {
    json!([rename.id, rename.name, rename.tags])
}

fn server() -> Server {
    let methods = Methods::new()
        .method("struct", async |rename: Rename| Ok::<_, Never>(show(&rename)))
        .method("wrapped", async |Wrapped(rename): Wrapped| Ok::<_, Never>(show(&rename)))
        .method("optional", async |find: Find| Ok::<_, Never>((find.name, find.limit)))
        .method("maybe", async |find: Option<Find>| Ok::<_, Never>(find.map(|find| (find.name, find.limit))))
        .method("tuple", async |(id, name): (u64, String)| Ok::<_, Never>((id, name)))
        .method(DECLARED, async |all: (u64, Option<String>, Option<Vec<String>>)| Ok::<_, Never>(all))
        .method(NESTED, async |(user,): (Nested,)| Ok::<_, Never>(user.user.id))
        .method(PAGE, async |page: Page| Ok::<_, Never>((page.find.name, page.find.limit, page.page)))
        .method("flat", async |page: Page| Ok::<_, Never>((page.find.name, page.find.limit, page.page)))
        .method("nothing", async |()| Ok::<_, Never>(()))
        .method("any", async |value: Value| Ok::<_, Never>(value))
        .method("raw", async |raw: Box<RawValue>| Ok::<_, Never>(raw))
        .method("list", async |list: Vec<u8>| Ok::<_, Never>(list))
        .method("map", async |map: std::collections::BTreeMap<String, u8>| Ok::<_, Never>(map));
    Server::new(methods).unwrap()
}

#[tokio::test]
async fn come_by_name_and_by_position() {
    let server = server();
    let taken = [
        ("struct", r#"{"id":7,"name":"x","tags":["a"]}"#, r#"[7,"x",["a"]]"#),
        ("struct", r#"[7,"x",["a"]]"#, r#"[7,"x",["a"]]"#),
        ("struct", r#"{"id":7}"#, "[7,null,[]]"),
        ("struct", "[7]", "[7,null,[]]"),
        ("struct", "[7,null]", "[7,null,[]]"),
        ("struct", r#"{"i\u0064":7}"#, "[7,null,[]]"),
        ("wrapped", r#"{"id":7}"#, "[7,null,[]]"),
        ("wrapped", "[7]", "[7,null,[]]"),
        ("optional", "[]", "[null,null]"),
        ("optional", "{}", "[null,null]"),
        ("optional", r#"{"limit":1,"unknown":[{}]}"#, "[null,1]"),
        ("maybe", "[]", "[null,null]"),
        ("tuple", r#"[7,"\u0078"]"#, r#"[7,"x"]"#),
        ("declared", r#"[7,"x"]"#, r#"[7,"x",null]"#),
        ("declared", "[7]", "[7,null,null]"),
        ("declared", r#"{"tags":["a"],"id":7}"#, r#"[7,null,["a"]]"#),
        ("nested", r#"{"user":{"user":{"id":7}}}"#, "7"),
        ("nested", r#"[{"user":{"id":7}}]"#, "7"),
        ("page", r#"["x",1,2]"#, r#"["x",1,2]"#),
        ("page", r#"{"page":2}"#, "[null,null,2]"),
        ("flat", r#"{"page":2,"name":"x"}"#, r#"["x",null,2]"#),
        ("nothing", "[]", "null"),
        ("nothing", "{}", "null"),
        ("nothing", "[ ]", "null"),
        ("nothing", "null", "null"),
        ("any", r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        ("any", "[1]", "[1]"),
        ("raw", "[1.50, 2]", "[1.50, 2]"),
        ("list", "[1,2]", "[1,2]"),
        ("map", r#"{"a":1}"#, r#"{"a":1}"#),
    ];
    for (method, params, expected) in taken {
        let answer = call(&server, method, params).await;
        assert_eq!(answer.result(), serde_json::from_str::<Value>(expected).unwrap(), "{method} {params}");
    }
}

#[tokio::test]
async fn may_be_absent_where_none_is_needed() {
    let server = server();
    let taken = [
        ("optional", "[null,null]"),
        ("maybe", "null"),
        ("nothing", "null"),
        ("any", "null"),
        ("raw", "null"),
        ("list", "[]"),
        ("map", "{}"),
    ];
    for (method, expected) in taken {
        let answer = post(&server, format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":1}}"#)).await;
        assert_eq!(answer.result().to_string(), expected, "{method}");
    }
    let refused = [
        ("struct", "missing field `id`"),
        ("tuple", "missing parameter 1"),
        ("declared", "missing field `id`"),
        ("flat", "missing field `page`"),
    ];
    for (method, why) in refused {
        let answer = post(&server, format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":1}}"#)).await;
        assert_eq!(answer.error(), (i64::from(code::INVALID_PARAMS), json!(why)), "{method}");
    }
}

#[tokio::test]
async fn say_what_is_wrong_and_where() {
    let server = server();
    let refused = [
        ("struct", r#"{"name":"x"}"#, "missing field `id`"),
        ("struct", "[]", "missing field `id`"),
        ("struct", r#"{"id":"x"}"#, "parameter `id`: invalid type: string \"x\", expected u64"),
        ("struct", r#"["x"]"#, "parameter `id`: invalid type: string \"x\", expected u64"),
        ("struct", r#"{"id":7,"tags":[1]}"#, "parameter `tags`: invalid type: integer `1`, expected a string"),
        ("struct", r#"{"id":7,"other":1}"#, "unknown field `other`, expected one of `id`, `name`, `tags`"),
        ("struct", r#"{"id":7,"id":7}"#, "duplicate field `id`"),
        ("struct", r#"[7,"x",[],1]"#, "too many parameters: there are 3 at most"),
        ("wrapped", "[-1]", "parameter `id`: invalid value: integer `-1`, expected u64"),
        ("tuple", "[7]", "missing parameter 2"),
        ("tuple", "[7,7]", "parameter 2: invalid type: integer `7`, expected a string"),
        ("tuple", r#"[7,"x",1]"#, "too many parameters: there are 2 at most"),
        ("tuple", r#"{"id":7}"#, "unknown field `id`, there are no fields"),
        ("declared", r#"{"name":"x"}"#, "missing field `id`"),
        ("declared", "[]", "missing field `id`"),
        ("declared", r#"{"id":7,"name":1}"#, "parameter `name`: invalid type: integer `1`, expected a string"),
        ("declared", r#"[7,1]"#, "parameter `name`: invalid type: integer `1`, expected a string"),
        ("declared", r#"{"id":7,"other":1}"#, "unknown field `other`, expected one of `id`, `name`, `tags`"),
        ("declared", r#"{"id":7,"id":7}"#, "duplicate field `id`"),
        ("nested", r#"[{"user":{}}]"#, "parameter `user`: missing field `id`"),
        ("page", r#"["x",1,2,3]"#, "too many parameters: there are 3 at most"),
        ("flat", "[1]", "the parameters are given by name only"),
        ("nothing", "[1]", "too many parameters: there are none to give"),
        ("nothing", r#"{"a":1}"#, "unknown field `a`, there are no fields"),
        ("list", r#"{"a":1}"#, "invalid type: map, expected a sequence"),
        ("map", r#"{"a":"x"}"#, "parameter `a`: invalid type: string \"x\", expected u8"),
    ];
    for (method, params, why) in refused {
        let answer = call(&server, method, params).await;
        assert_eq!(answer.error(), (i64::from(code::INVALID_PARAMS), json!(why)), "{method} {params}");
    }
}

#[tokio::test]
async fn that_nest_too_deep_are_refused() {
    let server = server();
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(call(&server, "any", &nested(100)).await.result().to_string(), nested(100));
    let answer = call(&server, "any", &nested(400_000)).await;
    assert_eq!(answer.error(), (i64::from(code::INVALID_PARAMS), json!("recursion limit exceeded")));
    // What nobody looks at may be as deep as it likes.
    assert_eq!(call(&server, "unknown", &nested(400_000)).await.error().0, i64::from(code::METHOD_NOT_FOUND));
}
