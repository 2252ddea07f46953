//! What holds for every text.

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
};
use serde_json::json;

use super::shown;
use crate::{
    format::{Format, Limits, read},
    tree::Table,
};

proptest! {
    #[test]
    fn formats_agree(tree in object()) {
        let json = read("f", Format::Json, &serde_json::to_string_pretty(&tree)?, Limits::default());
        let json = kinds(&json.expect("it is JSON"));
        let yaml = read("f", Format::Yaml, &tree.to_string(), Limits::default());
        prop_assert_eq!(&kinds(&yaml.expect("JSON is YAML")), &json);
        let toml = read("f", Format::Toml, &written(&tree), Limits::default());
        prop_assert_eq!(&kinds(&toml.expect("it is TOML")), &json);
    }

    #[test]
    fn no_text_panics(bytes in vec(any::<u8>(), 0..64), parts in vec(0..TOKENS.len(), 0..24)) {
        let tokens: String = parts.into_iter().map(|part| TOKENS[part]).collect();
        for text in [tokens, String::from_utf8_lossy(&bytes).into_owned()] {
            for format in [Format::Yaml, Format::Json, Format::Toml] {
                if let Err(problem) = read("f", format, &text, Limits::default()) {
                    prop_assert!(problem.origin().is_some_and(|origin| origin.starts_with("f:")));
                }
            }
        }
    }
}

/// What texts are made of that come close to being right.
const TOKENS: [&str; 40] = [
    "a",
    "b: ",
    "a: ",
    "- ",
    "\n",
    "\n  ",
    " ",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "'",
    "'''",
    "\"\"\"",
    "#",
    "&a ",
    "*a",
    "<<: ",
    "? ",
    "|",
    ">-\n",
    "!!str ",
    "!x ",
    "---\n",
    "%YAML 1.2\n",
    "=",
    ".",
    "[a]\n",
    "[[a]]\n",
    "1",
    "1e9",
    "\t",
    "\r\n",
    "é",
    "\u{feff}",
    "\\",
    "\"a\":",
];

/// Makes trees that all formats have: TOML knows no null.
fn object() -> impl Strategy<Value = serde_json::Value> {
    let text = "[\\PC\n\t\\\\\"]{0,8}";
    let leaf = prop_oneof![
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        proptest::num::f64::NORMAL.prop_map(|value| json!(value)),
        text.prop_map(|value| json!(value)),
    ];
    let tree = leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(|items| json!(items)),
            btree_map(text, inner, 0..5).prop_map(|members| json!(members)),
        ]
    });
    btree_map(text, tree, 0..5).prop_map(|members| json!(members))
}

/// Writes a tree as TOML, whose strings and numbers may be written as those of JSON.
fn written(tree: &serde_json::Value) -> String {
    let members = tree.as_object().into_iter().flatten();
    members.map(|(key, value)| format!("{} = {}\n", json!(key), inline(value))).collect()
}

fn inline(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(members) => {
            let members: Vec<_> =
                members.iter().map(|(key, value)| format!("{} = {}", json!(key), inline(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
        serde_json::Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Takes the places off a tree.
fn kinds(table: &Table) -> Vec<String> {
    shown(table).iter().filter_map(|line| Some(line.rsplit_once('@')?.0.to_owned())).collect()
}
