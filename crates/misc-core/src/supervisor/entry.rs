//! What the supervisor keeps of one service.

use std::{collections::BTreeSet, sync::Arc};

use tokio::{
    task::AbortHandle,
    time::{Duration, Instant},
};
use tracing::error;

use super::Reply;
use crate::{
    error::{CommandError, FailedAndLate, Failure, Kind, SharedError},
    lifecycle::Phase,
    node::Node,
    report::Late,
    restart::{Attempts, Restart},
    run::{Run, caught},
    service::{Make, Plan, Provider, Runnable, Service},
    spec::OnFailure,
};

/// How long a service may take to be ready, unless it says otherwise.
const START_WITHIN: Duration = Duration::from_secs(30);
/// How long a service may take to stop, unless it says otherwise.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// A service as it was registered.
pub(crate) struct Registration {
    pub(crate) name: String,
    pub(crate) plan: Plan,
    service: Box<dyn Runnable>,
}

impl Registration {
    pub(crate) fn new(name: String, mut service: impl Service) -> Self {
        let mut plan = Plan::default();
        service.describe(&mut plan);
        Self { name, plan, service: Box::new(service) }
    }

    /// Says what is wrong with the service's own settings.
    pub(crate) fn problems(&self) -> Vec<String> {
        let Self { name, plan, .. } = self;
        let mut problems = plan.problems.clone();
        if name.is_empty() {
            problems.push("a service has an empty name; give it one".to_owned());
        }
        if name.contains('/') {
            problems.push(format!("service `{name}` has a `/` in its name, which separates a group from its services"));
        }
        for (bound, set) in [("start_within", plan.start_within), ("stop_within", plan.stop_within)] {
            if set.is_some_and(|time| time.is_zero()) {
                problems
                    .push(format!("service `{name}` has a `{bound}` of zero, so it would always be late; raise it"));
            }
        }
        if plan.resource && plan.from_factory {
            problems.push(format!(
                "resource `{name}` comes from a factory, which would give each opening another handle; use \
                 `spec(driver).restart(..)`"
            ));
        }
        let restart = plan.restart.iter().flat_map(Restart::problems);
        problems.extend(restart.map(|problem| format!("service `{name}`: {problem}")));
        problems
    }
}

/// One service under supervision.
pub(super) struct Entry {
    pub(super) node: Arc<Node>,
    pub(super) order: u64,
    pub(super) name: Arc<str>,
    pub(super) settings: Settings,
    pub(super) provider: Option<Provider>,
    first: Option<Box<dyn Runnable>>,
    make: Option<Make>,
    /// Added at run time: it leaves the list when it ends.
    pub(super) dynamic: bool,
    pub(super) links: Links,

    pub(super) progress: Progress,
    pub(super) running: Option<Running>,
    pub(super) started: u32,
    pub(super) first_deadline: Option<Instant>,
    pub(super) ready_since: Option<Instant>,
    pub(super) attempts: Attempts,
    pub(super) timer: Option<u64>,
    /// Asked to leave, but its children go first.
    pub(super) pending: Option<Then>,
    pub(super) leaving: Option<Box<Leaving>>,
    /// Who must have stopped before it is asked, when the app stops.
    pub(super) hold: Hold,

    pub(super) start_waiters: Vec<Reply>,
    pub(super) stop_waiters: Vec<Reply>,
}

/// The neighbours of a service in the start order.
#[derive(Default)]
pub(super) struct Links {
    /// Who starts before it.
    pub(super) after: Vec<Link>,
    /// Who starts after it, and stops before it.
    pub(super) before: Vec<usize>,
    pub(super) parent: Option<usize>,
    pub(super) children: BTreeSet<usize>,
    /// How many of `after` are not met yet.
    pub(super) unmet: usize,
}

/// One edge of the start order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) id: usize,
    /// Nobody asked for it: it was registered just before.
    pub(super) implicit: bool,
}

/// What a service waits for when the app stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// So many services that start after it; for a child, also that its parent waits for nothing but its children.
    Dependents(usize),
    /// So many of its children.
    Children(usize),
    /// Nothing any more: its turn to stop has come.
    Nothing,
}

/// What the services that start after this one may expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It may yet be ready.
    Pending,
    /// It has been ready, or has returned `Ok`; so it stays, whatever comes.
    Met,
    /// It has ended without that.
    Unmet,
}

pub(super) struct Settings {
    pub(super) start_within: Duration,
    pub(super) stop_within: Duration,
    pub(super) background: bool,
    pub(super) resource: bool,
    pub(super) on_failure: OnFailure,
    pub(super) restart: Option<Box<Restart>>,
}

/// A run of the service, and how far its end has come.
pub(super) struct Running {
    pub(super) run: Arc<Run>,
    abort: Option<AbortHandle>,
    pub(super) returned: bool,
    pub(super) drained: bool,
}

/// A service on its way out.
pub(super) struct Leaving {
    /// What went wrong; the first is the cause.
    pub(super) errors: Vec<SharedError>,
    pub(super) then: Then,
    pub(super) asked: Instant,
    pub(super) from: Phase,
    /// How long it had been ready.
    pub(super) ready_for: Option<Duration>,
    /// It got more time, to deal with who is late inside it.
    pub(super) extended: bool,
    /// It has not let go after it was dropped.
    pub(super) wedged: bool,
    pub(super) late: Option<Late>,
}

/// What follows when a service has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Whatever its end means: done, or its failure policy.
    Policy,
    /// Its failure policy, but no further attempt.
    GiveUp,
    /// Nothing: it was asked to stop.
    Stop,
    /// It starts again at once: it was asked to restart.
    Restart,
}

