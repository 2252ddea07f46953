//! Random scenarios: small apps, odd numbers, everything that may go wrong at a fair rate.

use std::ops::Range;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::scenario::{Attempt, Call, End, Kind, Ms, Outcome, Policy, Scenario, Service, Task};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const INNER: [&str; 3] = ["x", "y", "z"];
const DYNAMIC: [&str; 2] = ["p", "q"];

pub(crate) fn scenario() -> impl Strategy<Value = Scenario> {
    let drain_delay = prop_oneof![2 => Just(0), 1 => time(10_000)];
    let calls = vec((time(60_000), call()), 0..4);
    let parts = (4_000..30_000_u64, drain_delay, trouble().prop_flat_map(members), calls);
    parts.prop_map(|(stop_within, drain_delay, services, calls)| {
        // The app refuses a delay that leaves nothing of the total.
        let drain_delay = drain_delay.min(stop_within - 1);
        Scenario { stop_within, drain_delay, services, calls }
    })
}

/// How often things go wrong: in a few scenarios hardly ever, so that the long ways are seen too.
fn trouble() -> impl Strategy<Value = f64> {
    select(vec![0.03, 0.1, 0.3, 1.0])
}

fn members(trouble: f64) -> impl Strategy<Value = Vec<Service>> {
    let each = NAMES.map(|name| (prop::bool::weighted(0.7), member(name, trouble)));
    each.to_vec().prop_map(kept)
}

fn member(name: &'static str, trouble: f64) -> BoxedStrategy<Service> {
    let kind = prop_oneof![
        6 => service(name, trouble, attempt(trouble)),
        2 => resource(name, trouble),
        1 => group(name, trouble),
    ];
    with_edges(kind, &NAMES)
}

/// A bit for each service lets a failure shrink to the few that matter.
fn kept(services: Vec<(bool, Service)>) -> Vec<Service> {
    let first = services[0].1.clone();
    let mut kept: Vec<_> = services.into_iter().filter_map(|(keep, service)| keep.then_some(service)).collect();
    if kept.is_empty() {
        kept.push(first);
    }
    without_cycles(kept)
}

fn with_edges(
    service: impl Strategy<Value = Service> + 'static,
    names: &'static [&'static str],
) -> BoxedStrategy<Service> {
    (service, after(names)).prop_map(|(service, after)| Service { after, ..service }).boxed()
}

fn after(others: &'static [&'static str]) -> impl Strategy<Value = Option<Vec<String>>> {
    let some = subsequence(others, 0..=others.len().min(3));
    prop_oneof![
        1 => Just(None),
        1 => some.prop_map(|names| Some(names.iter().map(|name| (*name).to_owned()).collect())),
    ]
}

fn service(name: &'static str, trouble: f64, attempt: BoxedStrategy<Attempt>) -> BoxedStrategy<Service> {
    let background = prop::bool::weighted(0.2);
    let start_within = mostly(trouble, 20_000..30_000_u64, time(12_000));
    let stop_within = mostly(trouble, 4_000..9_000_u64, time(3_000));
    let parts = (background, policy(), start_within, stop_within, vec(attempt, 1..4));
    let service = parts.prop_map(move |(background, policy, start_within, stop_within, script)| Service {
        name: name.to_owned(),
        kind: Kind::Plain,
        after: None,
        background,
        policy,
        start_within,
        stop_within,
        script: without_loop(script),
    });
    service.boxed()
}

/// The last attempt is played again and again: it must not be what restarts the service.
fn without_loop(mut script: Vec<Attempt>) -> Vec<Attempt> {
    if let Some((_, end @ End::RestartsItself)) = script.last_mut().and_then(|last| last.end.as_mut()) {
        *end = End::StopsItself;
    }
    script
}

fn resource(name: &'static str, trouble: f64) -> BoxedStrategy<Service> {
    let resource = service(name, trouble, open(trouble)).prop_map(|service| Service {
        kind: Kind::Resource,
        background: false,
        ..service
    });
    resource.boxed()
}

fn group(name: &'static str, trouble: f64) -> BoxedStrategy<Service> {
    let inner = |name| {
        let kind = prop_oneof![3 => service(name, trouble, attempt(trouble)), 1 => resource(name, trouble)];
        (prop::bool::weighted(0.7), with_edges(kind, &INNER))
    };
    let total = mostly(trouble, 4_000..15_000_u64, time(5_000));
    let services = INNER.map(inner).to_vec().prop_map(kept);
    let group = (service(name, trouble, attempt(0.0)), total, services).prop_map(|(group, total, services)| Service {
        kind: Kind::Group { total, services },
        script: Vec::new(),
        ..group
    });
    group.boxed()
}

