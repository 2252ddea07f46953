//! What time it is: tokio's clock for spans of time, the wall clock for calendars.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::instant;

/// Where a scheduler takes the time of day from.
///
/// By default that is the system's clock. While tokio's clock is paused, as in tests, the time of day goes on with that
/// clock, so that days pass in no time there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    start: Option<SystemTime>,
}

impl Clock {
    /// Takes the time of day from the system.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// Lets it be that time when the scheduler starts; from there it goes on with tokio's clock.
    ///
    /// For tests of schedules: with a paused clock they are exact, and take no time.
    #[must_use]
    pub fn starting_at(time: SystemTime) -> Self {
        Self { start: Some(time) }
    }
}

/// One look at the clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) mono: Instant,
    pub(crate) wall: i64,
    /// Whether the wall clock is the system's, which may be set at any time.
    pub(crate) may_step: bool,
}

impl Now {
    /// Returns the time of day at another moment, if no one sets the clock.
    pub(crate) fn wall_at(&self, moment: Instant) -> i64 {
        let ahead = instant::micros(moment.saturating_duration_since(self.mono));
        let behind = instant::micros(self.mono.saturating_duration_since(moment));
        self.wall.saturating_add(ahead).saturating_sub(behind)
    }

    /// Returns the moment of a time of day that is not after now.
    pub(crate) fn moment_before(&self, wall: i64) -> Instant {
        self.mono.checked_sub(instant::between(wall, self.wall)).unwrap_or(self.mono)
    }
}

/// The wall clock, and where it stood against tokio's when it was last looked at.
#[derive(Debug)]
pub(crate) struct WallClock {
    fixed: bool,
    mono: Instant,
    wall: i64,
    /// How far the clock was set since somebody last asked.
    stepped: i64,
}

impl WallClock {
    pub(crate) fn new(clock: Clock) -> Self {
        let wall = instant::of(clock.start.unwrap_or_else(SystemTime::now));
        Self { fixed: clock.start.is_some(), mono: Instant::now(), wall, stepped: 0 }
    }

    /// Looks at both clocks.
    pub(crate) fn now(&mut self) -> Now {
        let (mono, is_real) = look();
        let passed = instant::micros(mono.saturating_duration_since(self.mono));
        let expected = self.wall.saturating_add(passed);
        let may_step = is_real && !self.fixed;
        let wall = if may_step { instant::of(SystemTime::now()) } else { expected };
        if may_step {
            self.stepped = self.stepped.saturating_add(wall - expected);
            (self.mono, self.wall) = (mono, wall);
        }
        Now { mono, wall, may_step }
    }

    /// Looks at tokio's clock alone: cheaper, and right as long as nobody has set the wall clock since the last look.
    pub(crate) fn glance(&self) -> Now {
        let mono = Instant::now();
        let passed = instant::micros(mono.saturating_duration_since(self.mono));
        Now { mono, wall: self.wall.saturating_add(passed), may_step: false }
    }

    /// Returns how far the clock was set since the last call, if that is a second or more.
    ///
    /// Less than that is a clock that is being corrected bit by bit, which every wake-up takes into account anyway.
    pub(crate) fn step(&mut self) -> Option<i64> {
        let stepped = std::mem::take(&mut self.stepped);
        (stepped.abs() >= 1_000_000).then_some(stepped)
    }
}

/// Reads tokio's clock, and finds out whether it is the real one: a paused one does not lie between two looks at that.
#[expect(clippy::disallowed_types, reason = "tokio's clock is compared with the real one")]
fn look() -> (Instant, bool) {
    let before = std::time::Instant::now();
    let mono = Instant::now();
    let after = std::time::Instant::now();
    (mono, (before..=after).contains(&mono.into_std()))
}

/// How long a sleep may be at most while the wall clock can be set: what is set meanwhile is noticed then.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(10);
