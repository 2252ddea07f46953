//! Firings that somebody has claimed, and perhaps not finished.

use misc_core::Ledger as _;
use misc_scheduler::{Misfire, Overlap, Run, Task, WhenAway, cron, daily};

use super::book::{Book, Trouble};
use crate::subject::{MS, Notes, SECS, pass, start, time};

const NOON: &str = "2037-01-01T12:00:00Z";

/// Books at 11:59:30, in which a replica that is dead has claimed the firing of noon, for some seconds.
async fn claimed(seconds: u64) -> Book {
    let book = Book::at("2037-01-01T11:59:30Z");
    assert!(book.claim(&format!("tasks/task@{NOON}"), time(NOON) + SECS(seconds)).await.unwrap());
    book
}

#[tokio::test(start_paused = true)]
async fn a_firing_whose_replica_died_is_run_though_later_ones_are_finished() {
    let (book, notes) = (claimed(150).await, Notes::taking(SECS(1)));
    let app = start(book.scheduler().add(notes.task("task", cron("* * * * *")).rerun_after(SECS(150)))).await;
    pass(SECS(215)).await;
    let due: Vec<_> = notes.due().iter().map(|due| due[11..16].to_owned()).collect();
    assert_eq!(due, ["12:01", "12:02", "12:00", "12:03"]);
    // And is finished then, as they are.
    assert_eq!(book.last().as_deref(), Some("2037-01-01T12:03:00Z"));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_after_a_later_one_does_not_take_its_place() {
    let book = Book::at("2037-01-01T11:59:30Z");
    let work = async |run: Run| tokio::time::sleep(if run.due() == time(NOON) { SECS(80) } else { SECS(1) }).await;
    let task = Task::new("task", cron("* * * * *"), work).overlap(Overlap::Allow(2)).rerun_after(SECS(100));
    let app = start(book.scheduler().add(task)).await;
    pass(SECS(115)).await;
    assert_eq!(book.last().as_deref(), Some("2037-01-01T12:01:00Z"));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_last_firing_that_lies_ahead_finishes_nothing() {
    let (book, notes) = (Book::at("2037-01-01T11:59:30Z"), Notes::new());
    book.remember("tasks/task", "2040-01-01T00:00:00Z").await.unwrap();
    let app = start(book.scheduler().add(notes.task("task", cron("* * * * *")).rerun_after(SECS(100)))).await;
    pass(SECS(60)).await;
    assert_eq!(notes.due(), [NOON]);
    assert_eq!(book.last().as_deref(), Some(NOON));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_rerun_that_meets_a_run_comes_again() {
    let (book, notes) = (claimed(10).await, Notes::taking(SECS(5)));
    let scheduler = book.scheduler().add(notes.task("task", daily("12:00")).rerun_after(SECS(10)));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    pass(SECS(38)).await;
    drop(tasks.run_now("task"));
    pass(SECS(10)).await;
    assert_eq!(notes.runs(), 1);
    pass(SECS(10)).await;
    assert_eq!(notes.due()[1..], [NOON]);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_rerun_waits_for_the_ledger_also_where_firings_do_not() {
    let (book, notes) = (claimed(10).await, Notes::new());
    let task = notes.task("task", daily("12:00")).rerun_after(SECS(10));
    let app = start(book.scheduler().when_away(WhenAway::Run).add(task)).await;
    pass(SECS(35)).await;
    // The other one has finished, and then the ledger is away.
    assert!(book.claim(&format!("tasks/task@{NOON}#done"), time(NOON) + SECS(3_600)).await.unwrap());
    book.trouble(Trouble::Away);
    pass(SECS(30)).await;
    book.trouble(None);
    pass(SECS(30)).await;
    assert_eq!(notes.runs(), 0);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_rerun_waits_while_its_task_is_paused() {
    let (book, notes) = (claimed(10).await, Notes::new());
    let scheduler = book.scheduler().add(notes.task("task", daily("12:00")).rerun_after(SECS(10)));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    pass(SECS(35)).await;
    tasks.pause("task").unwrap();
    pass(SECS(60)).await;
    assert_eq!(notes.runs(), 0);
    tasks.resume("task").unwrap();
    pass(SECS(12)).await;
    assert_eq!(notes.due(), [NOON]);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn who_looks_whether_a_firing_is_finished_is_not_in_the_way_of_the_next_one() {
    let (book, notes) = (Book::at("2037-01-01T11:59:30Z"), Notes::taking(SECS(1)));
    let replica = || book.scheduler().add(notes.task("task", cron("* * * * *")).rerun_after(SECS(59)));
    let replicas = [replica(), replica()];
    let handles = replicas.each_ref().map(misc_scheduler::Scheduler::handle);
    let [first, second] = replicas;
    let (first, second) = (start(first).await, start(second).await);
    pass(SECS(300)).await;
    assert_eq!(notes.runs(), 5);
    assert_eq!(handles.map(|tasks| tasks.status("task").unwrap().skipped), [0, 0]);
    first.stop().await.assert_ok();
    second.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_after_claims_are_over_does_not_repeat_what_others_have_run() {
    for rerun in [false, true] {
        let (book, notes) = (Book::at("2037-01-01T11:59:30Z"), Notes::new());
        let replica = || {
            let task = notes.task("task", daily("12:00")).misfire(Misfire::All).overlap(Overlap::QueueAll);
            book.scheduler().add(if rerun { task.rerun_after(SECS(60)) } else { task })
        };
        let (stays, sleeps) = (replica(), replica());
        let tasks = sleeps.handle();
        let (stays, sleeps) = (start(stays).await, start(sleeps).await);
        tasks.pause("task").unwrap();
        pass(SECS(9 * 86_400 + 3_600)).await;
        tasks.resume("task").unwrap();
        tokio::time::sleep(MS(1_000)).await;
        assert_eq!(notes.runs(), 10, "{rerun}");
        stays.stop().await.assert_ok();
        sleeps.stop().await.assert_clean().await;
    }
}