/// How a service has ended for good.
pub(super) enum Outcome {
    Stopped,
    Failed(SharedError),
    Late(Late),
}

impl Outcome {
    /// An error counts for more than being late.
    pub(super) fn of(errors: &[SharedError], late: Option<&Late>) -> Self {
        match (errors.first(), late) {
            (Some(error), None) => Self::Failed(Arc::clone(error)),
            (Some(error), Some(late)) => {
                let (error, late) = (Arc::clone(error), late.clone());
                Self::Failed(Arc::new(FailedAndLate { error, late }))
            }
            (None, Some(late)) => Self::Late(late.clone()),
            (None, None) => Self::Stopped,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Stopped => Phase::Stopped,
            Self::Failed(_) | Self::Late(_) => Phase::Failed,
        }
    }

    pub(super) fn error(&self) -> Option<SharedError> {
        match self {
            Self::Stopped => None,
            Self::Failed(error) => Some(Arc::clone(error)),
            Self::Late(late) => Some(Arc::new(late.clone())),
        }
    }

    fn of_stop(&self, path: &Arc<str>) -> Result<(), CommandError> {
        match self {
            Self::Stopped => Ok(()),
            Self::Late(_) => Err(CommandError::new(Kind::Late(Arc::clone(path)))),
            Self::Failed(error) => {
                let failure = Failure::new(Arc::clone(path), Arc::clone(error));
                Err(CommandError::new(Kind::Failed(failure)))
            }
        }
    }

    fn of_start(&self, path: &Arc<str>) -> Result<(), CommandError> {
        self.of_stop(path).and_then(|()| Err(CommandError::new(Kind::Stopped(Arc::clone(path)))))
    }
}

impl Entry {
    pub(super) fn new(node: Arc<Node>, name: Arc<str>, order: u64, registration: Registration) -> Self {
        let Registration { plan, service, .. } = registration;
        Self {
            node,
            order,
            name,
            settings: Settings {
                start_within: plan.start_within.unwrap_or(START_WITHIN),
                stop_within: plan.stop_within.unwrap_or(STOP_WITHIN),
                background: plan.background,
                resource: plan.resource,
                on_failure: plan.on_failure,
                restart: plan.restart.map(Box::new),
            },
            provider: plan.provider,
            first: Some(service),
            make: plan.make,
            dynamic: false,
            links: Links::default(),
            progress: Progress::Pending,
            running: None,
            started: 0,
            first_deadline: None,
            ready_since: None,
            attempts: Attempts::default(),
            timer: None,
            pending: None,
            leaving: None,
            hold: Hold::Dependents(0),
            start_waiters: Vec::new(),
            stop_waiters: Vec::new(),
        }
    }

    /// Takes the service for its next run: the registered one, then fresh ones.
    pub(super) fn take_service(&mut self) -> Option<Box<dyn Runnable>> {
        self.first.take().or_else(|| self.make.as_mut().map(|make| make()))
    }

    pub(super) fn can_restart(&self) -> bool {
        self.make.is_some()
    }

    pub(super) fn begin(&mut self, run: Arc<Run>) {
        self.node.begin(Arc::clone(&run), self.started > 0);
        self.started += 1;
        self.running = Some(Running { run, abort: None, returned: false, drained: false });
        self.ready_since = None;
    }

    pub(super) fn spawned(&mut self, abort: AbortHandle) {
        if let Some(running) = &mut self.running {
            running.abort = Some(abort);
        }
    }

    pub(super) fn run(&self) -> Option<&Arc<Run>> {
        self.running.as_ref().map(|running| &running.run)
    }

    /// Drops the service's future and its tasks.
    pub(super) fn abort(&self) {
        let Some(running) = &self.running else {
            return;
        };
        if let Some(abort) = &running.abort {
            abort.abort();
        }
        running.run.abort_tasks();
    }

    /// Forgets the run that has ended.
    pub(super) fn end_run(&mut self) {
        self.running = None;
        self.timer = None;
        if let Err(panic) = caught(|| self.node.end()) {
            error!(service = %self.node.path(), panic, "a service panicked when what it shows was dropped");
        }
    }

    pub(super) fn is_live(&self) -> bool {
        !self.node.phase().is_ended()
    }

    /// Tells whether its future and its tasks have ended.
    pub(super) fn is_quiet(&self) -> bool {
        self.running.as_ref().is_none_or(|running| running.returned && running.drained)
    }

    /// Tells whether the end of the present run is not the end of the service, as far as one can know.
    pub(super) fn will_run_again(&self) -> bool {
        match self.pending.or(self.leaving.as_ref().map(|leaving| leaving.then)) {
            Some(Then::Restart) => true,
            Some(Then::Stop | Then::GiveUp) => false,
            Some(Then::Policy) | None => self.settings.restart.is_some(),
        }
    }

    /// Answers those who wait for the service to be ready.
    pub(super) fn answer_ready(&mut self) {
        for waiter in self.start_waiters.drain(..) {
            // An error says that nobody waits any more, which is theirs to decide.
            waiter.send(Ok(())).unwrap_or_default();
        }
    }

    /// Answers those who wait for the service to stop.
    pub(super) fn answer_stopped(&mut self, outcome: &Outcome) {
        for waiter in self.stop_waiters.drain(..) {
            waiter.send(outcome.of_stop(self.node.path())).unwrap_or_default();
        }
    }

    /// Answers those who wait for the service, whichever way.
    pub(super) fn answer_ended(&mut self, outcome: &Outcome) {
        self.answer_stopped(outcome);
        let path = self.node.path();
        for waiter in self.start_waiters.drain(..) {
            waiter.send(outcome.of_start(path)).unwrap_or_default();
        }
    }
}
