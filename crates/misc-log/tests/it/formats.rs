//! How a line looks in each format.

use std::{
    cell::Cell,
    fmt,
    io::Write as _,
    process::{Command, Stdio},
};

use misc_log::{Color, Format};
use serde_json::json;
use tracing::{debug, error, field::Empty, info, info_span, trace, warn};

use crate::support::{Logged, line, object};

#[test]
fn compact_is_one_line_with_fields_and_spans() {
    let shown = line(Format::Compact, || {
        let _outer = info_span!("request", method = "GET", path = "/a b").entered();
        let _inner = info_span!("query").entered();
        warn!(target: "shop::db", rows = 3, ratio = 0.5, ok = true, user = "ann", note = "two words", "slow");
    });
    assert_eq!(
        shown,
        r#" WARN shop::db: slow rows=3 ratio=0.5 ok=true user=ann note="two words" in request{method=GET path="/a b"}:query"#
    );
}

#[test]
fn times_are_in_rfc_3339() {
    let logged = Logged::new(Format::Compact);
    logged.run(|| info!("now"));
    let text = logged.text();
    let shape: String = text[..27].chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000Z");
}

#[test]
fn nothing_that_is_logged_looks_like_another_line() {
    let shown = line(Format::Compact, || {
        let name = "x\n2026-11-22T15:04:05.123456Z ERROR forged: line";
        let _span = info_span!("login", name).entered();
        info!(name, display = %name, "a\r\nb\u{1b}[2J\u{9b}\u{2028}\u{202e}");
    });
    assert_eq!(shown.lines().count(), 1);
    assert!(shown.contains(r"a\r\nb\u{1b}[2J\u{9b}\u{2028}\u{202e}"), "{shown}");
    assert!(!shown.contains(char::is_control), "{shown}");
}

