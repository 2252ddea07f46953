//! Triggers of spans of time: each fires exactly when it says.

use misc_scheduler::{Fire, Firing, Outcome, Scheduler, Trigger, any_of, custom, every, manual};

use crate::subject::{MS, Notes, SECS, run_for};

async fn fires(trigger: impl Into<Trigger>, takes: u64, seconds: u64) -> Vec<u128> {
    let notes = Notes::taking(MS(takes));
    run_for(Scheduler::new().add(notes.task("task", trigger)), SECS(seconds)).await;
    notes.began()
}

#[tokio::test(start_paused = true)]
async fn a_task_of_1_s_fires_60_times_in_a_minute() {
    let notes = Notes::new();
    let scheduler = Scheduler::new().add(notes.task("task", every(SECS(1))));
    run_for(scheduler, MS(60_002)).await;
    assert_eq!(notes.began(), (1..=60).map(|second| second * 1_000).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_whatever_runs_take() {
    assert_eq!(fires(every(MS(250)), 100, 1).await, [250, 500, 750]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_skips_what_meets_a_run_and_stays_at_multiples() {
    assert_eq!(fires(every(SECS(1)), 1_500, 6).await, [1_000, 3_000, 5_000]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_counts_from_the_end_of_a_run() {
    assert_eq!(fires(every(SECS(1)).fixed_delay(), 500, 5).await, [1_000, 2_500, 4_000]);
}

#[tokio::test(start_paused = true)]
async fn the_first_run_comes_after_its_own_delay() {
    assert_eq!(fires(every(SECS(2)).immediately(), 0, 5).await, [0, 2_000, 4_000]);
    assert_eq!(fires(every(SECS(2)).initial_delay(MS(500)), 0, 5).await, [500, 2_500, 4_500]);
}

#[tokio::test(start_paused = true)]
async fn jitter_delays_each_firing_and_does_not_move_the_schedule() {
    for (at, began) in fires(every(SECS(10)).jitter(SECS(2)), 0, 1_000).await.into_iter().enumerate() {
        let base = (at as u128 + 1) * 10_000;
        assert!((base..=base + 2_001).contains(&began), "{base} {began}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_ends_it() {
    assert_eq!(fires(every(SECS(1)).limit(3), 0, 60).await, [1_000, 2_000, 3_000]);
}

#[tokio::test(start_paused = true)]
async fn one_of_several_triggers_is_enough() {
    let both = any_of([every(SECS(2)).limit(2).into(), every(SECS(3)).into()]);
    assert_eq!(fires(both, 0, 10).await, [2_000, 3_000, 4_000, 6_000, 9_000]);
}

#[tokio::test(start_paused = true)]
async fn manual_never_fires_by_itself() {
    assert_eq!(fires(manual(), 0, 1_000).await, [] as [u128; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_of_ones_own_says_when_each_firing_is() {
    let own = custom(|last: &Firing| match last.count() {
        0 => Fire::In(SECS(1)),
        1 => Fire::In(SECS(2)),
        2 => Fire::At(last.now() + SECS(5)),
        _ => Fire::Stop,
    });
    // From the end of a run that takes half a second.
    assert_eq!(fires(own, 500, 60).await, [1_000, 3_500, 9_000]);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_skips_is_asked_again() {
    let mut asked = 0;
    let own = custom(move |_: &Firing| {
        asked += 1;
        if asked % 2 == 1 { Fire::Skip(SECS(1)) } else { Fire::In(SECS(2)) }
    });
    assert_eq!(fires(own, 0, 10).await, [3_000, 6_000, 9_000]);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_sees_how_the_last_run_has_ended() {
    let own = custom(|last: &Firing| match last.outcome() {
        None => Fire::In(SECS(1)),
        Some(Outcome::Succeeded) if last.count() == 1 => Fire::In(SECS(3)),
        Some(_) => Fire::Stop,
    });
    assert_eq!(fires(own, 0, 60).await, [1_000, 4_000]);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_panics_ends_and_others_go_on() {
    let notes = Notes::new();
    let broken = custom(|_: &Firing| -> Fire { panic!("no idea") });
    let scheduler = Scheduler::new().add(notes.task("broken", broken)).add(notes.task("sound", every(SECS(1))));
    run_for(scheduler, MS(3_500)).await;
    assert_eq!(notes.began(), [1_000, 2_000, 3_000]);
}
