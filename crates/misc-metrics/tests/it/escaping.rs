//! Whatever a label or a help says, it says the same when it is read again.

use misc_metrics::{Format, Registry};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn label_values_and_help_survive(values in prop::collection::vec(anything(), 1..4), help in one_line()) {
        let metrics = Registry::new("shop");
        let family = metrics.labels(["a", "b"]).gauge("level", &help).unwrap();
        for (at, value) in values.iter().enumerate() {
            family.with([value.as_str(), &at.to_string()]).set(1.0);
        }
        // Gauges have no exemplars, histograms do: the two paths of OpenMetrics.
        let times = metrics.labels(["a"]).buckets([1.0]).histogram("pay_seconds", &help).unwrap();
        times.with([values[0].as_str()]).observe_with(0.5, [("id", "1")]);
        for format in [Format::Text, Format::OpenMetrics] {
            let text = metrics.encode(format);
            let read = read(&text, format);
            prop_assert_eq!(&read.help, &vec![help.clone(), help.clone()], "{}", text);
            let levels: Vec<_> = read.labels.iter().filter(|labels| labels.len() == 2 && labels[1].0 == "b").collect();
            let expected: Vec<_> = values.iter().enumerate()
                .map(|(at, value)| vec![("a".to_owned(), value.clone()), ("b".to_owned(), at.to_string())]).collect();
            prop_assert_eq!(levels, expected.iter().collect::<Vec<_>>(), "{}", text);
            let times = read.labels.iter().filter(|labels| labels.len() == 1);
            prop_assert!(times.clone().count() == 2);
            for labels in times {
                prop_assert_eq!(&labels[0], &("a".to_owned(), values[0].clone()), "{}", text);
            }
        }
    }
}

/// Text with more of what is special than chance would give.
fn anything() -> impl Strategy<Value = String> {
    let char =
        prop_oneof![Just('\\'), Just('"'), Just('\n'), Just('n'), Just('}'), Just(','), Just('#'), any::<char>()];
    prop::collection::vec(char, 0..12).prop_map(|chars| chars.into_iter().collect())
}

fn one_line() -> impl Strategy<Value = String> {
    anything().prop_map(|text| format!("x{}x", text.replace(['\n', '\r'], " ")))
}

#[derive(Default)]
struct Read {
    help: Vec<String>,
    labels: Vec<Vec<(String, String)>>,
}

/// A small parser of both formats: it knows where lines, names and strings end, and what is escaped in them.
fn read(text: &str, format: Format) -> Read {
    let mut read = Read::default();
    for line in text.strip_suffix('\n').unwrap().split('\n') {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (_, help) = rest.split_once(' ').unwrap();
            read.help.push(unescape(help, format == Format::OpenMetrics));
        } else if !line.starts_with('#') {
            read.labels.push(labels(line));
        }
    }
    read
}

fn labels(line: &str) -> Vec<(String, String)> {
    let Some((_, mut rest)) = line.split_once('{') else {
        return Vec::new();
    };
    let mut labels = Vec::new();
    while !rest.starts_with('}') {
        let (name, value) = rest.split_once("=\"").unwrap();
        let end = end_of_string(value);
        labels.push((name.trim_start_matches(',').to_owned(), unescape(&value[..end], true)));
        rest = &value[end + 1..];
    }
    labels
}

fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices() {
        match char {
            '"' if !escaped => return at,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    panic!("a string does not end: {text}");
}

fn unescape(text: &str, quotes: bool) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match (char, quotes) {
            ('\\', _) => match chars.next() {
                Some('\\') => out.push('\\'),
                Some('n') => out.push('\n'),
                Some('"') if quotes => out.push('"'),
                other => panic!("`\\{other:?}` is no escape"),
            },
            ('"', true) => panic!("a quote is not escaped: {text}"),
            (char, _) => out.push(char),
        }
    }
    out
}
