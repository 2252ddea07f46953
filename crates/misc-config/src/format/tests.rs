//! What each format makes of its texts: values, places and refusals.

mod generated;
mod yaml;

use std::collections::BTreeMap;

use super::{Format, Limits, read};
use crate::tree::{Table, Value, ValueKind};

/// Reads texts, and compares what they hold, or what is wrong with them, each with its place.
fn check(format: Format, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let result = match read("f", format, text, Limits { bytes: 1000, depth: 8 }) {
            Ok(table) => shown(&table).join(" "),
            Err(problem) => format!("{} @{}", problem.message(), problem.origin().unwrap_or_default()),
        };
        assert_eq!(result, *expected, "{format:?}: {text:?}");
    }
}

#[test]
fn yaml_values_know_their_places() {
    check(
        Format::Yaml,
        &[
            ("a: 1", "a=1@1:4"),
            ("a:\n  b:\n    c: x\n", "a={}@2:3 a.b={}@3:5 a.b.c=\"x\"@3:8"),
            ("a:\n- 1\n- b: 2\n", "a=[]@2:3 a.0=1@2:3 a.1={}@3:3 a.1.b=2@3:6"),
            ("a: {b: [1, x]}", "a={}@1:4 a.b=[]@1:8 a.b.0=1@1:9 a.b.1=\"x\"@1:12"),
            ("é: ü\nb: 'é' # c\n", "b=\"é\"@2:4 é=\"ü\"@1:4"),
            ("a: 1\r\nb:\r\n  c: 2\r\n", "a=1@1:4 b={}@3:3 b.c=2@3:6"),
            ("\u{feff}a: 1", "a=1@1:4"),
            ("---\na: |\n  one\n  two\n...\n", "a=\"one\\ntwo\\n\"@3:3"),
            ("a: >-\n  one\n  two\n", "a=\"one two\"@2:3"),
            ("a: |-\n  1", "a=\"1\"@2:3"),
            ("a:\nb: 1\n", "a=nothing@1:2 b=1@2:4"),
            ("1: a\n0x1F: b\ntrue: c\n", "0x1F=\"b\"@2:7 1=\"a\"@1:4 true=\"c\"@3:7"),
            ("a.b: 1\nA: 2", "A=2@2:4 a.b=1@1:6"),
        ],
    );
}