fn policy() -> impl Strategy<Value = Policy> {
    let restart = (1..5_u32, time(2_000), time(8_000), time(12_000));
    prop_oneof![
        2 => Just(Policy::Shutdown),
        1 => Just(Policy::Ignore),
        2 => restart.prop_map(|(attempts, initial, more, reset_after)| Policy::Restart {
            attempts,
            initial,
            max: initial + more,
            reset_after,
        }),
    ]
}

fn attempt(trouble: f64) -> BoxedStrategy<Attempt> {
    let child = service("k", trouble, childless(trouble)).prop_map(Box::new);
    let child = option::weighted(0.1, (time(12_000), child));
    let attempt = (childless(trouble), child).prop_map(|(attempt, child)| Attempt { child, ..attempt });
    attempt.boxed()
}

fn childless(trouble: f64) -> BoxedStrategy<Attempt> {
    let outcome = || select(vec![Outcome::Ok, Outcome::Err, Outcome::Panic]);
    let end = prop_oneof![
        9 => outcome().prop_map(End::Returns),
        1 => Just(End::StopsItself),
        1 => Just(End::RestartsItself),
        1 => Just(End::ShutsDown),
    ];
    let task = select(vec![Task::Returns, Task::Panics, Task::PanicsUnlessStopping]);
    let parts = (
        option::weighted(0.999 - 0.1 * trouble, time(5_000)),
        option::weighted(0.1 + 0.3 * trouble, (time(30_000), end)),
        option::weighted(0.05 + 0.15 * trouble, (time(30_000), task)),
        option::weighted(0.999 - 0.15 * trouble, (time(2_500), mostly(trouble, Just(Outcome::Ok), outcome()))),
    );
    let attempt = parts.prop_map(|(ready, end, task, stop)| Attempt { ready, end, task, child: None, stop });
    attempt.boxed()
}

/// An open that succeeds, fails or hangs, and a close that returns, panics or hangs.
fn open(trouble: f64) -> BoxedStrategy<Attempt> {
    let failure = select(vec![Outcome::Err, Outcome::Panic]);
    let fails = (time(5_000), failure).prop_map(|(after, outcome)| (None, Some((after, End::Returns(outcome)))));
    let opens = time(5_000).prop_map(|after| (Some(after), None));
    let opening = mostly(trouble, opens, prop_oneof![2 => fails, 1 => Just((None, None))]);
    let outcome = mostly(trouble, Just(Outcome::Ok), select(vec![Outcome::Err, Outcome::Panic]));
    let close = option::weighted(0.999 - 0.15 * trouble, (time(2_500), outcome));
    let attempt =
        (opening, close).prop_map(|((ready, end), stop)| Attempt { ready, end, task: None, child: None, stop });
    attempt.boxed()
}

fn call() -> impl Strategy<Value = Call> {
    let mut paths: Vec<String> = NAMES.iter().chain(&DYNAMIC).map(|name| (*name).to_owned()).collect();
    paths.extend(["a/x", "b/y", "c/x", "a/k", "b/k"].map(str::to_owned));
    let dynamic = select(DYNAMIC.to_vec()).prop_flat_map(|name| service(name, 0.5, attempt(0.5)));
    prop_oneof![
        2 => Just(Call::Shutdown),
        3 => select(paths.clone()).prop_map(Call::Stop),
        3 => select(paths).prop_map(Call::Restart),
        3 => dynamic.prop_map(Call::Start),
    ]
}

fn time(up_to: Ms) -> Range<Ms> {
    1..up_to
}

/// The usual, or with some trouble the other, which is what a failure shrinks away first.
fn mostly<T: std::fmt::Debug + 'static>(
    trouble: f64,
    usual: impl Strategy<Value = T> + 'static,
    other: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<T> {
    let (usual, other) = (usual.boxed(), other.boxed());
    let share = (trouble * 25.0).ceil() as u32;
    prop_oneof![100 - share => usual, share => other].boxed()
}

/// Drops every name of nothing, and every one that would close a cycle, a service's own included.
fn without_cycles(mut services: Vec<Service>) -> Vec<Service> {
    let wanted: Vec<_> = services.iter_mut().map(|service| service.after.as_mut().map(std::mem::take)).collect();
    for (index, names) in wanted.into_iter().enumerate() {
        for name in names.into_iter().flatten() {
            let known = services.iter().any(|service| service.name == name);
            if known && !reaches(&services, &name, &services[index].name) {
                services[index].after.get_or_insert_default().push(name);
            }
        }
    }
    services
}

fn reaches(services: &[Service], from: &str, to: &str) -> bool {
    if from == to {
        return true;
    }
    let Some(index) = services.iter().position(|service| service.name == from) else {
        return false;
    };
    match &services[index].after {
        Some(names) => names.iter().any(|name| reaches(services, name, to)),
        None => index > 0 && reaches(services, &services[index - 1].name, to),
    }
}
