//! The engine and a model that is written from the rules agree on what random histories of a task come to.

use std::time::Duration;

use misc_scheduler::{Misfire, Overlap, Scheduler, Trigger, every};
use proptest::prelude::*;
use tokio::time::{advance, sleep};

use crate::subject::{MS, Notes, scheduler_at, start};

/// What happens to a task.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Time passes, in milliseconds.
    Sleep(u64),
    /// All threads are busy for so long.
    Block(u64),
    Pause,
    Resume,
    RunNow,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..5_000u64).prop_map(Step::Sleep),
        2 => (1..20_000u64).prop_map(Step::Block),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
        1 => Just(Step::RunNow),
    ]
}

#[derive(Debug, Clone, Copy)]
struct Rules {
    period: u64,
    misfire: Misfire,
    grace: Option<u64>,
}

fn rules() -> impl Strategy<Value = Rules> {
    let misfire = prop_oneof![Just(Misfire::Skip), Just(Misfire::Once), Just(Misfire::All)];
    (50..3_000u64, misfire, proptest::option::of(1_001..10_000u64)).prop_map(|(period, misfire, grace)| Rules {
        period,
        misfire,
        grace,
    })
}

/// The rules, by looking at each multiple of the period.
struct Model {
    rules: Rules,
    now: u64,
    next: u64,
    is_paused: bool,
    runs: usize,
    misfires: u64,
}

impl Model {
    fn step(&mut self, step: Step) {
        match step {
            Step::Sleep(time) => (0..time).for_each(|_| self.pass(1)),
            Step::Block(time) => self.pass(time),
            Step::Pause => self.is_paused = true,
            Step::Resume if self.is_paused => {
                self.is_paused = false;
                self.fire(0);
            }
            Step::Resume => {}
            Step::RunNow => self.runs += 1,
        }
    }

    fn pass(&mut self, time: u64) {
        self.now += time;
        if !self.is_paused {
            self.fire(1_000);
        }
    }

    fn fire(&mut self, tolerance: u64) {
        let (mut in_time, mut missed) = (0, Vec::new());
        while self.next <= self.now {
            let late = self.now - self.next;
            if late <= tolerance {
                in_time += 1;
            } else {
                missed.push(late);
            }
            self.next += self.rules.period;
        }
        self.misfires += missed.len() as u64;
        missed.retain(|late| self.rules.grace.is_none_or(|grace| *late <= grace));
        self.runs += in_time
            + match self.rules.misfire {
                Misfire::All => missed.len(),
                Misfire::Once if in_time == 0 => missed.len().min(1),
                _ => 0,
            };
    }
}

/// What the engine makes of a history: how many runs, and how many misfires.
async fn engine(scheduler: Scheduler, trigger: impl Into<Trigger>, rules: Rules, steps: &[Step]) -> (usize, u64) {
    let notes = Notes::new();
    let mut task = notes.task("task", trigger).misfire(rules.misfire).overlap(Overlap::Allow(u32::MAX));
    if let Some(grace) = rules.grace {
        task = task.grace(MS(grace));
    }
    let scheduler = scheduler.add(task);
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    for step in steps {
        match step {
            Step::Sleep(time) => sleep(MS(*time)).await,
            Step::Block(time) => advance(MS(*time)).await,
            Step::Pause => tasks.pause("task").unwrap(),
            Step::Resume => tasks.resume("task").unwrap(),
            Step::RunNow => drop(tasks.run_now("task")),
        }
        settle().await;
    }
    let seen = (notes.runs(), tasks.status("task").unwrap().misfires);
    app.stop().await.assert_ok();
    seen
}

/// Lets everybody do what is to be done now, without time passing.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_runs_and_what_is_missed_is_what_the_rules_say(
        rules in rules(),
        steps in prop::collection::vec(step(), 1..30),
    ) {
        let mut model =
            Model { rules, now: 0, next: rules.period, is_paused: false, runs: 0, misfires: 0 };
        steps.iter().for_each(|step| model.step(*step));
        let expected = (model.runs, model.misfires);
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let period = Duration::from_millis(rules.period);
        let spans = engine(Scheduler::new(), every(period), rules, &steps);
        prop_assert_eq!(runtime().block_on(spans), expected);
        // Aligned, the same on the wall clock: midnight of 1970 is a multiple of every period.
        let wall = engine(scheduler_at("1970-01-01T00:00:00Z"), every(period).aligned(), rules, &steps);
        prop_assert_eq!(runtime().block_on(wall), expected);
    }
}
