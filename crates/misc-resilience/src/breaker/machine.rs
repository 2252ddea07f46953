//! The rules of a breaker, without a clock, a lock or a listener.
//!
//! Every stay in a state has a number. A call has that of the stay in which it was let in, and its outcome counts as long as
//! that stay lasts.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{
    config::BreakerConfig,
    moment::Moment,
    state::BreakerState,
    window::{Outcomes, Tally},
};

/// What has become of a call.
#[derive(Debug)]
pub(crate) enum Outcome {
    Success {
        slow: bool,
    },
    Failure {
        slow: bool,
        error: Arc<str>,
    },
    /// It says nothing: it does not count, and a probe may be made in its place.
    Nothing,
}

/// Why a call does not pass.
#[derive(Debug, Clone)]
pub(crate) struct Denial {
    pub(crate) state: BreakerState,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) last_error: Option<Arc<str>>,
}

/// A change of state.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) from: BreakerState,
    pub(crate) to: BreakerState,
    /// The calls by which it was decided.
    pub(crate) tally: Tally,
    pub(crate) open_for: Option<Duration>,
    pub(crate) last_error: Option<Arc<str>>,
}

/// What can be seen of it.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) state: BreakerState,
    pub(crate) since: Duration,
    pub(crate) tally: Tally,
    pub(crate) in_a_row: u32,
    pub(crate) probes: u32,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) reopened: u32,
    pub(crate) rejected: u64,
    pub(crate) last_error: Option<Arc<str>>,
}

/// What an operator may ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// Begin anew, closed.
    Reset,
    /// Open as if by a rule.
    Trip,
    ForceOpen,
    Disable,
    MetricsOnly,
}

#[derive(Debug)]
pub(crate) struct Machine {
    config: BreakerConfig,
    random: fastrand::Rng,
    phase: Phase,
    /// The number of this stay in a state.
    stay: u64,
    since: Moment,
    window: Outcomes,
    /// While no call passes, those by which it was decided.
    judged: Tally,
    in_a_row: u32,
    /// How often it has opened again since it was closed.
    reopened: u32,
    rejected: u64,
    last_error: Option<Arc<str>>,
    changes: VecDeque<Change>,
}

#[derive(Debug)]
enum Phase {
    Closed,
    Open { until: Moment },
    HalfOpen(Probes),
    Recovering { until: Moment, time: Duration },
    ForcedOpen,
    Disabled,
    MetricsOnly,
}

#[derive(Debug, Default)]
struct Probes {
    under_way: u32,
    ended: Tally,
    /// Until when they must have ended, once there is one that was not given back.
    until: Option<Moment>,
}

impl Machine {
    /// Creates one in the state of its configured mode, which must have been checked.
    pub(crate) fn new(config: BreakerConfig, seed: u64) -> Self {
        Self {
            phase: Phase::of(config.mode.into()),
            window: Outcomes::new(config.window),
            judged: Tally::default(),
            random: fastrand::Rng::with_seed(seed),
            stay: 0,
            since: Moment::default(),
            in_a_row: 0,
            reopened: 0,
            rejected: 0,
            last_error: None,
            changes: VecDeque::new(),
            config,
        }
    }

