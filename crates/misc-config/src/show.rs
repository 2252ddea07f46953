//! Values as people read them: on one line, and without what is secret.

mod secret;

use std::{borrow::Cow, fmt::Write as _};

pub(crate) use self::secret::{MASK, is_masked, masked, masked_in, without_passwords};
use crate::tree::{Table, Value, ValueKind};

/// How many characters of a value fit in a table, or in an error.
const LONGEST: usize = 200;

/// Writes a value on one line, as in a YAML file; it reads back as it was, but for passwords in URLs, which are masked.
pub(crate) fn show(value: &Value) -> String {
    let mut line = String::new();
    add(&mut line, &value.kind);
    line
}

/// Writes a value on one line for people, the end of a very long one left out.
pub(crate) fn brief(value: &Value) -> String {
    if matches!(&value.kind, ValueKind::String(text) if text == MASK) {
        return MASK.to_owned();
    }
    let mut line = show(value);
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Returns the entries of a table in the order of their names.
pub(crate) fn sorted(table: &Table) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| *name);
    entries
}

/// Writes a text as in a YAML file, but for passwords in URLs, which are masked.
pub(crate) fn shown(inner: &str) -> String {
    text(&without_passwords(inner)).into_owned()
}

/// Writes a text as in a YAML file: in quotes where it could be read as something else.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if is_plain(text) { Cow::Borrowed(text) } else { Cow::Owned(quoted(text)) }
}

fn add(line: &mut String, kind: &ValueKind) {
    match kind {
        ValueKind::Nil => line.push_str("null"),
        ValueKind::String(inner) => line.push_str(&shown(inner)),
        ValueKind::Float(number) => add_float(line, *number),
        ValueKind::Array(items) => add_all(line, ['[', ']'], items, |line, item| add(line, &item.kind)),
        ValueKind::Table(table) => add_all(line, ['{', '}'], sorted(table), |line, (name, inner)| {
            line.push_str(&shown(name));
            line.push_str(": ");
            add(line, &inner.kind);
        }),
        plain => line.push_str(&plain.to_string()),
    }
}

fn add_all<T>(line: &mut String, [open, close]: [char; 2], all: impl IntoIterator<Item = T>, each: fn(&mut String, T)) {
    line.push(open);
    for (index, item) in all.into_iter().enumerate() {
        if index > 0 {
            line.push_str(", ");
        }
        each(line, item);
    }
    line.push(close);
}

fn add_float(line: &mut String, number: f64) {
    match number {
        _ if number.is_nan() => line.push_str(".nan"),
        f64::INFINITY => line.push_str(".inf"),
        f64::NEG_INFINITY => line.push_str("-.inf"),
        _ => write!(line, "{number:?}").expect("a `String` takes all"),
    }
}

/// Returns whether every reader of YAML takes a text without quotes for what it is.
fn is_plain(text: &str) -> bool {
    let first_is_harmless = text.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '/' | '.' | '$'));
    let harmless = |c: char| {
        !(c.is_control() || matches!(c, ',' | '[' | ']' | '{' | '}' | '"' | '\u{2028}' | '\u{2029}' | '\u{feff}'))
    };
    first_is_harmless
        && text.chars().all(harmless)
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && !is_word(text)
        && !is_number(text)
}

/// Returns whether a text is a word that YAML 1.1 or 1.2 takes for something else.
fn is_word(text: &str) -> bool {
    ["null", "true", "false", "yes", "no", "on", "off", "y", "n"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Returns whether a text may be a number, a time or a date in YAML 1.1 or 1.2.
fn is_number(text: &str) -> bool {
    let digits = text.replace('_', "");
    let based = digits.starts_with('0') && digits[1..].starts_with(['x', 'o', 'b', 'X', 'O', 'B']);
    let (whole, _) = digits.split_once('.').unwrap_or((digits.trim_end_matches('Z'), ""));
    let dated = whole.contains(['-', ':'])
        && whole.split(['-', ':', 'T', 't', '+', ' ']).all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    based || dated || digits.trim_start_matches('.').parse::<f64>().is_ok()
}

/// Writes a text in quotes, as JSON has it, so that no terminal obeys it.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                write!(quoted, "\\u{:04x}", u32::from(c)).expect("a `String` takes all");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use saphyr_parser::{Event, Parser, ScalarStyle};

    use super::*;
    use crate::tree::value;

    fn check(kind: impl Into<ValueKind>, expected: &str) {
        assert_eq!(show(&value("", kind)), expected);
    }

    fn table(entries: &[(&str, Value)]) -> ValueKind {
        ValueKind::Table(entries.iter().map(|(name, inner)| ((*name).to_owned(), inner.clone())).collect())
    }

    #[test]
    fn leaves_texts_plain_that_nothing_mistakes() {
        for plain in
            ["a", "two words", "127.0.0.1", "0.0.0.0:80", "30s", "a:b", "/x/y", "ü", "10MiB", "it's", "a#b", "1.2.3"]
        {
            check(plain, plain);
        }
    }

    #[test]
    fn quotes_texts_that_some_reader_mistakes() {
        for quoted in [
            "",
            " a",
            "a ",
            "null",
            "True",
            "no",
            "ON",
            "y",
            "~",
            "7",
            "007",
            "-1",
            "+1",
            "1e5",
            ".5",
            ".inf",
            ".NaN",
            "0x1F",
            "0o17",
            "1_000",
            "12:30",
            "12:30.5",
            "2024-01-31",
            "2024-01-31T10:00:00Z",
            "a: b",
            "a:",
            "a #b",
            "#a",
            "- a",
            "-",
            "? a",
            "[a",
            "a, b",
            "{",
            "*a",
            "&a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a",
            "=",
            "<<",
            "---",
            "'a'",
        ] {
            check(quoted, &format!("\"{quoted}\""));
        }
    }

    #[test]
    fn escapes_what_a_terminal_would_obey() {
        check("a\"b\\", r#""a\"b\\""#);
        check("a\nb\tc", r#""a\nb\tc""#);
        check("\u{1b}[31m\u{9b}\u{7f}", r#""\u001b[31m\u009b\u007f""#);
    }

    #[test]
    fn shows_each_kind_on_one_line() {
        check(ValueKind::Nil, "null");
        check(true, "true");
        check(-5_i64, "-5");
        check(u128::MAX, "340282366920938463463374607431768211455");
        check(1.0, "1.0");
        check(f64::NEG_INFINITY, "-.inf");
        check(f64::NAN, ".nan");
        check(vec![value("", "a"), value("", 1_i64), value("", vec!["1"])], "[a, 1, [\"1\"]]");
        check(table(&[("b", value("", 1_i64)), ("a c", value("", table(&[])))]), "{a c: {}, b: 1}");
    }

    #[test]
    fn cuts_what_is_very_long_for_people_only() {
        let long = value("", "ä".repeat(201));
        assert_eq!(brief(&long), format!("{}…", "ä".repeat(200)));
        assert_eq!(show(&long), "ä".repeat(201));
        assert_eq!(brief(&value("", MASK)), MASK);
    }

    proptest! {
        #[test]
        fn writes_texts_that_yaml_reads_back(original in any::<String>()) {
            let line = format!("- {}", text(&original));
            let events: Vec<_> = Parser::new_from_str(&line).map(|event| event.unwrap().0).collect();
            let read = events.iter().find_map(|event| match event {
                Event::Scalar(read, ScalarStyle::Plain | ScalarStyle::DoubleQuoted, _, None) => Some(&**read),
                _ => None,
            });
            prop_assert_eq!(read, Some(&*original));
            prop_assert_eq!(line.lines().count(), 1);
        }
    }
}
