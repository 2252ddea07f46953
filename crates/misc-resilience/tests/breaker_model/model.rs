//! What the documentation says, in the plainest way.

use std::time::Duration;

use misc_resilience::{BreakerConfig, BreakerState, Mode, Window};

/// A rule that the model gets wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    CancelledDilutes,
    IgnoredDilutes,
    LateCounts,
    OneProbeMore,
    ProbeIsLost,
    ProbesAreWaitedFor,
    OneCallEarly,
    AboveTheShare,
    SlowAtItsLimit,
    NeverGrows,
    GrowthStays,
    GrowsPastTheMaximum,
    ElevenParts,
    OneCallMore,
    ResetKeepsCalls,
    RowSurvivesSuccess,
    RecoversAtFullShares,
    RecoveryAlwaysCloses,
    RecoversEvenly,
    TimeoutWithoutProbe,
    TimeoutOfNoProbe,
    DisabledCounts,
    MetricsOnlyOpens,
    OpensTooLong,
}

impl Wrong {
    pub(crate) const ALL: [Self; 24] = [
        Self::CancelledDilutes,
        Self::IgnoredDilutes,
        Self::LateCounts,
        Self::OneProbeMore,
        Self::ProbeIsLost,
        Self::ProbesAreWaitedFor,
        Self::OneCallEarly,
        Self::AboveTheShare,
        Self::SlowAtItsLimit,
        Self::NeverGrows,
        Self::GrowthStays,
        Self::GrowsPastTheMaximum,
        Self::ElevenParts,
        Self::OneCallMore,
        Self::ResetKeepsCalls,
        Self::RowSurvivesSuccess,
        Self::RecoversAtFullShares,
        Self::RecoveryAlwaysCloses,
        Self::RecoversEvenly,
        Self::TimeoutWithoutProbe,
        Self::TimeoutOfNoProbe,
        Self::DisabledCounts,
        Self::MetricsOnlyOpens,
        Self::OpensTooLong,
    ];
}

/// How a call has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    Failure,
    Ignored,
    Cancelled,
}

/// A call that was let in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    stay: u64,
    began: Duration,
}

/// What the breaker may do with a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Passes {
    Surely,
    Never,
    /// With this chance.
    Perhaps(f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) calls: u64,
    pub(crate) failures: u64,
    pub(crate) slow: u64,
}

#[derive(Debug, Clone, Copy)]
struct Ended {
    at: Duration,
    failed: bool,
    slow: bool,
}

#[derive(Debug)]
pub(crate) struct Model {
    config: BreakerConfig,
    wrong: Option<Wrong>,
    pub(crate) state: BreakerState,
    pub(crate) changes: Vec<(BreakerState, BreakerState)>,
    pub(crate) rejected: u64,
    pub(crate) reopened: u32,
    /// Until when it is open; the driver says so, since there is chance in it.
    pub(crate) until: Option<Duration>,
    /// How many changes there were, of a state into itself, too.
    stay: u64,
    since: Duration,
    /// All calls that have counted since the last change.
    ended: Vec<Ended>,
    /// What had counted when it opened.
    judged: (Counts, u32),
    /// How many probes are under way.
    pub(crate) probes: u32,
    first_probe: Option<Duration>,
}