    pub(crate) fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen(_) => BreakerState::HalfOpen,
            Phase::Recovering { .. } => BreakerState::Recovering,
            Phase::ForcedOpen => BreakerState::ForcedOpen,
            Phase::Disabled => BreakerState::Disabled,
            Phase::MetricsOnly => BreakerState::MetricsOnly,
        }
    }

    /// Returns the number of this stay in a state.
    pub(crate) fn stay(&self) -> u64 {
        self.stay
    }

    /// Lets a call in, and returns the number of the stay; or says why not, and counts it.
    pub(crate) fn enter(&mut self, now: Moment) -> Result<u64, Denial> {
        self.move_on(now);
        let passes = match &mut self.phase {
            Phase::Closed | Phase::Disabled | Phase::MetricsOnly => true,
            Phase::Open { .. } | Phase::ForcedOpen => false,
            Phase::HalfOpen(probes) => probes.enter(&self.config, now),
            Phase::Recovering { until, time } => self.random.f64() < share(*until, *time, now),
        };
        if passes { Ok(self.stay) } else { Err(self.reject(now)) }
    }

    /// Counts a call that does not pass.
    pub(crate) fn reject(&mut self, now: Moment) -> Denial {
        self.rejected += 1;
        self.denial(now)
    }

    fn denial(&self, now: Moment) -> Denial {
        Denial { state: self.state(), retry_after: self.retry_after(now), last_error: self.last_error.clone() }
    }

    /// Says why no call passes, if none does.
    pub(crate) fn shut(&self, now: Moment) -> Option<Denial> {
        self.state().is_shut().then(|| self.denial(now))
    }

    /// Takes the outcome of a call that was let in during a stay.
    ///
    /// The clock is only looked at where the rules need it.
    pub(crate) fn settle(&mut self, stay: u64, outcome: Outcome, now: impl Fn() -> Moment) {
        if !self.state().is_free() {
            self.move_on(now());
        }
        if stay != self.stay || matches!(self.phase, Phase::Disabled) {
            return;
        }
        if let Phase::HalfOpen(probes) = &mut self.phase {
            probes.leave(matches!(outcome, Outcome::Nothing));
        }
        match outcome {
            Outcome::Success { slow } => {
                self.in_a_row = 0;
                self.count(false, slow, &now);
            }
            Outcome::Failure { slow, error } => {
                self.in_a_row = self.in_a_row.saturating_add(1);
                self.last_error = Some(error);
                self.count(true, slow, &now);
            }
            Outcome::Nothing => {}
        }
    }

    fn count(&mut self, failed: bool, slow: bool, now: &impl Fn() -> Moment) {
        match &mut self.phase {
            Phase::HalfOpen(probes) => {
                probes.ended.add(failed, slow);
                self.judge_probes(now);
            }
            Phase::Closed | Phase::Recovering { .. } => {
                self.window.record(failed, slow, now);
                self.judge_window(now);
            }
            Phase::MetricsOnly => self.window.record(failed, slow, now),
            // The stay is the same, so no call of it can have been let in.
            Phase::Open { .. } | Phase::ForcedOpen | Phase::Disabled => {}
        }
    }

    fn judge_probes(&mut self, now: &impl Fn() -> Moment) {
        let Phase::HalfOpen(Probes { ended, .. }) = self.phase else { return };
        if self.config.fails_probes(ended, self.in_a_row) {
            self.open(now());
        } else if ended.calls >= u64::from(self.config.half_open_calls.get()) {
            self.close(now());
        }
    }

    fn judge_window(&mut self, now: &impl Fn() -> Moment) {
        let (tally, in_a_row) = (self.window.tally(), self.in_a_row);
        let is_bad = if matches!(self.phase, Phase::Recovering { .. }) {
            let enough = u64::from(self.config.half_open_calls.get()).min(self.window.capacity());
            tally.calls >= enough && self.config.fails_recovery(tally, in_a_row) || self.config.are_too_many(in_a_row)
        } else {
            self.config.opens(tally, in_a_row)
        };
        if is_bad {
            self.open(now());
        }
    }

    /// Makes the changes that are due.
    pub(crate) fn move_on(&mut self, now: Moment) {
        match &self.phase {
            Phase::Open { until } if now >= *until => self.look_again(now),
            Phase::HalfOpen(Probes { until: Some(until), .. }) if now >= *until => self.open(now),
            Phase::Recovering { until, .. } if now >= *until => {
                self.window.move_on(now);
                let is_bad = self.config.fails_recovery(self.window.tally(), self.in_a_row);
                if is_bad { self.open(now) } else { self.close(now) }
            }
            _ => {}
        }
    }

    fn look_again(&mut self, now: Moment) {
        let phase = match self.config.recovery {
            Some(time) => Phase::Recovering { until: now.later(time), time },
            None => Phase::HalfOpen(Probes::default()),
        };
        self.go(phase, now);
    }

    fn open(&mut self, now: Moment) {
        self.reopened = match self.phase {
            Phase::HalfOpen(_) | Phase::Recovering { .. } => self.reopened.saturating_add(1),
            Phase::Open { .. } => self.reopened,
            _ => 0,
        };
        let until = now.later(self.config.open_for(self.reopened, self.random.f64()));
        self.go(Phase::Open { until }, now);
    }

    fn close(&mut self, now: Moment) {
        self.reopened = 0;
        self.go(Phase::Closed, now);
    }

    pub(crate) fn obey(&mut self, order: Order, now: Moment) {
        self.move_on(now);
        match order {
            Order::Reset => {
                self.close(now);
                self.last_error = None;
            }
            Order::Trip => self.open(now),
            Order::ForceOpen => self.go(Phase::ForcedOpen, now),
            Order::Disable => self.go(Phase::Disabled, now),
            Order::MetricsOnly => self.go(Phase::MetricsOnly, now),
        }
    }

    fn go(&mut self, phase: Phase, now: Moment) {
        self.window.move_on(now);
        let (from, tally) = (self.state(), self.tally());
        self.phase = phase;
        self.stay += 1;
        self.judged = tally;
        self.window.clear();
        let to = self.state();
        if !to.is_shut() {
            self.in_a_row = 0;
        }
        if from != to {
            self.since = now;
            let (open_for, last_error) = (self.retry_after(now), self.last_error.clone());
            self.changes.push_back(Change { from, to, tally, open_for, last_error });
        }
    }

    /// Returns the change that was made first of those not told yet.
    pub(crate) fn next_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    pub(crate) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Returns the calls that it is judged by, as of the last outcome or look; while no call passes, those it was judged by.
    pub(crate) fn tally(&self) -> Tally {
        match &self.phase {
            Phase::HalfOpen(probes) => probes.ended,
            Phase::Open { .. } | Phase::ForcedOpen => self.judged,
            _ => self.window.tally(),
        }
    }

    fn retry_after(&self, now: Moment) -> Option<Duration> {
        match self.phase {
            Phase::Open { until } => Some(until.since(now)),
            _ => None,
        }
    }

    /// Returns in what time there may be a change by the clock alone.
    ///
    /// When probes are due is known once there is one, but not before they may take as long as they may.
    pub(crate) fn due(&mut self, now: Moment) -> Option<Duration> {
        self.move_on(now);
        match &self.phase {
            Phase::Open { until } | Phase::Recovering { until, .. } => Some(until.since(now)),
            Phase::HalfOpen(Probes { until: Some(until), .. }) => Some(until.since(now)),
            Phase::HalfOpen(Probes { until: None, .. }) => self.config.half_open_timeout,
            Phase::Closed | Phase::ForcedOpen | Phase::Disabled | Phase::MetricsOnly => None,
        }
    }

    pub(crate) fn view(&mut self, now: Moment) -> View {
        self.move_on(now);
        self.window.move_on(now);
        View {
            state: self.state(),
            since: now.since(self.since),
            tally: self.tally(),
            in_a_row: self.in_a_row,
            probes: if let Phase::HalfOpen(probes) = &self.phase { probes.under_way } else { 0 },
            retry_after: self.retry_after(now),
            reopened: self.reopened,
            rejected: self.rejected,
            last_error: self.last_error.clone(),
        }
    }
}