#[test]
fn a_string_cannot_look_like_more_fields() {
    let shown = line(Format::Compact, || info!(user = r#"ann" admin="true"#, empty = "", "in"));
    assert!(shown.ends_with(r#": in user="ann\" admin=\"true" empty="""#), "{shown}");
}

#[test]
fn pretty_shows_what_has_several_lines_below_the_first() {
    let shown = line(Format::Pretty, || {
        let _span = info_span!("request", id = 1).entered();
        error!("first\nsecond\u{7}");
    });
    assert_eq!(shown, "ERROR it::formats: first\n    second\\u{7}\n    in request{id=1}");
}

#[test]
fn colours_are_for_people_only() {
    for (format, expected) in
        [(Format::Compact, true), (Format::Pretty, true), (Format::Json, false), (Format::Journald, false)]
    {
        let logged = Logged::with(|config| (config.format, config.color) = (format, Color::Always));
        logged.run(|| info!(a = 1, "coloured"));
        assert_eq!(logged.text().contains('\u{1b}'), expected, "{format:?}");
    }
}

#[test]
fn a_file_gets_plain_compact_lines() {
    let shown = line(Format::Auto, || info!("plain"));
    assert_eq!(shown, " INFO it::formats: plain");
}

#[test]
fn journald_has_the_priorities_of_sd_daemon() {
    let logged = Logged::with(|config| {
        config.format = Format::Journald;
        config.filter = Some("trace".to_owned());
    });
    logged.run(|| {
        error!(target: "a", "1");
        warn!(target: "a", "2");
        info!(target: "a", "3\n4");
        debug!(target: "a", "5");
        trace!(target: "a", "6");
    });
    assert_eq!(logged.text(), "<3>a: 1\n<4>a: 2\n<6>a: 3\\n4\n<7>a: 5\n<7>a: 6\n");
}

#[test]
fn json_is_one_flat_object() {
    let mut line = object(|| {
        let _outer = info_span!("request", method = "GET", status = Empty).entered();
        let _inner = info_span!("query").entered();
        info!(target: "shop", rows = 3, ratio = 1.0, big = u128::MAX, ok = false, user = "ann", "done");
    });
    assert_eq!(line["timestamp"].as_str().map(str::len), Some(27));
    line.as_object_mut().unwrap().remove("timestamp");
    let expected = json!({
        "level": "INFO",
        "target": "shop",
        "message": "done",
        "rows": 3,
        "ratio": 1.0,
        "big": u128::MAX as f64,
        "ok": false,
        "user": "ann",
        "spans": [
            { "name": "request", "fields": { "method": "GET" } },
            { "name": "query", "fields": {} },
        ],
    });
    assert_eq!(line, expected);
}

#[test]
fn json_is_legal_whatever_is_logged() {
    let line = object(|| {
        info!(
            nan = f64::NAN,
            inf = f64::NEG_INFINITY,
            tiny = 1e-300,
            text = "\"\\\n\0\u{85}é",
            "a \"field\"" = %"x\"y",
            "{}",
            "\u{1b}\u{2028}"
        );
    });
    assert_eq!((&line["nan"], &line["inf"]), (&"NaN".into(), &"-inf".into()));
    assert_eq!(line["tiny"], 1e-300);
    assert_eq!(line["text"], "\"\\\n\0\u{85}é");
    assert_eq!(line["a \"field\""], "x\"y");
    assert_eq!(line["message"], "\u{1b}\u{2028}");
}

#[test]
fn fields_with_the_names_of_keys_get_a_prefix() {
    let line = object(|| {
        info!(timestamp = 1, level = 2, target = 3, suppressed = 4, spans = 5, r#type = 6, "clash");
    });
    let names = ["field_timestamp", "field_level", "field_target", "field_suppressed", "field_spans", "type"];
    assert_eq!(names.map(|name| line[name].as_u64()), [1, 2, 3, 4, 5, 6].map(Some));
    assert_eq!((&line["level"], &line["target"]), (&"INFO".into(), &"it::formats".into()));
}

#[test]
fn errors_show_their_chain() {
    let parse = "x".parse::<u8>().unwrap_err();
    let error = std::io::Error::other(parse);
    let error = Caused(error);
    let line = object(|| error!(error = &error as &dyn std::error::Error, "failed"));
    assert_eq!(line["error"], "cannot read the port: invalid digit found in string");
}

#[derive(Debug)]
struct Caused(std::io::Error);

impl fmt::Display for Caused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot read the port")
    }
}

impl std::error::Error for Caused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn a_foreign_parser_reads_every_line_of_json() {
    const SCRIPT: &str = "import json, sys\n\
        lines = [json.loads(line) for line in sys.stdin.buffer.read().decode('utf-8', 'strict').splitlines()]\n\
        assert all(type(line['n']) is int and line['text'] == chr(line['n']) for line in lines)\n\
        assert all(line['spans'][0]['fields']['text'] == line['text'] for line in lines)\n\
        print(len(lines))";
    if !misc_test::tool("python3") {
        return;
    }
    let logged = Logged::new(Format::Json);
    logged.run(|| {
        for n in (0..0x3000).filter_map(char::from_u32) {
            let mut text = [0; 4];
            let text = &*n.encode_utf8(&mut text);
            let _span = info_span!("outer", text).entered();
            info!(n = u32::from(n), text, "{text}");
        }
    });
    let mut python = Command::new("python3");
    let mut python = python.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(logged.text().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}\n", 0x3000));
}

#[test]
fn a_value_with_backslashes_does_not_leave_its_quotes() {
    for format in [Format::Compact, Format::Pretty, Format::Journald] {
        let shown = line(format, || {
            let agent = r#"a =\" admin=true x"#;
            let _span = info_span!("login", agent = %agent).entered();
            info!(agent = %agent, debug = ?agent, lines = %"a\nb c=1", "in");
        });
        let quoted = r#"agent="a =\\\" admin=true x""#;
        let debug = r#"debug="\"a =\\\\\\\" admin=true x\"""#;
        assert!(shown.contains(&format!(r#": in {quoted} {debug} lines="a\nb c=1""#)), "{format:?}: {shown}");
        assert!(shown.ends_with(&format!("in login{{{quoted}}}")), "{format:?}: {shown}");
    }
}

#[test]
fn a_value_is_shown_once() {
    struct Once(Cell<bool>);
    impl fmt::Display for Once {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            if self.0.replace(true) { Err(fmt::Error) } else { f.write_str("a b=1\n") }
        }
    }
    for format in [Format::Compact, Format::Pretty, Format::Journald, Format::Json] {
        let shown = line(format, || info!(once = %Once(Cell::new(false)), "in"));
        assert!(shown.contains(r"b=1\n"), "{format:?}: {shown}");
    }
}

#[test]
fn a_value_cannot_pass_for_more_fields() {
    let shown = line(Format::Compact, || {
        let name = "bob admin=true \"x\"";
        info!(user = %name, plain = %"two words", debug = ?Some(1), "in");
    });
    assert_eq!(shown, r#" INFO it::formats: in user="bob admin=true \"x\"" plain=two words debug=Some(1)"#);
}
