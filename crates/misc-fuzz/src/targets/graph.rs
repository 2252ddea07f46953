//! Any start order is refused for what is wrong with it, or kept on the way up and down.
//!
//! The bytes are a number of services, when to stop, and for each service how it behaves, what it starts after and
//! its name. What is to come of it is worked out here once more, in the plainest way.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use misc_core::{App, BoxError, Context, OnFailure, Phase, Report, Spec, Transition, spec};
use tokio::time::{sleep, timeout};

use crate::bytes::Bytes;

/// Longer than anything takes that does not hang.
const HOUR: Duration = Duration::from_secs(3600);
/// When everything that fails by itself has failed.
const SETTLED: Duration = Duration::from_secs(60);

pub(super) fn run(bytes: &[u8]) {
    let plan = Plan::read(&mut Bytes::new(bytes));
    let changes = Arc::new(Mutex::new(Vec::new()));
    let ended = plan.run(&changes);
    let changes = changes.lock().expect("nobody panics with it").clone();
    if plan.is_wrong() {
        let report = ended.expect_err("a wrong order is refused").to_string();
        assert!(report.contains("cannot start; nothing was started"), "{report}");
        assert_eq!(changes, [], "something was started");
        return;
    }
    Order { plan: &plan, changes: &changes }.check();
    let fails = (0..plan.services.len()).any(|at| plan.services[at].stops_all(&plan));
    match plan.stop {
        None => assert_eq!(ended.is_err(), fails, "{ended:?}"),
        // Asked to stop that early, what fails may not have come so far.
        Some(_) => assert!(fails || ended.is_ok(), "{ended:?}"),
    }
}

/// Runs the future on a runtime of its own, whose clock jumps ahead whenever there is nothing to do.
pub(super) fn on_a_paused_clock<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without I/O needs nothing of the system");
    runtime.block_on(async { timeout(HOUR, future).await }).expect("it ends, it does not hang")
}

/// The services, and when they are to stop: soon, or once nothing more happens by itself.
#[derive(Debug)]
struct Plan {
    services: Vec<Planned>,
    stop: Option<Duration>,
}

#[derive(Debug)]
struct Planned {
    name: String,
    behaviour: Behaviour,
    /// What it is told to start after; otherwise it starts after the one before.
    after: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    Idles,
    IdlesAfterAWhile,
    IdlesBehind,
    EndsAtOnce,
    EndsAfterAWhile,
    FailsAtStart,
    FailsLater,
    FailsAndIsIgnored,
}

const BEHAVIOURS: [Behaviour; 8] = [
    Behaviour::Idles,
    Behaviour::IdlesAfterAWhile,
    Behaviour::IdlesBehind,
    Behaviour::EndsAtOnce,
    Behaviour::EndsAfterAWhile,
    Behaviour::FailsAtStart,
    Behaviour::FailsLater,
    Behaviour::FailsAndIsIgnored,
];

impl Plan {
    fn read(bytes: &mut Bytes<'_>) -> Self {
        let count = 1 + bytes.below(7);
        let stop = bytes.next();
        let stop = (stop != 0).then(|| Duration::from_millis(u64::from(stop) * 10));
        Self { services: (0..count).map(|at| Planned::read(at, count, bytes)).collect(), stop }
    }

    /// Runs it as an app, whose changes are recorded, and stops it in the end.
    fn run(&self, changes: &Arc<Mutex<Vec<Change>>>) -> Result<(), Report> {
        let names: Vec<_> = self.services.iter().map(|service| service.name.clone()).collect();
        let record = Arc::clone(changes);
        let observer = move |change: &Transition| {
            let Some(service) = change.service() else {
                return;
            };
            let service = names.iter().position(|name| name == service).expect("it was planned");
            let change = Change { service, from: change.from(), to: change.to() };
            record.lock().expect("nobody panics with it").push(change);
        };
        let app = self.services.iter().fold(App::new("fuzzed").observe(observer), |app, service| {
            app.service(service.name.clone(), service.spec())
        });
        let handle = app.handle();
        let stop = async {
            sleep(self.stop.unwrap_or(SETTLED)).await;
            handle.shutdown();
        };
        let (ended, ()) = on_a_paused_clock(async { tokio::join!(app.without_signals().run(), stop) });
        ended
    }

    /// Whether there is a name that nothing can have, one that two have, one that nobody has, or a circle.
    fn is_wrong(&self) -> bool {
        let names: BTreeSet<_> = self.services.iter().map(|service| &service.name).collect();
        let bad = |name: &String| name.is_empty() || name.contains('/');
        let known = |service: &Planned| service.after.iter().flatten().all(|name| names.contains(name));
        names.len() < self.services.len()
            || names.iter().copied().any(bad)
            || !self.services.iter().all(known)
            || self.has_circle()
    }

    /// Whether services are left when those are taken out, again and again, that start after none of the rest.
    fn has_circle(&self) -> bool {
        let mut left: BTreeSet<_> = (0..self.services.len()).collect();
        while let Some(free) = left.iter().copied().find(|&at| self.after(at).iter().all(|on| !left.contains(on))) {
            left.remove(&free);
        }
        !left.is_empty()
    }

    /// What the service starts after.
    fn after(&self, at: usize) -> Vec<usize> {
        match &self.services[at].after {
            Some(names) => names.iter().filter_map(|name| self.named(name)).collect(),
            None => at.checked_sub(1).into_iter().collect(),
        }
    }