impl Phase {
    fn of(state: BreakerState) -> Self {
        match state {
            BreakerState::ForcedOpen => Self::ForcedOpen,
            BreakerState::Disabled => Self::Disabled,
            BreakerState::MetricsOnly => Self::MetricsOnly,
            _ => Self::Closed,
        }
    }
}

impl Probes {
    /// Lets one more in, if there are not as many under way or ended as there may be.
    fn enter(&mut self, config: &BreakerConfig, now: Moment) -> bool {
        let passes = u64::from(self.under_way) + self.ended.calls < u64::from(config.half_open_calls.get());
        if passes {
            self.under_way += 1;
            self.until = self.until.or_else(|| Some(now.later(config.half_open_timeout?)));
        }
        passes
    }

    /// Takes one that has ended, or was given back; if they all were, the time of the next begins anew.
    fn leave(&mut self, is_given_back: bool) {
        self.under_way -= 1;
        if is_given_back && self.under_way == 0 && self.ended.calls == 0 {
            self.until = None;
        }
    }
}

/// Returns the share of calls that passes: 2^(t/T) - 1, which grows from 0 to 1.
fn share(until: Moment, time: Duration, now: Moment) -> f64 {
    let left = until.since(now).as_secs_f64() / time.as_secs_f64();
    (1.0 - left).exp2() - 1.0
}
