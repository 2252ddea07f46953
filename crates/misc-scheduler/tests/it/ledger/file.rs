//! Who waits for the file.

use std::{fs::File, time::Duration};

use misc_core::Ledger as _;
use misc_scheduler::FileLedger;
use tokio::time::timeout;

use super::Directory;

#[test]
fn who_waits_for_a_file_that_is_held_takes_one_thread() {
    let directory = Directory::of("held");
    let file = directory.0.join("schedule.json");
    let lock = File::create(directory.0.join("schedule.json.lock")).expect("a file");
    lock.lock().expect("nobody else has it");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(2).build().unwrap();
    let ledger = FileLedger::new(&file);
    let is_free = runtime.block_on(async {
        for _ in 0..10 {
            let unanswered = timeout(Duration::from_millis(5), ledger.recall("key")).await;
            assert!(unanswered.is_err());
        }
        let other = tokio::task::spawn_blocking(|| ());
        timeout(Duration::from_secs(5), other).await.is_ok()
    });
    lock.unlock().expect("it is ours");
    assert!(is_free, "all threads wait for the file");
    assert_eq!(runtime.block_on(ledger.recall("key")).expect("it is free"), None);
}
