//! Processes that share a ledger: each firing starts at most once, and one that is killed holds up nobody.

use std::time::Duration;

use crate::subject::{Scratch, Subject};

#[tokio::test]
async fn each_firing_starts_once_among_processes_some_of_which_are_killed() {
    let file = Scratch::new("ledger.json");
    let path = file.path().to_str().expect("text");
    let mut fired = Vec::new();
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(Subject::start(&["replica", path], &[]).await);
    }
    for mut replica in replicas.drain(1..) {
        fired.extend(replica.all(Duration::from_secs(2)).await);
        replica.kill().await;
        fired.extend(replica.all(Duration::from_secs(5)).await);
    }
    let mut last = replicas.remove(0);
    fired.extend(last.all(Duration::from_secs(3)).await);
    last.kill().await;
    fired.extend(last.all(Duration::from_secs(5)).await);

    let mut due: Vec<_> = fired.into_iter().map(|(_, due)| due).collect();
    due.sort_unstable();
    let mut once = due.clone();
    once.dedup();
    assert_eq!(due, once);
    // Somebody is always there; only what one has claimed in the moment of its death is lost.
    let seconds = due.last().zip(due.first()).map_or(0, |(last, first)| last - first + 1);
    assert!(seconds >= 6 && seconds - due.len() as u64 <= 3, "{due:?}");
}
