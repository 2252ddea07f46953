//! Plays the same calls, orders and times to the breaker and to the model.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fastrand::Rng;
use misc_resilience::{Breaker, BreakerConfig, BreakerState, Permit};
use tokio::time::{Instant, advance};

use crate::{
    generate::{self, maybe},
    model::{Counts, End, Model, Passes, Ticket, Wrong},
};

type Changes = Arc<Mutex<Vec<(BreakerState, BreakerState)>>>;

pub(crate) struct Driver {
    random: Rng,
    config: BreakerConfig,
    breaker: Breaker,
    changes: Changes,
    model: Model,
    start: Instant,
    under_way: Vec<(Permit, Ticket)>,
    /// How often calls fail for now.
    trouble: f64,
    outcomes: u64,
}

/// What passes by chance, over all runs.
#[derive(Debug, Default)]
pub(crate) struct Luck {
    passed: f64,
    expected: f64,
    variance: f64,
}

impl Luck {
    fn see(&mut self, passed: bool, chance: f64) {
        self.passed += f64::from(u8::from(passed));
        self.expected += chance;
        self.variance += chance * (1.0 - chance);
    }

    /// Tells whether as many have passed as should, within six standard deviations.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        let is_fair = (self.passed - self.expected).abs() <= 6.0 * self.variance.sqrt() + 1.0;
        if is_fair { Ok(()) } else { Err(format!("chance is not fair: {self:?}")) }
    }
}

impl Driver {
    pub(crate) fn new(seed: u64, wrong: Option<Wrong>) -> Self {
        let mut random = Rng::with_seed(seed);
        let config = generate::config(&mut random);
        // The breaker's own chance comes from here.
        fastrand::seed(seed);
        let changes = Changes::default();
        let notes = Arc::clone(&changes);
        let breaker =
            Breaker::new("random", config.clone()).expect("settings that can work").on_transition(move |change| {
                notes.lock().unwrap_or_else(PoisonError::into_inner).push((change.from, change.to));
            });
        let model = Model::new(config.clone(), wrong);
        let start = Instant::now();
        Self { random, config, breaker, changes, model, start, under_way: Vec::new(), trouble: 0.0, outcomes: 0 }
    }

    pub(crate) fn outcomes(&self) -> u64 {
        self.outcomes
    }

    pub(crate) fn config(&self) -> &BreakerConfig {
        &self.config
    }

    /// Plays until there were as many outcomes, or so many steps that it hardly lets any call pass.
    pub(crate) async fn run(&mut self, outcomes: u64, luck: &mut Luck) -> Result<(), String> {
        for step in 0..outcomes * 3 {
            if self.outcomes >= outcomes {
                break;
            }
            if maybe(&mut self.random, 0.01) {
                self.trouble = [0.0, 0.05, 0.3, 0.5, 0.7, 1.0][self.random.usize(..6)];
            }
            self.step(luck).await.map_err(|difference| format!("step {step}: {difference}"))?;
        }
        self.compare()
    }