impl Model {
    pub(crate) fn new(config: BreakerConfig, wrong: Option<Wrong>) -> Self {
        let state = match config.mode {
            Mode::ForcedOpen => BreakerState::ForcedOpen,
            Mode::Disabled => BreakerState::Disabled,
            Mode::MetricsOnly => BreakerState::MetricsOnly,
            _ => BreakerState::Closed,
        };
        Self {
            config,
            wrong,
            state,
            changes: Vec::new(),
            rejected: 0,
            reopened: 0,
            until: None,
            stay: 0,
            since: Duration::ZERO,
            ended: Vec::new(),
            judged: (Counts::default(), 0),
            probes: 0,
            first_probe: None,
        }
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    /// "What is due by the clock is done when the next call begins or ends, or by the next look at it."
    pub(crate) fn look(&mut self, now: Duration) {
        match self.state {
            BreakerState::Open => {
                let until = self.until.expect("the driver has said");
                let is_over = if self.is(Wrong::OpensTooLong) { now > until } else { now >= until };
                if is_over {
                    let recovers = self.config.recovery.is_some();
                    self.change(if recovers { BreakerState::Recovering } else { BreakerState::HalfOpen }, now);
                }
            }
            BreakerState::HalfOpen => {
                let first = if self.is(Wrong::TimeoutWithoutProbe) { Some(self.since) } else { self.first_probe };
                if self.config.half_open_timeout.zip(first).is_some_and(|(time, first)| now >= first + time) {
                    self.open(now);
                }
            }
            BreakerState::Recovering if now >= self.since + self.config.recovery.expect("it recovers") => {
                let counts = self.counts(now);
                let is_well = self.is(Wrong::RecoveryAlwaysCloses) || !self.is_bad(counts, counts.calls);
                if is_well { self.close(now) } else { self.open(now) }
            }
            _ => {}
        }
    }

    pub(crate) fn passes(&mut self, now: Duration) -> Passes {
        self.look(now);
        match self.state {
            BreakerState::Closed | BreakerState::Disabled | BreakerState::MetricsOnly => Passes::Surely,
            BreakerState::HalfOpen => {
                let may = u64::from(self.config.half_open_calls.get()) + u64::from(self.is(Wrong::OneProbeMore));
                let made = u64::from(self.probes) + self.counts(now).calls;
                if made < may { Passes::Surely } else { Passes::Never }
            }
            BreakerState::Recovering => {
                let time = self.config.recovery.expect("it recovers");
                let part = (now - self.since).as_secs_f64() / time.as_secs_f64();
                Passes::Perhaps(if self.is(Wrong::RecoversEvenly) { part } else { part.exp2() - 1.0 })
            }
            _ => Passes::Never,
        }
    }

    pub(crate) fn let_in(&mut self, now: Duration) -> Ticket {
        if self.state == BreakerState::HalfOpen {
            self.probes += 1;
            self.first_probe.get_or_insert(now);
        }
        Ticket { stay: self.stay, began: now }
    }

    pub(crate) fn reject(&mut self) {
        self.rejected += 1;
    }

    /// Returns whether it counts.
    pub(crate) fn end(&mut self, ticket: Ticket, end: End, now: Duration) -> bool {
        self.look(now);
        if ticket.stay != self.stay && !self.is(Wrong::LateCounts) {
            return false;
        }
        if self.state == BreakerState::Disabled && !self.is(Wrong::DisabledCounts) {
            return false;
        }
        let end = match end {
            End::Cancelled if self.is(Wrong::CancelledDilutes) => End::Success,
            End::Ignored if self.is(Wrong::IgnoredDilutes) => End::Success,
            end => end,
        };
        let is_nothing = matches!(end, End::Ignored | End::Cancelled);
        if self.state == BreakerState::HalfOpen && !(is_nothing && self.is(Wrong::ProbeIsLost)) {
            self.probes = self.probes.saturating_sub(1);
        }
        if is_nothing {
            let is_left = self.probes > 0 || !self.ended.is_empty();
            if self.state == BreakerState::HalfOpen && !is_left && !self.is(Wrong::TimeoutOfNoProbe) {
                self.first_probe = None;
            }
            return false;
        }
        let took = now - ticket.began;
        let slow = self
            .config
            .slow_call_duration
            .is_some_and(|limit| if self.is(Wrong::SlowAtItsLimit) { took >= limit } else { took > limit });
        self.ended.push(Ended { at: now, failed: end == End::Failure, slow });
        self.judge(now);
        true
    }

    fn judge(&mut self, now: Duration) {
        let counts = self.counts(now);
        let too_many_in_a_row = self.config.consecutive_failures.is_some_and(|limit| self.in_a_row() >= limit.get());
        let probes = u64::from(self.config.half_open_calls.get());
        match self.state {
            BreakerState::MetricsOnly if !self.is(Wrong::MetricsOnlyOpens) => {}
            BreakerState::Closed | BreakerState::MetricsOnly => {
                let minimum = u64::from(self.config.minimum_calls) - u64::from(self.is(Wrong::OneCallEarly));
                let too_many =
                    self.config.failure_ratio.is_some_and(|limit| self.reaches(counts.failures, counts.calls, limit));
                let too_slow = self.is_too_slow(counts, counts.calls, 1.0);
                if too_many_in_a_row || counts.calls >= minimum && (too_many || too_slow) {
                    self.open(now);
                }
            }
            BreakerState::HalfOpen => {
                let decided = counts.calls >= probes;
                if self.is_bad(counts, probes) && (decided || !self.is(Wrong::ProbesAreWaitedFor)) {
                    self.open(now);
                } else if decided {
                    self.close(now);
                }
            }
            BreakerState::Recovering => {
                let enough = match self.config.window {
                    Window::Calls(calls) => probes.min(u64::from(calls)),
                    _ => probes,
                };
                if too_many_in_a_row || counts.calls >= enough && self.is_bad(counts, counts.calls) {
                    self.open(now);
                }
            }
            _ => {}
        }
    }

    /// Judges probes, and what passes while it recovers: then by half of the shares.
    fn is_bad(&self, counts: Counts, of: u64) -> bool {
        let recovers = self.state == BreakerState::Recovering && !self.is(Wrong::RecoversAtFullShares);
        let part = if recovers { 0.5 } else { 1.0 };
        let too_many = match self.config.failure_ratio {
            Some(limit) => self.reaches(counts.failures, of, limit * part),
            None => counts.failures > 0,
        };
        let in_a_row = self.config.consecutive_failures.is_some_and(|limit| self.in_a_row() >= limit.get());
        too_many || in_a_row || self.is_too_slow(counts, of, part)
    }

    fn is_too_slow(&self, counts: Counts, of: u64, part: f64) -> bool {
        self.config.slow_call_duration.is_some() && self.reaches(counts.slow, of, self.config.slow_call_ratio * part)
    }

    fn reaches(&self, some: u64, of: u64, limit: f64) -> bool {
        let share = if of == 0 { 0.0 } else { some as f64 / of as f64 };
        if self.is(Wrong::AboveTheShare) { share > limit } else { share >= limit }
    }

    /// Counts the calls by which it is judged.
    pub(crate) fn counts(&self, now: Duration) -> Counts {
        let all = self.ended.iter().rev();
        match (self.state, self.config.window) {
            (BreakerState::Open | BreakerState::ForcedOpen, _) => self.judged.0,
            (BreakerState::HalfOpen, _) => count(all),
            (_, Window::Calls(calls)) => count(all.take(calls as usize + usize::from(self.is(Wrong::OneCallMore)))),
            (_, Window::Time(time)) => {
                let part = |at: Duration| at.as_nanos() / (time.as_nanos() / 10);
                let parts = if self.is(Wrong::ElevenParts) { 11 } else { 10 };
                count(all.take_while(|ended| part(ended.at) + parts > part(now)))
            }
            (_, window) => unreachable!("{window:?}: the model knows no such window"),
        }
    }

    pub(crate) fn in_a_row(&self) -> u32 {
        if matches!(self.state, BreakerState::Open | BreakerState::ForcedOpen) {
            return self.judged.1;
        }
        let all = self.ended.iter().rev();
        let row = if self.is(Wrong::RowSurvivesSuccess) {
            all.filter(|ended| ended.failed).count()
        } else {
            all.take_while(|ended| ended.failed).count()
        };
        u32::try_from(row).expect("a run is shorter")
    }

    /// Returns from when to when it may look again, if it has just opened.
    pub(crate) fn open_for(&self) -> (Duration, Duration) {
        let BreakerConfig { open_duration, open_growth, max_open_duration, open_jitter, .. } = self.config;
        let grown = (0..self.reopened).fold(open_duration.as_secs_f64(), |time, _| (time * open_growth).min(1e9));
        let grown = if self.is(Wrong::NeverGrows) { open_duration.as_secs_f64() } else { grown };
        let longest = if self.is(Wrong::GrowsPastTheMaximum) { f64::MAX } else { max_open_duration.as_secs_f64() };
        let most = grown.min(longest);
        (Duration::from_secs_f64(most * (1.0 - open_jitter)), Duration::from_secs_f64(most))
    }

    pub(crate) fn trip(&mut self, now: Duration) {
        self.look(now);
        self.open(now);
    }

    pub(crate) fn reset(&mut self, now: Duration) {
        self.look(now);
        let kept = self.is(Wrong::ResetKeepsCalls).then(|| self.ended.clone());
        self.close(now);
        self.ended = kept.unwrap_or_default();
    }

    pub(crate) fn set(&mut self, state: BreakerState, now: Duration) {
        self.look(now);
        self.change(state, now);
    }

    fn open(&mut self, now: Duration) {
        self.reopened = match self.state {
            BreakerState::HalfOpen | BreakerState::Recovering => self.reopened + 1,
            BreakerState::Open => self.reopened,
            _ if self.is(Wrong::GrowthStays) => self.reopened,
            _ => 0,
        };
        self.change(BreakerState::Open, now);
        self.until = None;
    }

    fn close(&mut self, now: Duration) {
        if !self.is(Wrong::GrowthStays) {
            self.reopened = 0;
        }
        self.change(BreakerState::Closed, now);
    }

    fn change(&mut self, to: BreakerState, now: Duration) {
        self.judged = (self.counts(now), self.in_a_row());
        self.ended.clear();
        (self.probes, self.first_probe, self.since) = (0, None, now);
        self.stay += 1;
        if self.state != to {
            self.changes.push((self.state, to));
        }
        self.state = to;
    }
}

fn count<'a>(ended: impl Iterator<Item = &'a Ended>) -> Counts {
    ended.fold(Counts::default(), |counts, ended| Counts {
        calls: counts.calls + 1,
        failures: counts.failures + u64::from(ended.failed),
        slow: counts.slow + u64::from(ended.slow),
    })
}
