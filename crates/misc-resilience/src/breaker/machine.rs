//! The rules of a breaker, without a clock, a lock or a listener.
//!
//! Every stay in a state has a number. A call has that of the stay in which it was let in, and its outcome counts as long as
//! that stay lasts.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{
    config::BreakerConfig,
    moment::Moment,
    state::BreakerState,
    window::{Outcomes, Tally, ratio},
};

/// How strict the rules are while it recovers: at half of the shares that open it else.
const STRICT: f64 = 0.5;

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
    /// Until when they must have ended, once there was one.
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
            probes.under_way -= 1;
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

    /// The first half-open rule that holds re-opens; else it closes when all have ended.
    fn judge_probes(&mut self, now: &impl Fn() -> Moment) {
        let Phase::HalfOpen(Probes { ended, .. }) = self.phase else { return };
        let of = u64::from(self.config.half_open_calls.get());
        if self.is_bad(ended, of, 1.0) {
            self.open(now());
        } else if ended.calls >= of {
            self.close(now());
        }
    }

    fn judge_window(&mut self, now: &impl Fn() -> Moment) {
        let tally = self.window.tally();
        let is_bad = if matches!(self.phase, Phase::Recovering { .. }) {
            let enough = u64::from(self.config.half_open_calls.get()).min(self.window.capacity());
            tally.calls >= enough && self.is_bad(tally, tally.calls, STRICT) || self.are_too_many_in_a_row()
        } else {
            tally.calls >= u64::from(self.config.minimum_calls) && self.exceeds(tally) || self.are_too_many_in_a_row()
        };
        if is_bad {
            self.open(now());
        }
    }

    /// The rule for calls that pass freely.
    fn exceeds(&self, tally: Tally) -> bool {
        self.config.failure_ratio.is_some_and(|limit| reaches(tally.failures, tally.calls, limit))
            || self.is_too_slow(tally, tally.calls, 1.0)
    }

    /// The rule for calls by which it is found out whether the service is well: without a share that may fail, none may.
    fn is_bad(&self, tally: Tally, of: u64, strict: f64) -> bool {
        let too_many = match self.config.failure_ratio {
            Some(limit) => reaches(tally.failures, of, limit * strict),
            None => tally.failures > 0,
        };
        too_many || self.is_too_slow(tally, of, strict) || self.are_too_many_in_a_row()
    }

    fn is_too_slow(&self, tally: Tally, of: u64, strict: f64) -> bool {
        self.config.slow_call_duration.is_some() && reaches(tally.slow, of, self.config.slow_call_ratio * strict)
    }

    fn are_too_many_in_a_row(&self) -> bool {
        self.config.consecutive_failures.is_some_and(|limit| self.in_a_row >= limit.get())
    }

    /// Makes the changes that are due.
    pub(crate) fn move_on(&mut self, now: Moment) {
        match &self.phase {
            Phase::Open { until } if now >= *until => self.look_again(now),
            Phase::HalfOpen(Probes { until: Some(until), .. }) if now >= *until => self.open(now),
            Phase::Recovering { until, .. } if now >= *until => {
                self.window.move_on(now);
                let tally = self.window.tally();
                if self.is_bad(tally, tally.calls, STRICT) { self.open(now) } else { self.close(now) }
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
            _ => 0,
        };
        let until = now.later(self.open_duration());
        self.go(Phase::Open { until }, now);
    }

    fn open_duration(&mut self) -> Duration {
        let BreakerConfig { open_duration, open_growth, max_open_duration, open_jitter, .. } = &self.config;
        let growth = open_growth.powi(i32::try_from(self.reopened).unwrap_or(i32::MAX));
        let grown = Duration::try_from_secs_f64(open_duration.as_secs_f64() * growth).unwrap_or(Duration::MAX);
        let longest = grown.clamp(*open_duration, *max_open_duration);
        let kept = 1.0 - open_jitter * self.random.f64();
        if kept < 1.0 { longest.mul_f64(kept).max(Duration::from_nanos(1)) } else { longest }
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
}

/// Tells whether a part reaches a share, which is more than nothing.
fn reaches(part: u64, whole: u64, share: f64) -> bool {
    part > 0 && ratio(part, whole) >= share
}

/// Returns the share of calls that passes: 2^(t/T) - 1, which grows from 0 to 1.
fn share(until: Moment, time: Duration, now: Moment) -> f64 {
    let left = until.since(now).as_secs_f64() / time.as_secs_f64();
    (1.0 - left).exp2() - 1.0
}