    async fn step(&mut self, luck: &mut Luck) -> Result<(), String> {
        match self.random.u32(..100) {
            0..70 => self.call(luck).await?,
            70..78 => self.begin(luck)?,
            78..86 => self.end()?,
            86..98 => self.wait().await,
            _ if maybe(&mut self.random, 0.1) => self.order()?,
            _ => {}
        }
        if maybe(&mut self.random, 0.2) { self.compare() } else { Ok(()) }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    async fn call(&mut self, luck: &mut Luck) -> Result<(), String> {
        let begun = self.under_way.len();
        self.begin(luck)?;
        if let Some(slow) = self.config.slow_call_duration.filter(|_| maybe(&mut self.random, 0.2)) {
            advance(slow + Duration::from_millis(self.random.u64(..2))).await;
        }
        if self.under_way.len() > begun { self.end_of(begun) } else { Ok(()) }
    }

    fn begin(&mut self, luck: &mut Luck) -> Result<(), String> {
        let now = self.now();
        let (may, permit) = (self.model.passes(now), self.breaker.acquire());
        self.adopt()?;
        match may {
            Passes::Surely if permit.is_err() => return Err(format!("it should pass: {permit:?}")),
            Passes::Never if permit.is_ok() => return Err("it should not pass".to_owned()),
            Passes::Perhaps(chance) => luck.see(permit.is_ok(), chance),
            _ => {}
        }
        match permit {
            Ok(permit) => self.under_way.push((permit, self.model.let_in(now))),
            Err(_) => self.model.reject(),
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        if self.under_way.is_empty() {
            return Ok(());
        }
        let which = self.random.usize(..self.under_way.len());
        self.end_of(which)
    }

    fn end_of(&mut self, which: usize) -> Result<(), String> {
        let (permit, ticket) = self.under_way.swap_remove(which);
        let end = match self.random.u32(..20) {
            0 => End::Ignored,
            1 => End::Cancelled,
            _ if maybe(&mut self.random, self.trouble) => End::Failure,
            _ => End::Success,
        };
        self.model.end(ticket, end, self.now());
        match end {
            End::Success => permit.success(),
            End::Failure => permit.failure("a scripted error"),
            End::Ignored => permit.ignore(),
            End::Cancelled => drop(permit),
        }
        self.outcomes += 1;
        self.adopt()
    }

    async fn wait(&mut self) {
        let millis = match self.random.u32(..10) {
            0..6 => self.random.u64(1..50),
            6..9 => self.random.u64(50..2_000),
            _ => self.random.u64(2_000..30_000),
        };
        // At times to the very moment when it looks again.
        let time = match self.model.until {
            Some(until) if self.model.state == BreakerState::Open && self.random.bool() => {
                until.saturating_sub(self.now())
            }
            _ => Duration::from_millis(millis),
        };
        advance(time).await;
    }

    fn order(&mut self) -> Result<(), String> {
        let now = self.now();
        match self.random.u32(..8) {
            0 => {
                self.model.trip(now);
                self.breaker.trip();
            }
            1 => {
                self.model.set(BreakerState::ForcedOpen, now);
                self.breaker.force_open();
            }
            2 => {
                self.model.set(BreakerState::Disabled, now);
                self.breaker.disable();
            }
            3 => {
                self.model.set(BreakerState::MetricsOnly, now);
                self.breaker.metrics_only();
            }
            _ => {
                self.model.reset(now);
                self.breaker.reset();
            }
        }
        self.adopt()
    }

    /// Tells the model for how long it is open, if it has just opened, within what it may be.
    fn adopt(&mut self) -> Result<(), String> {
        if self.model.state != BreakerState::Open || self.model.until.is_some() {
            return Ok(());
        }
        let Some(time) = self.breaker.status().retry_after else {
            return Err(format!("it should be open: {:?}", self.breaker.status()));
        };
        let (least, most) = self.model.open_for();
        let rounding = Duration::from_nanos(100);
        if time + rounding < least || time > most + rounding {
            return Err(format!("it is open for {time:?}, instead of {least:?} to {most:?}"));
        }
        self.model.until = Some(self.now() + time);
        Ok(())
    }

    /// Looks at both, and at all that can be seen.
    fn compare(&mut self) -> Result<(), String> {
        let now = self.now();
        self.model.look(now);
        let status = self.breaker.status();
        self.adopt()?;
        let counts = self.model.counts(now);
        let (seen, model) = (
            (status.state, status.consecutive_failures, status.probes, status.reopened, status.rejected),
            (self.model.state, self.model.in_a_row(), self.model.probes, self.model.reopened, self.model.rejected),
        );
        let shown = Counts { calls: status.calls, failures: status.failures, slow: status.slow_calls };
        let share = |part: u64| if counts.calls == 0 { 0.0 } else { part as f64 / counts.calls as f64 };
        let rates = (share(counts.failures), share(counts.slow));
        if (seen, shown) != (model, counts) || rates != (status.failure_ratio, status.slow_call_ratio) {
            return Err(format!("it is {seen:?} {shown:?}, instead of {model:?} {counts:?} {rates:?}"));
        }
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if *changes == self.model.changes {
            Ok(())
        } else {
            Err(format!("it has changed {changes:?}, instead of {:?}", self.model.changes))
        }
    }
}
