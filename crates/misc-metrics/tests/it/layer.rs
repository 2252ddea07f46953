//! The tower layer.

use std::{
    future::{Ready, pending, ready},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use misc_metrics::Registry;
use tower_layer::Layer as _;
use tower_service::Service;

use crate::support::value;

/// Answers, fails, or does neither.
#[derive(Debug, Clone)]
struct Payments;

impl Service<&'static str> for Payments {
    type Response = &'static str;
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Result<&'static str, &'static str>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: &'static str) -> Self::Future {
        match request {
            "pay" => Box::pin(async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok("paid")
            }),
            "fail" => Box::pin(ready(Err("no money"))),
            _ => Box::pin(pending()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_by_outcome_and_timed() {
    let metrics = Registry::new("shop");
    let layer = metrics.layer("payments").unwrap();
    let mut payments = layer.layer(Payments);
    let of = |series: &str| value(&metrics, &format!("shop_payments_{series}"));
    assert_eq!(of("requests_total{outcome=\"error\"}"), Some(0.0), "all are there from the beginning");
    assert_eq!(payments.call("pay").await, Ok("paid"));
    assert_eq!(payments.clone().call("fail").await, Err("no money"));
    let endless = payments.call("wait");
    assert_eq!(of("in_flight"), Some(1.0));
    assert!(tokio::time::timeout(Duration::from_secs(1), endless).await.is_err());
    assert_eq!(of("in_flight"), Some(0.0));
    let outcomes = ["ok", "error", "cancelled"].map(|outcome| of(&format!("requests_total{{outcome=\"{outcome}\"}}")));
    assert_eq!(outcomes, [Some(1.0); 3]);
    assert_eq!(of("duration_seconds_count"), Some(3.0));
    assert_eq!(of("duration_seconds_sum"), Some(1.2));
    assert_eq!(of("duration_seconds_bucket{le=\"0.25\"}"), Some(2.0));
}

#[tokio::test]
async fn a_layer_may_be_made_twice() {
    let metrics = Registry::new("shop");
    for _ in 0..2 {
        let mut service = metrics.layer("echo").unwrap().layer(Echo);
        assert_eq!(service.call(7).await, Ok(7));
    }
    assert_eq!(value(&metrics, "shop_echo_requests_total{outcome=\"ok\"}"), Some(2.0));
    assert!(metrics.layer("not a name").unwrap_err().is_invalid_name());
}

struct Echo;

impl Service<u8> for Echo {
    type Response = u8;
    type Error = ();
    type Future = Ready<Result<u8, ()>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u8) -> Self::Future {
        ready(Ok(request))
    }
}
