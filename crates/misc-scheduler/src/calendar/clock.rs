//! What becomes of due times where clocks are set forward or back, as Debian's cron has it.
//!
//! A *fixed* time is due when clocks first show it. When they are set forward over it, it is due at that very moment,
//! once, however many were skipped; when they are set back, the time that they show a second time is not due again.
//! Debian's cron takes a change of more than three hours for a correction, and skips what was in between; where a zone
//! skips a whole day (Apia, 30 December 2011), we are with cronsim: what was due on it is due when the next one starts.
//!
//! A time that *follows the clock* is due whenever clocks show it: not at all when it is skipped, twice when it is
//! repeated.

use chrono::{DateTime, NaiveDateTime, SubsecRound as _, TimeDelta, Utc};

use super::zone::{Moments, Zone};

/// Returns the first fixed time after `after`; `find` finds the first of them on the clock, from one on.
pub(super) fn next_fixed(
    zone: Zone,
    after: DateTime<Utc>,
    find: impl Fn(NaiveDateTime) -> Option<NaiveDateTime>,
) -> Option<DateTime<Utc>> {
    let wall = zone.wall(after)?;
    let from = match zone.moments(wall)? {
        // All that the clocks show until they are past where they were set back, they have shown before.
        Moments::Twice(first, second) if second <= after => wall_before(zone, changed(zone, first, after))?,
        _ => following(wall)?,
    };
    match zone.moments(find(from)?)? {
        Moments::Once(at) | Moments::Twice(at, _) | Moments::Never { then: at } => Some(at),
    }
}

/// Returns the first time after `after` that follows the clock; `find` as above.
pub(super) fn next_following(
    zone: Zone,
    after: DateTime<Utc>,
    find: impl Fn(NaiveDateTime) -> Option<NaiveDateTime>,
) -> Option<DateTime<Utc>> {
    let wall = zone.wall(after)?;
    let ahead = first_shown(zone, after, following(wall)?, &find);
    match zone.moments(wall)? {
        Moments::Twice(first, second) if after < second => {
            // The clocks are about to be set back, before where they are now.
            let change = changed(zone, after.max(first), second);
            let again = first_shown(zone, change - TimeDelta::seconds(1), zone.wall(change)?, &find);
            ahead.into_iter().chain(again).min()
        }
        _ => ahead,
    }
}

/// The first time from `from` on that the clocks show after `after`.
fn first_shown(
    zone: Zone,
    after: DateTime<Utc>,
    mut from: NaiveDateTime,
    find: impl Fn(NaiveDateTime) -> Option<NaiveDateTime>,
) -> Option<DateTime<Utc>> {
    loop {
        match zone.moments(find(from)?)? {
            Moments::Once(at) => return Some(at),
            Moments::Twice(first, second) => return Some(if first > after { first } else { second }),
            Moments::Never { then } => from = zone.wall(then)?,
        }
    }
}

/// The next full second on the clock.
fn following(wall: NaiveDateTime) -> Option<NaiveDateTime> {
    wall.trunc_subsecs(0).checked_add_signed(TimeDelta::seconds(1))
}

/// The instant between two at which clocks were set, the second of which is after that.
fn changed(zone: Zone, before: DateTime<Utc>, after: DateTime<Utc>) -> DateTime<Utc> {
    let offset = |at: DateTime<Utc>| zone.wall(at).map(|wall| wall - at.naive_utc());
    let (mut before, mut after) = (before.trunc_subsecs(0), after.trunc_subsecs(0));
    let old = offset(before);
    while after - before > TimeDelta::seconds(1) {
        let middle = (before + (after - before) / 2).trunc_subsecs(0);
        if offset(middle) == old {
            before = middle;
        } else {
            after = middle;
        }
    }
    after
}

/// What clocks would show at an instant, had they not been set at it.
fn wall_before(zone: Zone, change: DateTime<Utc>) -> Option<NaiveDateTime> {
    following(zone.wall(change - TimeDelta::seconds(1))?)
}