    fn named(&self, name: &str) -> Option<usize> {
        self.services.iter().position(|service| service.name == name)
    }
}

impl Planned {
    fn read(at: usize, count: usize, bytes: &mut Bytes<'_>) -> Self {
        let behaviour = BEHAVIOURS[bytes.below(8)];
        let after = match bytes.below(4) {
            0 | 1 => None,
            2 => Some(Self::read_after(count, bytes.next())),
            _ => Some(Vec::new()),
        };
        let name = match bytes.next() {
            253 => String::new(),
            254 => "a/b".to_owned(),
            255 => "0".to_owned(),
            _ => at.to_string(),
        };
        Self { name, behaviour, after }
    }

    /// One bit for each service, and the highest one for somebody that nobody knows.
    fn read_after(count: usize, bits: u8) -> Vec<String> {
        let named = (0..count).filter(|at| bits & (1 << at) != 0).map(|at| at.to_string());
        let unknown = (bits & 0x80 != 0).then(|| "unknown".to_owned());
        named.chain(unknown).collect()
    }

    fn spec(&self) -> Spec<impl misc_core::Service + use<>> {
        let behaviour = self.behaviour;
        let mut spec = spec(async move |ctx: Context| behaviour.run(&ctx).await);
        if let Some(names) = &self.after {
            spec = spec.after(names.iter().map(|name| &**name).collect::<Vec<_>>());
        }
        match behaviour {
            Behaviour::IdlesBehind => spec.background(),
            Behaviour::FailsAndIsIgnored => spec.on_failure(OnFailure::Ignore),
            _ => spec,
        }
    }

    /// Whether its failure stops the app: its own, or that of what it names and what has failed unnoticed.
    fn stops_all(&self, plan: &Plan) -> bool {
        let ignored = |name: &String| {
            let on = plan.named(name).expect("it is known");
            plan.services[on].behaviour == Behaviour::FailsAndIsIgnored
        };
        match self.behaviour {
            Behaviour::FailsAtStart | Behaviour::FailsLater => true,
            Behaviour::FailsAndIsIgnored => false,
            _ => self.after.iter().flatten().any(ignored),
        }
    }
}

impl Behaviour {
    async fn run(self, ctx: &Context) -> Result<(), BoxError> {
        let while_ = Duration::from_millis(100);
        match self {
            Self::Idles | Self::IdlesBehind => ctx.ready(),
            Self::IdlesAfterAWhile => {
                if ctx.until_stopping(sleep(while_)).await.is_none() {
                    return Ok(());
                }
                ctx.ready();
            }
            Self::EndsAtOnce => return Ok(()),
            Self::EndsAfterAWhile => {
                ctx.ready();
                sleep(while_).await;
                return Ok(());
            }
            Self::FailsAtStart | Self::FailsAndIsIgnored => return Err("it fails".into()),
            Self::FailsLater => {
                ctx.ready();
                sleep(while_).await;
                return Err("it fails".into());
            }
        }
        ctx.stopping().await;
        Ok(())
    }

    /// Whether it goes on until it is asked to stop.
    fn idles(self) -> bool {
        matches!(self, Self::Idles | Self::IdlesAfterAWhile | Self::IdlesBehind)
    }
}

/// One service entered a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    service: usize,
    from: Phase,
    to: Phase,
}

/// What the app did, beside what it was to do.
struct Order<'a> {
    plan: &'a Plan,
    changes: &'a [Change],
}

impl Order<'_> {
    fn check(&self) {
        for (at, change) in self.changes.iter().enumerate() {
            let before = &self.changes[..at];
            self.goes_on(before, *change);
            match change.to {
                Phase::Starting => self.starts_in_order(before, change.service),
                Phase::Stopping if self.plan.services[change.service].behaviour.idles() => {
                    self.stops_in_order(before, change.service);
                }
                _ => {}
            }
        }
        for service in 0..self.plan.services.len() {
            let phase = phase(self.changes, service);
            assert!(phase.is_ended(), "service {service} is left {phase}");
        }
    }

    /// A phase follows the one before.
    fn goes_on(&self, before: &[Change], change: Change) {
        assert_eq!(phase(before, change.service), change.from, "of service {}: {:?}", change.service, self.changes);
    }

    /// What it starts after was ready, or has ended well; or failed, ignored, and nobody named it.
    fn starts_in_order(&self, before: &[Change], service: usize) {
        for on in self.plan.after(service) {
            let was = |phase| before.iter().any(|change| change.service == on && change.to == phase);
            let named = self.plan.services[service].after.is_some();
            let met = was(Phase::Ready) || was(Phase::Stopped) || (!named && was(Phase::Failed));
            assert!(met, "service {service} starts before {on} is up: {before:?}");
        }
    }

    /// What starts after it has ended.
    fn stops_in_order(&self, before: &[Change], service: usize) {
        for other in (0..self.plan.services.len()).filter(|&other| self.plan.after(other).contains(&service)) {
            let phase = phase(before, other);
            let down = phase.is_ended() || phase == Phase::Waiting;
            assert!(down, "service {service} stops while {other} is {phase}: {before:?}");
        }
    }
}

/// The phase that a service is in after these changes.
fn phase(changes: &[Change], service: usize) -> Phase {
    changes.iter().rev().find(|change| change.service == service).map_or(Phase::Waiting, |change| change.to)
}
