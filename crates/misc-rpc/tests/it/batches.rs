//! Several calls in one request.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use misc_rpc::{Limits, Methods, Never, Server};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::served::post;

#[derive(Clone, Default)]
struct Seen {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

async fn nap(seen: Seen, (millis,): (u64,)) -> Result<u64, Never> {
    let now = seen.now.fetch_add(1, Ordering::Relaxed) + 1;
    seen.most.fetch_max(now, Ordering::Relaxed);
    sleep(Duration::from_millis(millis)).await;
    seen.now.fetch_sub(1, Ordering::Relaxed);
    Ok(millis)
}

fn server(seen: &Seen, at_once: usize) -> Server {
    let mut limits = Limits::default();
    limits.batch_concurrency = NonZeroUsize::new(at_once).unwrap();
    Server::new(Methods::new().method_with("nap", seen.clone(), nap)).unwrap().limits(limits)
}

fn naps(millis: impl IntoIterator<Item = u64>) -> String {
    let one = |(id, millis)| json!({ "jsonrpc": "2.0", "method": "nap", "params": [millis], "id": id });
    Value::from_iter(millis.into_iter().enumerate().map(one)).to_string()
}

#[tokio::test(start_paused = true)]
async fn its_calls_run_side_by_side_up_to_a_bound() {
    let seen = Seen::default();
    let began = Instant::now();
    post(&server(&seen, 10), naps([1_000; 100])).await;
    assert_eq!(began.elapsed().as_secs(), 10);
    assert_eq!(seen.most.load(Ordering::Relaxed), 10);
}

#[tokio::test(start_paused = true)]
async fn a_bound_of_one_is_one_after_the_other() {
    let seen = Seen::default();
    let answers = post(&server(&seen, 1), naps([3, 1, 2])).await.json();
    assert_eq!((&answers[0]["result"], &answers[2]["result"]), (&json!(3), &json!(2)));
    assert_eq!(seen.most.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn answers_come_in_the_order_of_the_requests() {
    let times = [30, 10, 0, 20, 10, 500, 0, 1];
    let began = Instant::now();
    let answers = post(&server(&Seen::default(), 3), naps(times)).await.json();
    let expected = |(id, millis): (usize, &u64)| json!({ "jsonrpc": "2.0", "result": millis, "id": id });
    assert_eq!(answers, Value::from_iter(times.iter().enumerate().map(expected)));
    // The next begins as soon as there is room.
    assert!(began.elapsed() < Duration::from_millis(550), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn notifications_among_them_are_carried_out_and_not_answered() {
    let seen = Seen::default();
    let body =
        r#"[{"jsonrpc":"2.0","method":"nap","params":[5]},{"jsonrpc":"2.0","method":"nap","params":[1],"id":"a"}]"#;
    let answer = post(&server(&seen, 10), body).await;
    assert_eq!(answer.json(), json!([{ "jsonrpc": "2.0", "result": 1, "id": "a" }]));
    assert_eq!((seen.now.load(Ordering::Relaxed), seen.most.load(Ordering::Relaxed)), (0, 2));
}
