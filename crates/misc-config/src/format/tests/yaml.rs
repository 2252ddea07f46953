//! What only YAML has: the core schema, tags, anchors, and merge keys.

use super::check;
use crate::format::{Format, Limits, read};

#[test]
fn plain_scalars_follow_the_core_schema() {
    let cases = [
        ("null", "nothing"),
        ("~", "nothing"),
        ("NULL", "nothing"),
        ("nULL", "\"nULL\""),
        ("True", "true"),
        ("FALSE", "false"),
        ("yes", "\"yes\""),
        ("no", "\"no\""),
        ("on", "\"on\""),
        ("-12", "-12"),
        ("+12", "12"),
        ("0", "0"),
        ("-0", "0"),
        ("0o17", "15"),
        ("0x1F", "31"),
        ("-0x1F", "\"-0x1F\""),
        ("0o8", "\"0o8\""),
        ("0x", "\"0x\""),
        ("007", "\"007\""),
        ("0777", "\"0777\""),
        ("-01", "\"-01\""),
        ("01.5", "\"01.5\""),
        ("1_000", "\"1_000\""),
        ("12:30:45", "\"12:30:45\""),
        ("2024-01-01", "\"2024-01-01\""),
        ("1.2.3", "\"1.2.3\""),
        (".5", "0.5"),
        ("5.", "5.0"),
        ("0.5", "0.5"),
        ("1e5", "100000.0"),
        ("-1.5E-2", "-0.015"),
        (".inf", "inf"),
        ("-.INF", "-inf"),
        (".nan", "NaN"),
        ("inf", "\"inf\""),
        ("nan", "\"nan\""),
        (".", "\".\""),
        ("e5", "\"e5\""),
        ("'1'", "\"1\""),
        ("\"true\"", "\"true\""),
        ("''", "\"\""),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", "9223372036854775808u64"),
        ("-9223372036854775809", "-9223372036854775809i128"),
        ("170141183460469231731687303715884105728", "170141183460469231731687303715884105728u128"),
    ];
    for (text, expected) in cases {
        check(Format::Yaml, &[(&format!("a: {text}"), &format!("a={expected}@1:4"))]);
    }
}

#[test]
fn tags_say_what_scalars_are() {
    check(
        Format::Yaml,
        &[
            ("a: !!str 1", "a=\"1\"@1:4"),
            ("a: !!int '12'", "a=12@1:4"),
            ("a: !!int 007", "a=7@1:4"),
            ("a: !!bool true", "a=true@1:4"),
            ("a: !!float 1", "a=1.0@1:4"),
            ("a: !!null ''", "a=nothing@1:4"),
            ("a: !<tag:yaml.org,2002:str> 1", "a=\"1\"@1:4"),
            ("!!map\na: !!seq [1]", "a=[]@2:4 a.0=1@2:11"),
            ("!!str 1: 2", "1=2@1:10"),
            ("a: !!int secret", "does not fit its tag `!!int` @f:1:4"),
            ("a: !!bool 1", "does not fit its tag `!!bool` @f:1:4"),
        ],
    );
}

#[test]
fn other_tags_are_refused_and_not_quoted() {
    let refused = "has a tag that means nothing here, or is a text that starts with `!` and needs quotes @f:1:4";
    for text in ["!s3cret", "!include x", "!!binary x", "!x%0Ay {}", "!!map [1]", "!<s3cret> [1]"] {
        check(Format::Yaml, &[(&format!("a: {text}"), refused)]);
    }
}

#[test]
fn aliases_repeat_what_anchors_name() {
    check(
        Format::Yaml,
        &[
            ("a: &x 1\nb: *x", "a=1@1:4 b=1@1:4"),
            ("a: &x\n  b: 1\nc: [*x]", "a={}@1:4 a.b=1@2:6 c=[]@3:4 c.0={}@1:4 c.0.b=1@2:6"),
            ("&k a: *k", "a=\"a\"@1:1"),
            ("a: &x 1\nb: &x 2\nc: *x", "a=1@1:4 b=2@2:4 c=2@2:4"),
            ("a: &x [*x]", "has an alias inside of what the alias stands for @f:1:8"),
            ("a: *x", "is not valid YAML: while parsing node, found unknown anchor @f:1:4"),
        ],
    );
}

#[test]
fn merge_keys_add_what_a_section_lacks() {
    let base = "x: &x {b: 1}\ny: &y {b: 2, c: 3}\n";
    let kept = "x={}@1:4 x.b=1@1:11 y={}@2:4 y.b=2@2:11 y.c=3@2:17";
    for (text, expected) in [
        ("a: {<<: *x, d: 4}", "a={}@3:4 a.b=1@1:11 a.d=4@3:16"),
        ("a: {<<: *x, b: 4}", "a={}@3:4 a.b=4@3:16"),
        ("a: {b: 4, <<: *x}", "a={}@3:4 a.b=4@3:8"),
        ("a: {<<: [*x, *y]}", "a={}@3:4 a.b=1@1:11 a.c=3@2:17"),
        ("a: {<<: [*y, *x]}", "a={}@3:4 a.b=2@2:11 a.c=3@2:17"),
        ("a: {<<: {b: 5}}", "a={}@3:4 a.b=5@3:13"),
        ("a: {'<<': 1}", "a={}@3:4 a.<<=1@3:11"),
        ("a: {!!str <<: 1}", "a={}@3:4 a.<<=1@3:15"),
    ] {
        check(Format::Yaml, &[(&format!("{base}{text}"), &format!("{expected} {kept}"))]);
    }
    let refused = "merges with `<<` what is not a section, nor a list of sections @f:1:4";
    check(
        Format::Yaml,
        &[
            ("a: {<<: 1}", refused),
            ("a: {<<: [{}, 1]}", refused),
            ("a: {<<: ~}", refused),
            ("a: {<<: {}, <<: {}}", "`<<` is set twice, here and at f:1:5 @f:1:13"),
        ],
    );
}

/// Reads a text whose aliases ask for more than 16 times what a file may hold, or for less.
fn check_copies(text: &str, refused: bool) {
    let limits = Limits { bytes: 10_000, depth: 8 };
    let expected = Err("copies more than 160000 bytes with anchors and aliases".to_owned());
    let result = read("f", Format::Yaml, text, limits).map_err(|problem| problem.message().to_owned());
    assert_eq!(result.map(drop), if refused { expected } else { Ok(()) }, "{text}");
}

#[test]
fn aliases_cannot_explode() {
    let bomb = |levels| {
        let level = |level: usize| format!("a{level}: &a{level} [{}]\n", format!("*a{}, ", level - 1).repeat(10));
        format!("a0: &a0 [1]\n{}", (1..levels).map(level).collect::<String>())
    };
    check_copies(&bomb(3), false);
    check_copies(&bomb(6), true);
}

#[test]
fn aliases_of_long_texts_and_keys_cannot_explode() {
    let long = "x".repeat(4_000);
    for anchor in [long.clone(), format!("{{{long}: 1}}")] {
        let text = |aliases| format!("a: &a {anchor}\nb: [{}]\n", "*a, ".repeat(aliases));
        check_copies(&text(30), false);
        check_copies(&text(40), true);
    }
}
