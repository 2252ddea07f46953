//! What a breaker promises to callers that come at once.

use std::{num::NonZeroU32, time::Duration};

use shuttle::{
    check_random,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
};

use crate::{
    breaker::{
        config::{BreakerConfig, Window},
        machine::{Change, Machine, Order, Outcome},
        moment::Moment,
        shared::{Audience, Shared},
        state::BreakerState,
    },
    sync::{Mutex, lock},
};

const CALLERS: u32 = 64;
const PROBES: u32 = 5;

type Breaker = Shared<Listener>;

/// Hears of changes, and checks how.
#[derive(Default)]
struct Listener {
    heard: Mutex<Vec<(BreakerState, BreakerState)>>,
    is_told: AtomicBool,
}

impl Audience for Listener {
    fn changed(&self, change: &Change) {
        assert!(!self.is_told.swap(true, Ordering::SeqCst), "two changes are told at once");
        thread::yield_now();
        lock(&self.heard).push((change.from, change.to));
        assert!(self.is_told.swap(false, Ordering::SeqCst));
    }
}

/// Looks a while after it has opened, when everything that is due is due.
fn late() -> Moment {
    Moment::after_start(Duration::from_secs(3600))
}

fn success() -> Outcome {
    Outcome::Success { slow: false }
}

fn failure() -> Outcome {
    Outcome::Failure { slow: false, error: "it is down".into() }
}

fn breaker() -> Arc<Breaker> {
    let config = BreakerConfig {
        window: Window::Calls(4),
        minimum_calls: 2,
        half_open_calls: NonZeroU32::new(PROBES).expect("it is not zero"),
        ..BreakerConfig::default()
    };
    Arc::new(Shared::new(Machine::new(config, 1), Listener::default()))
}

/// One that lets probes in as soon as somebody calls.
fn due() -> Arc<Breaker> {
    let breaker = breaker();
    breaker.obey(Order::Trip, Moment::default);
    breaker
}

/// Lets all callers do something at once, and returns when they have done it.
fn at_once(callers: u32, act: impl Fn(u32) + Send + Sync + 'static) {
    let act = Arc::new(act);
    let spawn = |n| {
        let act = Arc::clone(&act);
        thread::spawn(move || act(n))
    };
    let threads: Vec<_> = (0..callers).map(spawn).collect();
    for thread in threads {
        thread.join().expect("no caller panics");
    }
}

fn state(breaker: &Breaker) -> BreakerState {
    breaker.view(late).state
}

#[test]
fn of_64_callers_exactly_as_many_probe_as_may() {
    let run = || {
        let (breaker, let_in) = (due(), Arc::new(AtomicU32::new(0)));
        let (shared, count) = (Arc::clone(&breaker), Arc::clone(&let_in));
        at_once(CALLERS, move |_| {
            if shared.enter(late).is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        assert_eq!(let_in.load(Ordering::SeqCst), PROBES);
        let view = breaker.view(late);
        assert_eq!((view.state, view.probes), (BreakerState::HalfOpen, PROBES));
        assert_eq!(view.rejected, u64::from(CALLERS - PROBES));
    };
    check_random(run, 200);
}

#[test]
fn never_more_probe_at_once_and_those_given_back_are_made_again() {
    let run = || {
        let (breaker, under_way) = (due(), Arc::new(AtomicU32::new(0)));
        let (shared, count) = (Arc::clone(&breaker), Arc::clone(&under_way));
        at_once(CALLERS, move |_| {
            let Ok(stay) = shared.enter(late) else { return };
            assert!(count.fetch_add(1, Ordering::SeqCst) < PROBES, "more probe than may");
            thread::yield_now();
            count.fetch_sub(1, Ordering::SeqCst);
            shared.settle(stay, Outcome::Nothing, late);
        });
        let stays: Vec<_> = std::iter::from_fn(|| breaker.enter(late).ok()).take(64).collect();
        assert_eq!(stays.len(), PROBES as usize, "all were given back");
        for stay in stays {
            assert_eq!(state(&breaker), BreakerState::HalfOpen);
            breaker.settle(stay, success(), late);
        }
        assert_eq!(state(&breaker), BreakerState::Closed);
    };
    check_random(run, 200);
}

#[test]
fn the_probes_of_64_callers_decide_once() {
    let run = || {
        let breaker = due();
        let shared = Arc::clone(&breaker);
        at_once(CALLERS, move |_| {
            if let Ok(stay) = shared.enter(late) {
                shared.settle(stay, success(), late);
            }
        });
        // Once closed it lets everybody in, so all that was not rejected has counted, either as a probe or after.
        let heard = lock(&breaker.audience().heard).clone();
        let (open, half_open, closed) = (BreakerState::Open, BreakerState::HalfOpen, BreakerState::Closed);
        assert_eq!(heard, [(closed, open), (open, half_open), (half_open, closed)]);
        let view = breaker.view(late);
        let passed = u64::from(CALLERS) - view.rejected;
        assert!(passed >= u64::from(PROBES));
        assert!(view.tally.calls <= (passed - u64::from(PROBES)).min(4));
    };
    check_random(run, 200);
}

#[test]
fn what_began_before_a_change_counts_nothing_after_it() {
    let run = || {
        let breaker = breaker();
        let early: Vec<_> = (0..8).map(|_| breaker.enter(late).expect("it is closed")).collect();
        let shared = Arc::clone(&breaker);
        at_once(9, move |n| match early.get(n as usize) {
            Some(stay) => drop(shared.settle(*stay, failure(), late)),
            None => shared.obey(Order::Reset, late),
        });
        // Those that came before the reset may have opened it; those that came after it have done nothing.
        let view = breaker.view(late);
        let opened_after = lock(&breaker.audience().heard).last().is_some_and(|(_, to)| *to == BreakerState::Open);
        assert!(!opened_after, "it opened by calls from before the reset");
        assert_eq!((view.state, view.tally.calls, view.in_a_row), (BreakerState::Closed, 0, 0));
    };
    check_random(run, 1_000);
}

#[test]
fn changes_are_heard_in_order_and_one_at_a_time() {
    let run = || {
        let breaker = breaker();
        let shared = Arc::clone(&breaker);
        at_once(8, move |n| match n {
            0 => shared.obey(Order::ForceOpen, late),
            1 => shared.obey(Order::Reset, late),
            2 => shared.obey(Order::MetricsOnly, late),
            3 => shared.obey(Order::Trip, late),
            _ => {
                if let Ok(stay) = shared.enter(late) {
                    shared.settle(stay, failure(), late);
                }
            }
        });
        let last = state(&breaker);
        let heard = lock(&breaker.audience().heard).clone();
        assert_eq!(heard.first().map(|(from, _)| *from), Some(BreakerState::Closed));
        assert!(heard.windows(2).all(|two| two[0].1 == two[1].0), "out of order: {heard:?}");
        assert_eq!(heard.last().map(|(_, to)| *to), Some(last), "a change was not told");
    };
    check_random(run, 1_000);
}
