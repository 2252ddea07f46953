//! A ledger that answers late, or not at all.

use misc_scheduler::{Scheduler, WhenAway, cron, daily};
use tokio::time::Instant;

use super::{
    Broken,
    book::{Book, Trouble},
};
use crate::subject::{MS, Notes, SECS, pass, run_for, start};

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_answered_late_is_waited_for() {
    let (book, notes) = (Book::at("2037-01-01T08:59:00Z"), Notes::new());
    book.trouble(Trouble::Late(SECS(15)));
    run_for(book.scheduler().add(notes.task("task", daily("09:00"))), SECS(120)).await;
    assert_eq!(notes.began(), [75_000]);
}

#[tokio::test(start_paused = true)]
async fn a_firing_that_this_replica_may_have_claimed_without_an_answer_is_missed() {
    let (book, notes) = (Book::at("2037-01-01T08:59:00Z"), Notes::new());
    let scheduler = book.scheduler().add(notes.task("task", daily("09:00")));
    let tasks = scheduler.handle();
    book.trouble(Trouble::Reset);
    let app = start(scheduler).await;
    pass(SECS(120)).await;
    assert_eq!((notes.runs(), tasks.status("task").unwrap().misfires), (0, 1));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_was_lost_is_run_again_where_that_was_chosen() {
    let (book, notes) = (Book::at("2037-01-01T08:59:00Z"), Notes::new());
    book.trouble(Trouble::Reset);
    let app = start(book.scheduler().add(notes.task("task", daily("09:00")).rerun_after(SECS(20)))).await;
    pass(SECS(120)).await;
    assert_eq!(notes.due(), ["2037-01-01T09:00:00Z"]);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_of_the_ledger_one_replica_has_each_firing() {
    let (book, notes) = (Book::at("2037-01-01T08:59:00Z"), Notes::taking(SECS(2)));
    let replica = || book.scheduler().add(notes.task("task", daily("09:00")).rerun_after(SECS(10)));
    let (first, second) = (start(replica()).await, start(replica()).await);
    tokio::time::sleep(SECS(50)).await;
    book.trouble(Trouble::Away);
    tokio::time::sleep(MS(30_500)).await;
    book.trouble(None);
    pass(SECS(60)).await;
    assert_eq!(notes.due(), ["2037-01-01T09:00:00Z"]);
    first.stop().await.assert_ok();
    second.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_need_not_wait_for_the_ledger_finds_out_once_that_it_is_away() {
    let since = Instant::now();
    let all = Scheduler::new().ledger(Broken { hangs: true }).when_away(WhenAway::Run);
    let all = (0..200).fold(all, |all, at| all.add(Notes::new().task(&format!("{at}"), cron("0 0 1 1 *"))));
    let app = start(all).await;
    assert_eq!(since.elapsed().as_secs(), 10);
    app.stop().await.assert_ok();
}
