//! Single calls become one.

use std::{
    io,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use misc_resilience::{BatchError, Batcher};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Batches that were made, as the items of each.
type Made = Arc<Mutex<Vec<Vec<u64>>>>;

fn size(size: usize) -> NonZeroUsize {
    NonZeroUsize::new(size).unwrap()
}

/// Doubles numbers, each batch in so long a time, and notes what was in it.
fn doubling(takes: Duration) -> (Batcher<u64, u64, io::Error>, Made) {
    let made = Made::default();
    let notes = Arc::clone(&made);
    let batcher = Batcher::new(move |items: Vec<u64>| {
        notes.lock().unwrap().push(items.clone());
        async move {
            sleep(takes).await;
            Ok(items.into_iter().map(|item| item * 2).collect())
        }
    });
    (batcher, made)
}

fn start(batcher: &Batcher<u64, u64, io::Error>, items: impl IntoIterator<Item = u64>) -> JoinSet<(u64, u64)> {
    let mut calls = JoinSet::new();
    for item in items {
        let batcher = batcher.clone();
        calls.spawn(async move { (item, batcher.call(item).await.unwrap()) });
    }
    calls
}

async fn all(calls: JoinSet<(u64, u64)>) -> Vec<(u64, u64)> {
    let mut ends = calls.join_all().await;
    ends.sort_unstable();
    ends
}

// C58
#[tokio::test(start_paused = true)]
async fn seven_calls_with_a_size_of_three_are_three_batches() {
    let (batcher, made) = doubling(MS(1));
    let ends = all(start(&batcher.size(size(3)), 1..=7)).await;
    assert_eq!(ends, (1..=7).map(|item| (item, item * 2)).collect::<Vec<_>>());
    assert_eq!(*made.lock().unwrap(), [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
}

// C59
#[tokio::test(start_paused = true)]
async fn a_missing_result_is_an_error_for_just_that_caller() {
    let batcher = Batcher::new(|items: Vec<u64>| async move { Ok::<_, io::Error>(items[..2].to_vec()) });
    let (a, b, c) = tokio::join!(batcher.call(1), batcher.call(2), batcher.call(3));
    assert_eq!((a.unwrap(), b.unwrap()), (1, 2));
    let error = c.unwrap_err();
    assert!(error.is_missing());
    assert_eq!(error.to_string(), "the batch had no result for this call");
}

// C60
#[tokio::test(start_paused = true)]
async fn an_error_of_the_batch_reaches_all() {
    let batcher = Batcher::new(|_: Vec<u64>| async { Err::<Vec<u64>, _>(io::Error::other("no disk")) });
    let (a, b) = tokio::join!(batcher.call(1), batcher.call(2));
    for error in [a.unwrap_err(), b.unwrap_err()] {
        assert_eq!(error.to_string(), "no disk");
        assert_eq!(error.inner().map(io::Error::kind), Some(io::ErrorKind::Other));
    }
}

// C61
#[tokio::test(start_paused = true)]
async fn a_cancelled_leader_hands_over_where_it_was() {
    let (batcher, made) = doubling(MS(50));
    let mut leader = start(&batcher, [1]);
    tokio::task::yield_now().await;
    let others = start(&batcher, [2, 3]);
    // The batch is being made.
    sleep(MS(30)).await;
    let began = Instant::now();
    leader.shutdown().await;
    assert_eq!(all(others).await, [(2, 4), (3, 6)]);
    assert_eq!(*made.lock().unwrap(), [[1, 2, 3]]);
    assert!(began.elapsed() < MS(50), "it went on and did not begin anew");
}

#[tokio::test(start_paused = true)]
async fn leaders_may_be_cancelled_one_after_the_other() {
    let (batcher, made) = doubling(MS(100));
    let mut calls = JoinSet::new();
    let mut leaders = Vec::new();
    for item in 0..10 {
        let batcher = batcher.clone();
        leaders.push(calls.spawn(async move { batcher.call(item).await.unwrap() }));
    }
    sleep(MS(10)).await;
    for leader in &leaders[..9] {
        leader.abort();
        sleep(MS(5)).await;
    }
    let ends: Vec<_> = std::iter::from_fn(|| calls.try_join_next()).collect();
    assert!(ends.iter().all(|end| end.as_ref().unwrap_err().is_cancelled()));
    assert_eq!(calls.join_next().await.unwrap().unwrap(), 18);
    assert_eq!(made.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn leaders_that_are_cancelled_at_once_hand_over_to_who_is_left() {
    let (batcher, _) = doubling(MS(100));
    let mut calls = JoinSet::new();
    let mut leaders = Vec::new();
    for item in 0..10 {
        let batcher = batcher.clone();
        leaders.push(calls.spawn(async move { batcher.call(item).await.unwrap() }));
    }
    sleep(MS(10)).await;
    // Whoever is woken by the end of one is gone before it is polled.
    leaders[..9].iter().for_each(tokio::task::AbortHandle::abort);
    let ends: Vec<_> = [calls.join_next().await, calls.join_next().await].into_iter().flatten().collect();
    assert!(ends.iter().all(Result::is_err));
    let ends = async {
        while let Some(end) = calls.join_next().await {
            if let Ok(end) = end {
                return Some(end);
            }
        }
        None
    };
    assert_eq!(tokio::time::timeout(MS(200), ends).await.unwrap(), Some(18));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_before_its_batch_is_made_is_not_in_it() {
    let (batcher, made) = doubling(MS(1));
    let mut leaver = start(&batcher, [1]);
    tokio::task::yield_now().await;
    let others = start(&batcher, [2, 3]);
    tokio::task::yield_now().await;
    leaver.shutdown().await;
    assert_eq!(all(others).await, [(2, 4), (3, 6)]);
    assert_eq!(*made.lock().unwrap(), [[2, 3]]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_callers_are_all_gone_is_dropped() {
    struct Noted(Arc<AtomicBool>);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    let (dropped, finished) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let notes = (Arc::clone(&dropped), Arc::clone(&finished));
    let batcher = Batcher::new(move |items: Vec<u64>| {
        let (noted, finished) = (Noted(Arc::clone(&notes.0)), Arc::clone(&notes.1));
        async move {
            let _noted = noted;
            if items == [1, 2] {
                sleep(MS(100)).await;
                finished.store(true, Relaxed);
            }
            Ok::<_, io::Error>(items)
        }
    });
    let mut calls = start(&batcher, [1, 2]);
    sleep(MS(50)).await;
    assert!(!dropped.load(Relaxed));
    calls.shutdown().await;
    assert!(dropped.load(Relaxed));
    sleep(MS(100)).await;
    assert!(!finished.load(Relaxed));
    assert_eq!(batcher.call(7).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_all_have_left_before_it_was_made_takes_in_nobody() {
    let (batcher, made) = doubling(MS(1));
    let mut calls = start(&batcher, [1, 2]);
    tokio::task::yield_now().await;
    calls.shutdown().await;
    assert_eq!(batcher.call(3).await.unwrap(), 6);
    assert_eq!(*made.lock().unwrap(), [[3]]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_reaches_all_of_the_batch_and_the_batcher_goes_on() {
    let batcher = Batcher::new(|items: Vec<u64>| async move {
        sleep(MS(1)).await;
        assert!(!items.contains(&13), "unlucky");
        Ok::<_, io::Error>(items)
    });
    let (a, b) = tokio::join!(batcher.call(13), batcher.call(2));
    for error in [a.unwrap_err(), b.unwrap_err()] {
        assert!(error.is_panic());
        assert_eq!(error.to_string(), "the batch panicked: unlucky");
    }
    assert_eq!(batcher.call(3).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_first_await_is_an_error_as_well() {
    let batcher = Batcher::new(|items: Vec<u64>| {
        assert!(items != [13], "unlucky");
        async { Ok::<_, io::Error>(items) }
    });
    assert!(batcher.call(13).await.unwrap_err().is_panic());
    assert_eq!(batcher.call(3).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn items_may_fail_one_by_one() {
    let batcher = Batcher::new(|items: Vec<u64>| async move {
        let odd = |item: u64| if item % 2 == 1 { Err("odd") } else { Ok(item) };
        Ok::<_, io::Error>(items.into_iter().map(odd).collect())
    });
    let (a, b) = tokio::join!(batcher.call(1), batcher.call(2));
    assert_eq!((a.unwrap(), b.unwrap()), (Err("odd"), Ok(2)));
}

#[tokio::test(start_paused = true)]
async fn more_results_than_items_are_an_error_for_all() {
    let batcher = Batcher::new(|_: Vec<u64>| async { Ok::<_, io::Error>(vec![1, 2, 3]) });
    let (a, b) = tokio::join!(batcher.call(1), batcher.call(2));
    let text = "the batch had 3 results for 2 calls, so it is not known whose they are";
    assert_eq!((a.unwrap_err().to_string(), b.unwrap_err().to_string()), (text.to_owned(), text.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_made_when_its_window_is_over_or_it_is_full() {
    let (batcher, _) = doubling(Duration::ZERO);
    let batcher = batcher.window(MS(20)).size(size(2));
    let began = Instant::now();
    batcher.call(1).await.unwrap();
    assert_eq!(began.elapsed(), MS(20));
    all(start(&batcher, [1, 2])).await;
    assert_eq!(began.elapsed(), MS(20));
}

#[tokio::test(start_paused = true)]
async fn batches_are_made_at_once_up_to_a_bound() {
    for (bound, takes) in [(1, 30), (2, 20), (3, 10)] {
        let (batcher, made) = doubling(MS(10));
        let batcher = batcher.window(Duration::ZERO).size(size(1)).concurrency(size(bound));
        let began = Instant::now();
        all(start(&batcher, 1..=3)).await;
        assert_eq!(began.elapsed(), MS(takes), "{bound} at once");
        assert_eq!(made.lock().unwrap().len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_window_a_batch_is_what_came_while_the_one_before_was_made() {
    let (batcher, made) = doubling(MS(10));
    let batcher = batcher.window(Duration::ZERO).concurrency(size(1));
    let first = start(&batcher, [1]);
    sleep(MS(5)).await;
    let others = start(&batcher, 2..=5);
    all(first).await;
    all(others).await;
    assert_eq!(*made.lock().unwrap(), [vec![1], vec![2, 3, 4, 5]]);
}

#[tokio::test(start_paused = true)]
async fn those_who_come_after_others_have_left_are_in_the_order_in_which_they_came() {
    let (batcher, made) = doubling(MS(10));
    let batcher = batcher.window(Duration::ZERO).size(size(4)).concurrency(size(1));
    let first = start(&batcher, [0]);
    sleep(MS(5)).await;
    let mut leavers = start(&batcher, [1]);
    tokio::task::yield_now().await;
    let mut others = start(&batcher, [2]);
    tokio::task::yield_now().await;
    let mut more_leavers = start(&batcher, [3]);
    tokio::task::yield_now().await;
    leavers.shutdown().await;
    more_leavers.shutdown().await;
    // Three more make it full; the fourth is one too many.
    for item in 4..=7 {
        let batcher = batcher.clone();
        others.spawn(async move { (item, batcher.call(item).await.unwrap()) });
    }
    all(first).await;
    assert_eq!(all(others).await, [2, 4, 5, 6, 7].map(|item| (item, item * 2)));
    assert_eq!(*made.lock().unwrap(), [vec![0], vec![2, 4, 5, 6], vec![7]]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_batch_gives_back_its_turn() {
    let (batcher, _) = doubling(MS(100));
    let batcher = batcher.window(Duration::ZERO).concurrency(size(1));
    let mut first = start(&batcher, [1]);
    sleep(MS(5)).await;
    first.shutdown().await;
    assert_eq!(tokio::time::timeout(MS(110), batcher.call(2)).await.unwrap().unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn two_calls_of_one_task_do_not_wait_for_each_other() {
    let (batcher, _) = doubling(MS(10));
    // The first is kept, and not polled any more, as in a stream that waits for its next item.
    let mut kept = std::pin::pin!(batcher.call(1));
    tokio::select! {
        biased;
        _ = &mut kept => unreachable!("its batch is not made yet"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(tokio::time::timeout(MS(100), batcher.call(2)).await.unwrap().unwrap(), 4);
    assert_eq!(kept.await.unwrap(), 2);
}

#[test]
fn calls_from_many_threads_are_each_answered_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    runtime.block_on(async {
        let seen = Arc::new(AtomicUsize::new(0));
        let notes = Arc::clone(&seen);
        let batcher: Batcher<u64, u64, io::Error> = Batcher::new(move |items: Vec<u64>| {
            notes.fetch_add(items.len(), Relaxed);
            async move {
                tokio::task::yield_now().await;
                Ok(items.into_iter().map(|item| item * 2).collect())
            }
        });
        let batcher = batcher.window(MS(1)).size(size(7)).concurrency(size(3));
        let mut calls = JoinSet::new();
        for item in 0..20_000u64 {
            let batcher = batcher.clone();
            let call = async move { (item, batcher.call(item).await) };
            if item % 5 == 0 {
                // Some of them leave, wherever they are.
                calls.spawn(async move {
                    tokio::time::timeout(Duration::from_micros(item % 3_000), call)
                        .await
                        .unwrap_or((item, Ok(item * 2)))
                });
            } else {
                calls.spawn(call);
            }
        }
        let ends: Vec<(u64, Result<u64, BatchError<io::Error>>)> =
            tokio::time::timeout(Duration::from_secs(20), calls.join_all()).await.unwrap();
        assert_eq!(ends.len(), 20_000);
        assert!(ends.iter().all(|(item, end)| end.as_ref().is_ok_and(|end| *end == item * 2)));
        assert!((16_000..=20_000).contains(&seen.load(Relaxed)));
    });
}
