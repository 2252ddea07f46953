//! What others make of the text: promtool, and the strict parser of the Python client.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use misc_metrics::{Format, Registry};
use misc_test::{Missing, skip, tool};

/// A registry with everything in it.
fn everything() -> Registry {
    let metrics = Registry::new("shop");
    metrics.build_info("1.2.3", "abc").unwrap();
    metrics.process_metrics();
    // Quotes in exemplars come in pairs: the Python parser does not see that they are escaped.
    metrics.counter("orders_total", "Orders taken.").unwrap().inc_with([("trace_id", "4bf92f\"3577\"")]);
    let sent = metrics.labels(["channel", "region"]).counter("sent", "Sent: \\ and \"quotes\", 总数.").unwrap();
    sent.with(["mail", "a \"quoted\" one"]).inc_by(1 << 60);
    sent.with(["back\\slash", "two\nlines"]).inc();
    sent.with(["", "总"]).inc();
    let level = metrics.labels(["of"]).gauge("level_ratio", "Level.").unwrap();
    for (of, value) in [("a", -0.5), ("b", 1e300), ("c", 1e-300), ("d", f64::INFINITY), ("e", f64::NAN)] {
        level.with([of]).set(value);
    }
    let pay = metrics.labels(["method"]).histogram("pay_seconds", "Pay.").unwrap();
    [0.001, 0.2, 100.0].iter().for_each(|value| pay.with(["card"]).observe(*value));
    pay.with(["cash \"x\""]).observe_with(0.3, [("trace_id", "abc\\"), ("span_id", "d\"e\"")]);
    let powers = (-10..=10).map(|power| 10_f64.powi(power));
    metrics.buckets(powers).histogram("powers", "Powers of ten.").unwrap().observe(1.0);
    metrics.histogram("size_bytes", "Size.").unwrap().observe(500.0);
    metrics.histogram("items", "Items.").unwrap().observe(500.0);
    metrics.layer("payments").unwrap();
    metrics::with_local_recorder(&metrics, || {
        metrics::describe_histogram!("http.server.duration_seconds", "In\ntwo lines.");
        metrics::histogram!("http.server.duration_seconds", "route" => "/").record(0.1);
        metrics::describe_counter!("hits", "Hits.");
        metrics::counter!("hits", "a" => "1").increment(1);
        metrics::counter!("hits", "b" => "1").increment(1);
    });
    let metrics = metrics.series_limit(1.try_into().unwrap());
    sent.with(["one", "too many"]).inc();
    metrics
}

#[tokio::test]
async fn promtool_finds_nothing_wrong() {
    if !tool("promtool") {
        return;
    }
    let (ok, said) = run(Command::new("promtool").args(["check", "metrics"]), &everything().encode(Format::Text));
    assert!(ok && said.is_empty(), "{said}");
}

/// Reads it all, and prints what it has read of the exemplars.
const PARSE: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
samples = [sample for family in parse(sys.stdin.read()) for sample in family.samples]
for sample in samples:
    if sample.exemplar:
        print('exemplar', sample.name, sorted(sample.exemplar.labels.items()), sample.exemplar.value)
print('region', sorted(sample.labels['region'] for sample in samples if 'region' in sample.labels))
";

#[tokio::test]
async fn the_strict_parser_of_the_python_client_reads_open_metrics() {
    if !tool("python3") {
        return;
    }
    if !run(Command::new("python3").args(["-c", "import prometheus_client.openmetrics.parser"]), "").0 {
        return skip(Missing::Tool, "python3 has no module `prometheus_client`");
    }
    let text = everything().encode(Format::OpenMetrics);
    let (ok, said) = run(Command::new("python3").args(["-c", PARSE]), &text);
    assert!(ok, "{said}\n{text}");
    let expected = r#"exemplar shop_orders_total [('trace_id', '4bf92f"3577"')] 1
exemplar shop_pay_seconds_bucket [('span_id', 'd"e"'), ('trace_id', 'abc\\')] 0.3
region ['a "quoted" one', 'two\nlines', '总']
"#;
    assert_eq!(said, expected);
}

/// Runs a program on `input`; returns whether it liked it, and all that it has said.
fn run(command: &mut Command, input: &str) -> (bool, String) {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.env("PYTHONIOENCODING", "utf-8").spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}