#[test]
fn json_values_know_their_places() {
    check(
        Format::Json,
        &[
            (r#"{"a": 1}"#, "a=1@1:7"),
            (
                "{\n  \"a\": {\n    \"b\": [1, {\"c\": null}]\n  }\n}",
                "a={}@2:8 a.b=[]@3:10 a.b.0=1@3:11 a.b.1={}@3:14 a.b.1.c=nothing@3:20",
            ),
            (r#"{"é": "ü", "b": true}"#, "b=true@1:17 é=\"ü\"@1:7"),
            ("{\r\n\"a\":\r\n\tfalse}", "a=false@3:2"),
            ("\u{feff}{\"a\": 1}", "a=1@1:7"),
            (r#"{"a\u0062": "\ud83d\ude00\n\/"}"#, "ab=\"😀\\n/\"@1:13"),
            (r#"{"a.b": "007", "B": []}"#, "B=[]@1:21 a.b=\"007\"@1:9"),
        ],
    );
}

#[test]
fn toml_values_know_their_places() {
    check(
        Format::Toml,
        &[
            ("a = 1", "a=1@1:5"),
            ("[a.b]\nc = 'x'\n", "a={}@1:2 a.b={}@1:1 a.b.c=\"x\"@2:5"),
            ("a.b = 1\na.c = 2\n", "a={}@1:1 a.b=1@1:7 a.c=2@2:7"),
            ("a = [1, {b = 2}]\n", "a=[]@1:5 a.0=1@1:6 a.1={}@1:9 a.1.b=2@1:14"),
            ("[[a]]\nb = 1\n[[a]]\nb = 2\n", "a=[]@1:1 a.0={}@1:1 a.0.b=1@2:5 a.1={}@3:1 a.1.b=2@4:5"),
            ("\"é\" = 'ü'\n b = \"é\" # c\n", "b=\"é\"@2:6 é=\"ü\"@1:7"),
            ("a = 1\r\n[b]\r\nc = true\r\n", "a=1@1:5 b={}@2:1 b.c=true@3:5"),
            ("\u{feff}a = 1", "a=1@1:5"),
            ("a = '''\n1\n2'''", "a=\"1\\n2\"@1:5"),
            ("a = 1979-05-27 07:32:00.5Z\nb = 07:32:00", "a=\"1979-05-27 07:32:00.5Z\"@1:5 b=\"07:32:00\"@2:5"),
        ],
    );
}

#[test]
fn nothing_in_a_file_is_no_keys() {
    check(Format::Yaml, &[("", ""), ("# only this\n", ""), ("~", ""), ("null\n", ""), ("---\n...\n", ""), ("{}", "")]);
    check(Format::Json, &[("", ""), (" \n", ""), ("{}", ""), ("\u{feff}", "")]);
    check(Format::Toml, &[("", ""), ("# only this\n", "")]);
}

#[test]
fn numbers_lose_nothing() {
    let large = "170141183460469231731687303715884105728";
    let (yaml, json, toml) = (format!("a: {large}0"), format!("{{\"a\": {large}}}"), format!("a = {large}"));
    check(Format::Yaml, &[(&yaml, "is a number out of range @f:1:4"), ("a: 1e999", "is a number out of range @f:1:4")]);
    check(
        Format::Json,
        &[
            (&json, &format!("a={large}u128@1:7")),
            (&json.replace('}', "0}"), "is a number out of range @f:1:7"),
            (r#"{"a": -1e999}"#, "is a number out of range @f:1:7"),
            (r#"{"a": 18446744073709551615}"#, "a=18446744073709551615u64@1:7"),
            (r#"{"a": [-1, 1.0, 1E2]}"#, "a=[]@1:7 a.0=-1@1:8 a.1=1.0@1:12 a.2=100.0@1:17"),
        ],
    );
    check(
        Format::Toml,
        &[
            (&toml, &format!("a={large}u128@1:5")),
            (&format!("{toml}0"), "is a number out of range @f:1:5"),
            ("a = 1e999", "is a number out of range @f:1:5"),
            ("a = 0x1F\nb = 1_000\nc = 0b11\nd = 0o17", "a=31@1:5 b=1000@2:5 c=3@3:5 d=15@4:5"),
            ("a = 1_0.5\nb = -inf\nc = nan\nd = 5e2", "a=10.5@1:5 b=-inf@2:5 c=NaN@3:5 d=500.0@4:5"),
        ],
    );
}

#[test]
fn keys_are_set_once() {
    check(
        Format::Yaml,
        &[
            ("port: 1\nb: 2\nport: 3", "`port` is set twice, here and at f:1:1 @f:3:1"),
            ("a:\n  'b': 1\n  b: 2", "`b` is set twice, here and at f:2:3 @f:3:3"),
            ("{\"a\\nb\": 1, \"a\\nb\": 1}", "`a\\nb` is set twice, here and at f:1:2 @f:1:13"),
        ],
    );
    check(
        Format::Json,
        &[
            ("{\"port\": 1,\n\"port\": 3}", "`port` is set twice, here and at f:1:2 @f:2:1"),
            (r#"{"a": [{"b": 1, "\u0062": 2}]}"#, "`b` is set twice, here and at f:1:9 @f:1:17"),
        ],
    );
    check(
        Format::Toml,
        &[
            ("port = 1\n\nport = 3", "`port` is set twice, here and at f:1:1 @f:3:1"),
            ("[b]\na = 1\n[a]\nx = 1\n[a]\n", "`a` is set twice, here and at f:3:2 @f:5:2"),
            ("b.c = 1\n[a]\nb.c = 1\nb.\"c\" = 2\n", "`c` is set twice, here and at f:3:3 @f:4:3"),
            ("a = [{b = 1, 'b' = 2}]", "`b` is set twice, here and at f:1:7 @f:1:14"),
            ("a = {}\n[[a]]\n", "`a` is set twice, here and at f:1:1 @f:2:3"),
            ("a.b = 1\na.b.c = 2", "is not valid TOML: cannot extend value of type integer with a dotted key @f:2:3"),
        ],
    );
}

#[test]
fn the_root_is_a_section() {
    let list = "holds a list, where keys and their values belong @f:1:1";
    let text = "holds a text, where keys and their values belong @f:1:1";
    check(Format::Yaml, &[("- a", list), ("secret", text), ("--- 'a'", &text.replace("1:1", "1:5"))]);
    check(Format::Json, &[("[1]", list), ("\"secret\"", text)]);
    check(Format::Yaml, &[("a: 1\n---\nb: 2", "has a second document, where one file is one document @f:2:1")]);
}

#[test]
fn broken_texts_are_not_quoted() {
    check(
        Format::Yaml,
        &[
            ("a: [s3cret", "is not valid YAML: while parsing a flow sequence, expected ',' or ']' @f:2:1"),
            ("a: s3cret\n b: s3cret", "is not valid YAML: mapping values are not allowed in this context @f:2:3"),
            (
                "a: \"s3cret\\q\"",
                "is not valid YAML: while parsing a quoted scalar, found unknown escape character @f:1:4",
            ),
            ("? [s3cret]\n: 1", "has a key that is not a plain text @f:1:3"),
            ("a: &x b\n*x : 1", "has a key that is not a plain text @f:2:1"),
            (": s3cret", "has a value without a key @f:1:1"),
        ],
    );
    check(
        Format::Json,
        &[
            ("{\"é\": s3cret}", "is not valid JSON: expected value @f:1:7"),
            ("{\"a\": \"s3cret", "is not valid JSON: eof while parsing a string @f:1:13"),
            ("{\"a\": 1,\n\"b\" \"s3cret\"}", "is not valid JSON: expected `:` @f:2:5"),
            ("{\"a\": [1,\n\"\\ud800s3cret\"]}", "is not valid JSON: unexpected end of hex escape @f:2:8"),
            ("{} s3cret", "is not valid JSON: trailing characters @f:1:4"),
        ],
    );
    check(
        Format::Toml,
        &[
            ("é = s3cret", "is not valid TOML: invalid unquoted key, expected letters, numbers, `-`, `_` @f:1:1"),
            ("a = \"s3cret", "is not valid TOML: invalid basic string, expected `\"` @f:1:12"),
            ("a = 's3cret' s3cret", "is not valid TOML: unexpected key or value, expected newline, `#` @f:1:14"),
            ("a = 1\n[s3cret", "is not valid TOML: unclosed table, expected `]` @f:2:8"),
        ],
    );
}

#[test]
fn large_and_deep_texts_are_refused() {
    let size = "has 1001 bytes, which is more than the limit of 1000 @f";
    let deep = |place: &str| format!("is nested deeper than 8 levels @f:{place}");
    let lists = |count| format!("{}{}", "[".repeat(count), "]".repeat(count));
    for format in [Format::Yaml, Format::Json, Format::Toml] {
        check(format, &[(&" ".repeat(1001), size)]);
    }
    check(Format::Yaml, &[(&format!("a: {}", lists(8)), &deep("1:11")), (&"- ".repeat(400), &deep("1:17"))]);
    check(Format::Yaml, &[(&format!("x: &x {}\na: [[[*x]]]", lists(5)), &deep("2:7"))]);
    check(Format::Json, &[(&format!("{{\"a\": {}}}", lists(8)), &deep("1:14"))]);
    let header = "[a.a.a.a.a.a]\n";
    check(
        Format::Toml,
        &[
            (&format!("a = {}", lists(8)), &deep("1:12")),
            (&format!("a = {}", "[".repeat(900)), &deep("1:13")),
            ("a.a.a.a.a.a.a.a.a.a.a = 1", &deep("1:18")),
            ("[a.a.a.a.a.a.a.a.a.a.a]", &deep("1:17")),
            (&format!("{header}b.c = []"), &deep("2:7")),
            ("a = { b.c.d.e = { b.c.d.e = {} } }", &deep("1:29")),
            ("a = { b.c.d.e = ] { b.c.d.e = ] { b = 1", &deep("1:33")),
        ],
    );
}

#[test]
fn what_only_looks_deep_is_read() {
    let header = "[a.a.a.a.a.a]\n";
    let dots = ".".repeat(20);
    for text in [
        &format!("{header}b = []"),
        &format!("a = \"[[[[{{{{{{{{\\\"{dots}\\\\\" # [[[[[[[[["),
        &format!("a = '[[[[[[[[[\\'\nb = '{dots}'"),
        &format!("a = \"\"\"[[[[[\"\"[[[[\\\"\"\"{dots}\"\"\"\"\"\nb = \"\""),
        &format!("a = '''[[[[[''[[[[{dots}'''''\nb = ''"),
        "a = [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5]",
        "a.b = 1.5\na.c = 1.5\na.d = 1.5\na.e = 1.5\na.f = 1.5\na.g = 1.5",
    ] {
        let limits = Limits { depth: 8, ..Limits::default() };
        assert_eq!(read("f", Format::Toml, text, limits).map(drop), Ok(()), "{text}");
    }
}

/// Writes each value of a tree as `path=value@line:column`, in the order of the paths.
fn shown(table: &Table) -> Vec<String> {
    let mut lines = Vec::new();
    let sorted: BTreeMap<_, _> = table.iter().collect();
    sorted.into_iter().for_each(|(key, value)| show(key, value, &mut lines));
    lines
}

fn show(path: &str, value: &Value, lines: &mut Vec<String>) {
    let shown_kind = match &value.kind {
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::Boolean(value) => value.to_string(),
        ValueKind::I64(value) => value.to_string(),
        ValueKind::U64(value) => format!("{value}u64"),
        ValueKind::I128(value) => format!("{value}i128"),
        ValueKind::U128(value) => format!("{value}u128"),
        ValueKind::Float(value) => format!("{value:?}"),
        ValueKind::String(value) => format!("{value:?}"),
        ValueKind::Array(_) => "[]".to_owned(),
        ValueKind::Table(_) => "{}".to_owned(),
    };
    let origin = value.origin().and_then(|origin| origin.strip_prefix("f:")).expect("each value has a place");
    lines.push(format!("{path}={shown_kind}@{origin}"));
    match &value.kind {
        ValueKind::Array(items) => (0..).zip(items).for_each(|(at, item)| show(&format!("{path}.{at}"), item, lines)),
        ValueKind::Table(table) => lines.extend(shown(table).iter().map(|line| format!("{path}.{line}"))),
        _ => {}
    }
}
