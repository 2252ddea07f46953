//! Intervals that start at a time of day keep their beat over restarts, and among replicas.

use misc_core::Ledger as _;
use misc_scheduler::{MemoryLedger, Misfire, Overlap, Trigger, any_of, daily, every};

use super::book::Book;
use crate::subject::{Notes, SECS, pass, run_for, scheduler_at, start};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

fn from(hours: u64, time: &str) -> Trigger {
    every(SECS(hours * HOUR)).starting_at(time).into()
}

/// Lets a task live some lives, each from a time on and for some minutes; returns for when its runs were planned.
async fn lives(lives: Vec<(&str, u64, Trigger)>) -> Vec<String> {
    let (ledger, notes) = (MemoryLedger::new(), Notes::new());
    for (from, minutes, trigger) in lives {
        let task = notes.task("task", trigger).misfire(Misfire::All).overlap(Overlap::QueueAll);
        run_for(scheduler_at(from).ledger(ledger.clone()).add(task), SECS(minutes * MINUTE)).await;
    }
    notes.due().iter().map(|due| due[8..16].replace('T', " ")).collect()
}

#[tokio::test(start_paused = true)]
async fn an_interval_from_a_time_of_day_keeps_its_beat_over_restarts() {
    let table = [
        // Two starts before the first firing, which is not missed.
        (12, ["2037-01-01T14:37:22Z", "2037-01-01T15:00:00Z"], vec!["02 03:00", "02 15:00"]),
        // The first one was missed.
        (12, ["2037-01-01T14:37:22Z", "2037-01-02T04:00:00Z"], vec!["02 03:00", "02 15:00", "03 03:00"]),
        // Its beat is that of its first day.
        (5, ["2037-01-01T02:55:00Z", "2037-01-02T03:30:00Z"], {
            vec!["01 03:00", "01 08:00", "01 13:00", "01 18:00", "01 23:00", "02 04:00", "02 09:00", "02 14:00"]
        }),
    ];
    for (hours, [first, second], due) in table {
        let minutes = if hours == 12 { 25 * 60 } else { 12 * 60 };
        let both = vec![(first, 20, from(hours, "03:00")), (second, minutes, from(hours, "03:00"))];
        assert_eq!(lives(both).await, due, "{hours} {first}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interval_that_was_changed_begins_as_it_is_now() {
    for (changed, due) in [
        (from(5, "04:00"), ["01 03:00", "01 04:00", "01 09:00"]),
        (from(4, "03:00"), ["01 03:00", "02 03:00", "02 07:00"]),
    ] {
        let minutes = if due[1] == "01 04:00" { 8 * 60 } else { 29 * 60 };
        let both = vec![("2037-01-01T02:55:00Z", 10, from(5, "03:00")), ("2037-01-01T03:30:00Z", minutes, changed)];
        assert_eq!(lives(both).await, due);
    }
}

#[tokio::test(start_paused = true)]
async fn a_beat_of_a_clock_that_was_ahead_begins_anew() {
    let (book, notes) = (Book::at("2037-01-01T02:55:00Z"), Notes::new());
    book.remember("tasks/task#every 5h from 03:00 UTC", "2040-01-01T03:00:00Z").await.unwrap();
    run_for(book.scheduler().add(notes.task("task", from(5, "03:00"))), SECS(370 * MINUTE)).await;
    run_for(book.scheduler().add(notes.task("task", from(5, "03:00"))), SECS(5 * HOUR)).await;
    assert_eq!(notes.due().len(), 3);
    assert_eq!(notes.due()[2], "2037-01-01T13:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn of_several_triggers_each_keeps_its_own_beat() {
    let either = || any_of([from(5, "03:00"), daily("09:00").into()]);
    let both = vec![("2037-01-01T02:55:00Z", 370, either()), ("2037-01-01T10:00:00Z", 9 * 60, either())];
    assert_eq!(lives(both).await, ["01 03:00", "01 08:00", "01 09:00", "01 13:00", "01 18:00"]);
}

#[tokio::test(start_paused = true)]
async fn replicas_that_start_at_different_times_have_one_beat() {
    let (book, notes) = (Book::at("2037-01-01T14:37:22Z"), Notes::new());
    let replica = || book.scheduler().add(notes.task("task", from(12, "03:00")));
    let first = start(replica()).await;
    pass(SECS(13 * MINUTE)).await;
    let second = start(replica()).await;
    pass(SECS(48 * HOUR)).await;
    let due: Vec<_> = notes.due().iter().map(|due| due[8..16].to_owned()).collect();
    assert_eq!(due, ["02T03:00", "02T15:00", "03T03:00"]);
    first.stop().await.assert_ok();
    second.stop().await.assert_clean().await;
}
