//! Spans that are exported to a collector.

mod collector;

use std::{net::TcpListener, time::Duration};

use misc_core::{App, Context, TraceContext};
use misc_log::{Config, Format, Otel, Output, Setup};
use serde_json::json;
use tokio::time::Instant;
use tracing::{dispatcher::set_default, info, info_span, trace_span, warn};

use self::collector::Collector;
#[cfg(target_os = "linux")]
use crate::slow::StuckPipe;
use crate::support::{Dir, Logged};

fn logged(endpoint: &str, settings: impl FnOnce(&mut Config, &mut Otel)) -> Logged {
    Logged::with(|config| {
        config.format = Format::Json;
        let mut otel = Otel::default();
        otel.endpoint = Some(endpoint.to_owned());
        settings(config, &mut otel);
        config.otel = Some(otel);
    })
}

#[test]
fn spans_arrive_also_those_that_end_just_before_the_log() {
    let collector = Collector::start();
    let logged = logged(collector.endpoint(), |_, otel| {
        otel.resource.insert("service.name".to_owned(), "shop".to_owned());
        otel.resource.insert("deployment.environment".to_owned(), "test".to_owned());
        otel.headers.insert("x-token".to_owned(), "secret".to_owned());
    });
    logged.run(|| {
        let _request = info_span!("request", path = "/a").entered();
        let _query = info_span!("query").entered();
        trace_span!("detail").in_scope(|| info!(rows = 3, "found"));
    });
    logged.end();
    let received = collector.stop();
    assert_eq!(received.span_names(), ["query", "request"]);
    assert_eq!(received.resource("service.name").as_deref(), Some("shop"));
    assert_eq!(received.resource("deployment.environment").as_deref(), Some("test"));
    assert!(received.heads[0].contains("\r\nx-token: secret\r\n"), "{:?}", received.heads);
    let [query, request] = &*received.spans() else { panic!("two spans") };
    assert_eq!((&query.parent_span_id, &query.trace_id), (&request.span_id, &request.trace_id));
    assert_eq!(query.events[0].name, "found");
}

#[test]
fn lines_have_the_ids_of_the_span_that_is_exported() {
    let collector = Collector::start();
    // The filter of the log hides the span, and that does not matter.
    let logged = logged(collector.endpoint(), |config, _| config.filter = Some("warn".to_owned()));
    logged.run(|| info_span!("request").in_scope(|| warn!("inside")));
    logged.run(|| warn!("outside"));
    let lines = logged.json();
    logged.end();
    let received = collector.stop();
    let [span] = &*received.spans() else { panic!("one span") };
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(
        (&lines[0]["trace_id"], &lines[0]["span_id"]),
        (&hex(&span.trace_id).into(), &hex(&span.span_id).into())
    );
    assert_eq!(lines[1].get("trace_id"), None);
}

