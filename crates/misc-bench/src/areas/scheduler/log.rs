//! When jobs are due, and when they began.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

/// When jobs are due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    jobs: u32,
    /// The same moment by two clocks.
    base: (Instant, SystemTime),
    first: Duration,
    /// From the first to the last.
    spread: Duration,
    period: Option<(Duration, u32)>,
}

impl Plan {
    /// Each once: the first after a time, the last `spread` after that.
    pub(super) fn once(jobs: u32, first: Duration, spread: Duration) -> Self {
        Self { jobs, base: (Instant::now(), SystemTime::now()), first, spread, period: None }
    }

    /// Each so many times, for the first time a period after it was added.
    pub(super) fn every(jobs: u32, period: Duration, times: u32) -> Self {
        Self { period: Some((period, times)), ..Self::once(jobs, period, Duration::ZERO) }
    }

    pub(super) fn jobs(&self) -> usize {
        self.jobs as usize
    }

    pub(super) fn first(&self) -> Instant {
        self.base.0 + self.first
    }

    pub(super) fn last(&self) -> Instant {
        self.first() + self.spread
    }

    fn offset(&self, job: u32) -> Duration {
        self.first + self.spread * job / self.jobs
    }
}

/// When one job is due.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    At(Instant, SystemTime),
    Every(Duration),
}

/// Takes down how late each firing is.
pub(super) struct Log {
    plan: Plan,
    /// When the first firing of each job is due, in nanoseconds since the base.
    first: Vec<AtomicU64>,
    fired: Vec<AtomicU32>,
    late: Vec<AtomicI64>,
    count: AtomicUsize,
    is_closed: AtomicBool,
}

/// How late firings were, in milliseconds.
pub(super) struct Late {
    pub(super) p99: f64,
    pub(super) last: f64,
    pub(super) early: f64,
}

impl Log {
    pub(super) fn new(plan: &Plan) -> Self {
        let times = plan.period.map_or(1, |(_, times)| times) as usize;
        Self {
            plan: *plan,
            first: (0..plan.jobs).map(|job| AtomicU64::new(nanos(plan.offset(job)))).collect(),
            fired: (0..plan.jobs).map(|_| AtomicU32::new(0)).collect(),
            late: (0..plan.jobs() * times * 2).map(|_| AtomicI64::new(0)).collect(),
            count: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
        }
    }

    pub(super) fn jobs(&self) -> usize {
        self.plan.jobs()
    }

    /// Says when a job is due that is added right now.
    pub(super) fn when(&self, job: u32) -> When {
        let Plan { base: (instant, wall), period, .. } = self.plan;
        match period {
            Some((period, _)) => {
                self.first[job as usize].store(nanos(instant.elapsed() + period), Ordering::Relaxed);
                When::Every(period)
            }
            None => When::At(instant + self.plan.offset(job), wall + self.plan.offset(job)),
        }
    }

    /// A job begins.
    pub(super) fn begin(&self, job: u32) {
        let now = nanos(self.plan.base.0.elapsed());
        if self.is_closed.load(Ordering::Relaxed) {
            return;
        }
        let nth = self.fired[job as usize].fetch_add(1, Ordering::Relaxed);
        let period = self.plan.period.map_or(0, |(period, _)| nanos(period));
        let due = self.first[job as usize].load(Ordering::Relaxed) + period * u64::from(nth);
        let at = self.count.fetch_add(1, Ordering::AcqRel);
        if let Some(late) = self.late.get(at) {
            late.store(now.cast_signed() - due.cast_signed(), Ordering::Release);
        }
    }

    /// What begins from now on does not count.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    pub(super) fn late(&self) -> Late {
        let mut late: Vec<_> = self.late.iter().take(self.count()).map(|late| late.load(Ordering::Acquire)).collect();
        late.sort_unstable();
        let at = |place: usize| late.get(place).map_or(0.0, |nanos| *nanos as f64 / 1e6);
        let early = (-at(0)).max(0.0);
        let last = late.len().saturating_sub(1);
        Late { p99: at((late.len() * 99 / 100).min(last)), last: at(last), early }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
