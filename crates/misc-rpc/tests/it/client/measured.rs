//! What is measured and traced of calls.

use std::{convert::Infallible, time::Duration};

use http::{Request, Response};
use misc_core::Deadline;
use misc_rpc::{Client, Error, Payload};
use misc_test::{Logs, Metrics};
use tokio::time::sleep;
use tower::{Service as _, layer::layer_fn, service_fn};

use super::support::{Backend, Recorder};

const NAME: &str = "rpc_client_call_duration_seconds";

async fn get(client: &Client) -> Result<u64, Error> {
    client.method("get").call(&()).await
}

/// Makes one call, and returns how often it was measured with these labels.
async fn measured(client: Client, metrics: &Metrics, code: &str, error: &str) -> usize {
    get(&client).await.err();
    let labels = [
        ("rpc_system_name", "jsonrpc"),
        ("rpc_method", "get"),
        ("rpc_response_status_code", code),
        ("error_type", error),
    ];
    metrics.values(NAME, &labels).len()
}

#[tokio::test]
async fn calls_are_measured_by_method_and_outcome() {
    let metrics = Metrics::new();
    for (status, body, code, error) in [
        (200, r#"{"jsonrpc":"2.0","id":$id,"result":1}"#, "", ""),
        (200, r#"{"jsonrpc":"2.0","id":$id,"error":{"code":-32601,"message":""}}"#, "-32601", "-32601"),
        (200, r#"{"jsonrpc":"2.0","id":$id,"error":{"code":404,"message":""}}"#, "404", "404"),
        (502, "<html>", "", "answer"),
    ] {
        let builder = Client::builder("").meter(&metrics.meter());
        let client: Client = builder.over(Recorder::answering(status, body)).build().expect("valid");
        assert_eq!(measured(client, &metrics, code, error).await, 1, "{body}");
    }
    let nowhere: Client = Client::builder("http://127.0.0.1:1/").meter(&metrics.meter()).build().expect("valid");
    assert_eq!(measured(nowhere, &metrics, "", "connect").await, 1);
    let raining = service_fn(async |_: Request<Payload>| Err::<Response<Payload>, _>("it rains"));
    let failing: Client = Client::builder("").meter(&metrics.meter()).over(raining).build().expect("valid");
    assert_eq!(measured(failing, &metrics, "", "transport").await, 1);
    let refusing = layer_fn(|_| service_fn(async |_: Request<Payload>| Err::<Response<Payload>, _>("it is full")));
    let refusing: Client =
        Client::builder("http://users").meter(&metrics.meter()).layer(refusing).build().expect("valid");
    assert_eq!(measured(refusing, &metrics, "", "layer").await, 1);
}

#[tokio::test]
async fn parameters_that_cannot_be_written_are_no_call() {
    let metrics = Metrics::new();
    let client = Client::builder("").meter(&metrics.meter()).over(Recorder::new()).build().expect("valid");
    let refused: Result<u64, Error> = client.method("get").call(&7).await;
    assert!(refused.expect_err("a number alone").is_invalid_params());
    assert!(metrics.values(NAME, &[]).is_empty());
}

#[tokio::test(start_paused = true)]
async fn how_long_a_call_takes_is_measured_also_when_it_is_late_or_dropped() {
    let metrics = Metrics::new();
    let slow = service_fn(async |_: Request<Payload>| {
        sleep(Duration::from_secs(2)).await;
        Ok::<_, Infallible>(Response::new(Payload::from(r#"{"jsonrpc":"2.0","id":1,"result":1}"#)))
    });
    let client = Client::builder("").meter(&metrics.meter()).over(slow).build().expect("valid");
    assert_eq!(get(&client).await.expect("an answer"), 1);
    Deadline::within(Duration::from_secs(1)).scope(get(&client)).await.expect_err("late");
    tokio::time::timeout(Duration::from_millis(500), get(&client)).await.expect_err("dropped");
    assert_eq!(metrics.values(NAME, &[("error_type", "")]), [2.0]);
    assert_eq!(metrics.values(NAME, &[("error_type", "timeout")]), [1.0]);
    assert_eq!(metrics.values(NAME, &[("error_type", "cancelled")]), [0.5]);
}

#[tokio::test]
async fn what_is_measured_names_the_server() {
    let metrics = Metrics::new();
    let backend = Backend::start(Recorder::new()).await;
    let builder = Client::builder(format!("http://shop:secret@{}/rpc", backend.address())).meter(&metrics.meter());
    let client: Client = builder.build().expect("valid");
    get(&client).await.expect("an answer");
    client.method("seen").notify(&()).await.expect("taken");
    let port = backend.address().port().to_string();
    let labels = [("server_address", "127.0.0.1"), ("server_port", port.as_str())];
    assert_eq!(metrics.values(NAME, &labels).len(), 2);
    assert_eq!(metrics.values(NAME, &[("rpc_method", "seen")]).len(), 1);
    let client = Client::builder("").meter(&metrics.meter()).over(Recorder::new()).build().expect("valid");
    get(&client).await.expect("an answer");
    assert_eq!(metrics.values(NAME, &[("server_address", "in-process"), ("server_port", "")]).len(), 1);
}

#[tokio::test]
async fn a_server_that_answers_with_any_code_does_not_make_any_number_of_series() {
    let metrics = Metrics::new();
    let wild = service_fn({
        let next = std::sync::Arc::new(std::sync::atomic::AtomicI32::new(1));
        move |_: Request<Payload>| {
            let code = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let body = format!(r#"{{"jsonrpc":"2.0","id":null,"error":{{"code":{code},"message":""}}}}"#);
            async { Ok::<_, Infallible>(Response::new(Payload::from(body))) }
        }
    });
    let client = Client::builder("").meter(&metrics.meter()).over(wild).build().expect("valid");
    let method = client.method("get");
    for _ in 0..100 {
        method.call::<u64, misc_rpc::Never, _>(&()).await.expect_err("an error");
    }
    assert_eq!(metrics.values(NAME, &[("error_type", "32")]).len(), 1);
    assert_eq!(metrics.values(NAME, &[("error_type", "33")]).len(), 0);
    assert_eq!(metrics.values(NAME, &[("error_type", "_OTHER")]).len(), 68);
}

#[tokio::test]
async fn a_call_has_a_span_that_layers_and_the_service_are_in() {
    let logs = Logs::capture();
    let layer = layer_fn(|inner: misc_rpc::Transport| {
        service_fn(move |request: Request<Payload>| {
            tracing::info!("in a layer");
            inner.clone().call(request)
        })
    });
    let service = service_fn(async |_: Request<Payload>| {
        tokio::task::yield_now().await;
        tracing::info!("in the service");
        Ok::<_, Infallible>(Response::new(Payload::from(r#"{"jsonrpc":"2.0","id":1,"result":1}"#)))
    });
    let client = Client::builder("").layer(layer).over(service).build().expect("valid");
    get(&client).await.expect("an answer");
    for text in ["in a layer", "in the service"] {
        let lines = logs.lines();
        let line = lines.iter().find(|line| line.message() == text).expect(text);
        assert_eq!(line.spans(), ["call"]);
    }
}