#[tokio::test]
async fn a_span_belongs_to_the_trace_that_a_request_brings() {
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let collector = Collector::start();
    let Logged { dispatch, log, .. } = logged(collector.endpoint(), |_, _| {});
    let installed = set_default(&dispatch);
    let (passed_on, rest) = std::sync::mpsc::channel();
    let service = async move |_: Context| {
        assert_eq!(TraceContext::current(), None, "there is no span");
        let span = info_span!("request");
        let parent = TraceContext::parse(PARENT).expect("valid").state("vendor=1");
        assert!(parent.adopt(&span));
        span.in_scope(|| passed_on.send(TraceContext::current()))?;
        Ok(())
    };
    App::new("shop").without_signals().with(log).service("http", service).run().await.unwrap();
    drop((installed, dispatch));
    let received = collector.stop();
    let [span] = &*received.spans() else { panic!("one span") };
    let current = rest.recv().unwrap().expect("the span is where the work stands");
    assert_eq!(span.trace_id, current.trace_id().to_be_bytes());
    assert_eq!(span.span_id, current.span_id().to_be_bytes());
    assert_eq!(TraceContext::parse(PARENT).unwrap().trace_id(), current.trace_id());
    assert_eq!(span.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    assert_eq!((current.is_sampled(), current.tracestate()), (true, Some("vendor=1")));
}

#[test]
fn a_service_without_a_name_is_called_like_its_program() {
    let collector = Collector::start();
    let logged = logged(collector.endpoint(), |_, _| {});
    logged.run(|| drop(info_span!("request")));
    logged.end();
    let program = std::env::current_exe().unwrap();
    let name = collector.stop().resource("service.name");
    assert_eq!(name.as_deref(), program.file_stem().unwrap().to_str());
}

#[test]
fn nothing_is_exported_of_traces_that_are_not_sampled() {
    let collector = Collector::start();
    let logged = logged(collector.endpoint(), |_, otel| otel.sample_ratio = Some(0.0));
    logged.run(|| info_span!("request").in_scope(|| info!("inside")));
    assert_eq!(logged.json()[0]["trace_id"].as_str().map(str::len), Some(32));
    logged.end();
    assert!(collector.stop().spans().is_empty());
}

/// Ends a log whose spans do not get through, and returns what it says of that.
fn end_without_collector(endpoint: &str) -> String {
    let logged = logged(endpoint, |_, _| {});
    logged.run(|| info_span!("request").in_scope(|| info!("inside")));
    let began = Instant::now();
    let text = logged.end();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(text.contains("\"message\":\"inside\""), "{text}");
    text
}

/// Checks that one warning says where one span did not get to, and why.
#[track_caller]
fn has_warning(text: &str, endpoint: &str, why: &str) {
    let begin = format!("spans could not be exported to {endpoint} and are lost: ");
    let warnings: Vec<_> = text.lines().filter(|line| line.contains(&begin)).collect();
    let [warning] = &*warnings else { panic!("{text}") };
    assert!(warning.contains(why) && warning.ends_with(r#","lost":1}"#), "{text}");
}

#[test]
fn a_collector_that_is_away_does_not_hold_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    drop(listener);
    has_warning(&end_without_collector(&endpoint), &endpoint, "Connection refused");
}

#[test]
fn a_collector_that_hangs_does_not_hold_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    has_warning(&end_without_collector(&endpoint), &endpoint, "");
}

#[test]
fn spans_that_are_refused_are_told_of() {
    let collector = Collector::answering("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let endpoint = collector.endpoint().replace("http://", "http://name:secret@");
    let logged = logged(&format!("{endpoint}?token=secret"), |_, _| {});
    logged.run(|| drop(info_span!("request")));
    has_warning(&logged.end(), collector.endpoint(), "400 Bad Request");
    collector.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_does_not_wait_for_an_output_that_takes_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    drop(listener);
    let dir = Dir::new();
    let pipe = StuckPipe::new(&dir);
    let logged = logged(&endpoint, |config, _| pipe.configure(config));
    logged.run(|| drop(info_span!("request")));
    pipe.fill(&logged);
    pipe.ends_in_time(logged);
}

#[track_caller]
fn refused(otel: &serde_json::Value, why: &str) {
    let config: Config = serde_json::from_value(json!({ "otel": otel })).unwrap();
    let error = Setup::new(config).build().unwrap_err();
    let error = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    assert!(error.contains(why), "{error}");
}

#[test]
fn settings_that_cannot_be_are_refused() {
    refused(&json!({ "sample_ratio": 1.5 }), "`sample_ratio` is 1.5, which is not from 0 to 1");
    refused(&json!({ "filter": "x=y" }), "`x=y` at column 1");
    for endpoint in ["http://[", "localhost:4318", "ftp://x", "", "/v1/traces", "http://:4318"] {
        refused(&json!({ "endpoint": endpoint }), &format!("`{endpoint}` is no endpoint; write a whole address"));
    }
}

#[test]
fn settings_that_are_refused_leave_no_file() {
    let dir = Dir::new();
    let mut config = Config::default();
    config.output = Output::File(dir.file("log"));
    config.otel = Some(Otel::default());
    config.otel.as_mut().unwrap().sample_ratio = Some(1.5);
    assert!(Setup::new(config).build().is_err());
    assert!(!dir.file("log").exists());
}

#[test]
fn tokens_are_neither_printed_nor_serialised() {
    let config = json!({ "otel": { "headers": { "authorization": "secret" }, "timeout": "5s" } });
    let config: Config = serde_json::from_value(config).unwrap();
    let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
    assert!(!shown.contains("secret") && shown.contains(r#""timeout":"5s""#), "{shown}");
}
