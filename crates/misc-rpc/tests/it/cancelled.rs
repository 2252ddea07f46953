//! Callers that leave, and calls that take too long: nothing is left of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{future::join_all, poll};
use misc_rpc::{Limits, Methods, Never, Server, code};
use misc_test::Metrics;
use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    runtime::Handle,
    task::{JoinSet, yield_now},
    time::{Instant, sleep},
};

use crate::served::{Served, call, post};

/// How many handlers there are.
#[derive(Clone, Default)]
struct Live(Arc<AtomicUsize>);

struct Guard(Live);

impl Live {
    fn enter(self) -> Guard {
        self.0.fetch_add(1, Ordering::SeqCst);
        Guard(self)
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until there are so many, for up to ten seconds of the real clock.
    async fn until(&self, count: usize) {
        let began = Instant::now();
        while self.count() != count {
            assert!(began.elapsed() < Duration::from_secs(10), "{} instead of {count}", self.count());
            sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn server(live: &Live) -> Server {
    let methods = Methods::new()
        .method_with("waits", live.clone(), async |live: Live, ()| {
            let _guard = live.enter();
            std::future::pending::<Result<(), Never>>().await
        })
        .method("version", async |()| Ok::<_, Never>("1"));
    let mut limits = Limits::default();
    limits.calls = 10_000.try_into().unwrap();
    Server::new(methods).unwrap().limits(limits)
}

#[tokio::test(start_paused = true)]
async fn of_ten_thousand_calls_whose_callers_leave_nothing_is_left() {
    let (live, metrics) = (Live::default(), Metrics::new());
    let server = server(&live).meter(&metrics.meter());
    let mut calls: Vec<_> = (0..10_000).map(|_| Box::pin(call(&server, "waits", "[]"))).collect();
    for call in &mut calls {
        assert!(poll!(call).is_pending());
    }
    assert_eq!(live.count(), 10_000);
    let began = Instant::now();
    drop(calls);
    // At once, not only within 10 ms.
    assert_eq!((live.count(), began.elapsed()), (0, Duration::ZERO));
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    // And there is room for as many again.
    assert_eq!(call(&server, "version", "[]").await.result(), json!("1"));
    let cancelled = metrics.values("rpc_server_call_duration_seconds", &[("error_type", "cancelled")]);
    assert_eq!(cancelled.len(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn of_ten_thousand_calls_past_their_deadline_nothing_is_left() {
    let live = Live::default();
    let server = server(&live).timeout(Duration::from_secs(1));
    let began = Instant::now();
    let calls = join_all((0..10_000).map(|_| call(&server, "waits", "[]")));
    let watch = async {
        yield_now().await;
        assert_eq!(live.count(), 10_000);
        sleep(Duration::from_millis(1_010)).await;
        assert_eq!(live.count(), 0);
    };
    let (answers, ()) = tokio::join!(calls, watch);
    assert!(began.elapsed() <= Duration::from_millis(1_010));
    assert!(answers.iter().all(|answer| answer.error().0 == i64::from(code::DEADLINE_EXCEEDED)));
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_caller_leaves_is_dropped_whole() {
    let live = Live::default();
    let one = json!({ "jsonrpc": "2.0", "method": "waits", "id": 1 });
    let server = server(&live);
    let mut batch = Box::pin(post(&server, json!(vec![one; 20]).to_string()));
    assert!(poll!(&mut batch).is_pending());
    assert_eq!(live.count(), 10);
    drop(batch);
    assert_eq!(live.count(), 0);
}

#[tokio::test]
async fn a_connection_that_is_closed_takes_its_call_with_it() {
    let live = Live::default();
    let served = Served::new(server(&live)).await;
    let tasks = Handle::current().metrics().num_alive_tasks();
    let body = r#"{"jsonrpc":"2.0","method":"waits","id":1}"#;
    let request = format!(
        "POST /rpc HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut clients = JoinSet::new();
    for _ in 0..300 {
        let (address, request) = (served.address, request.clone());
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            stream
        });
    }
    let streams = clients.join_all().await;
    live.until(300).await;
    drop(streams);
    live.until(0).await;
    // The tasks of the connections end, too, and there are no others.
    let began = Instant::now();
    while Handle::current().metrics().num_alive_tasks() > tasks {
        assert!(began.elapsed() < Duration::from_secs(10));
        sleep(Duration::from_millis(1)).await;
    }
}
