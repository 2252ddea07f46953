//! What `docs/scheduling.md` says of the clock changes of 2027 in Berlin.

use misc_scheduler::{Trigger, cron, daily, every};

use crate::subject::{Notes, SECS, run_for, scheduler_at};

/// For when runs were planned on the morning of a change, from 01:01 to 04:01 as clocks show it before.
async fn due(from: &str, trigger: impl Into<Trigger>) -> Vec<String> {
    let notes = Notes::new();
    run_for(scheduler_at(from).add(notes.task("task", trigger)), SECS(3 * 3600)).await;
    notes.due().iter().map(|due| due[11..16].to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_table_of_clock_changes_is_right() {
    fn berlin(expression: &str) -> Trigger {
        cron(expression).tz("Europe/Berlin").into()
    }
    // In UTC: 01:00 is where clocks are set, from 02:00 to 03:00, and from 03:00 to 02:00.
    type Row = (fn() -> Trigger, &'static [&'static str], &'static [&'static str]);
    let table: [Row; 6] = [
        (|| daily("02:30").tz("Europe/Berlin").into(), &["01:00"], &["00:30"]),
        (|| berlin("30 2 * * *"), &["01:00"], &["00:30"]),
        (|| berlin("0,30 2 * * *"), &["01:00"], &["00:00", "00:30"]),
        (|| berlin("30 * * * *"), &["00:30", "01:30", "02:30"], &["00:30", "01:30", "02:30"]),
        (
            || berlin("*/30 * * * *"),
            &["00:30", "01:00", "01:30", "02:00", "02:30", "03:00"],
            &["00:00", "00:30", "01:00", "01:30", "02:00", "02:30"],
        ),
        (|| every(SECS(3600)).into(), &["01:01", "02:01"], &["00:31", "01:31"]),
    ];
    for (trigger, spring, autumn) in table {
        assert_eq!(due("2027-03-28T00:01:00Z", trigger()).await, spring, "{}", trigger());
        assert_eq!(due("2027-10-30T23:31:00Z", trigger()).await, autumn, "{}", trigger());
    }
}
