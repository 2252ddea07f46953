//! The supervisor's promises as a pure function from a scenario to what can be observed.
//!
//! Written from the table of promises, not from the code: a discrete-event simulation whose sections are the table's
//! rules, quoted. Where two events of one instant would make the outcome a matter of luck, the run says so (`racy`);
//! where the rules do not settle an outcome, it says which question is `open`. Neither kind is compared.

mod clock;
mod dynamic;
mod end;
mod order;
mod policy;
mod ready;
mod stop;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use crate::scenario::{Attempt, Call, Ms, Scenario, Service, Task};
use crate::trace::{Phase, Trace};

/// What the rules say of a scenario, and whether they say enough.
pub(crate) struct Verdict {
    pub(crate) trace: Trace,
    pub(crate) racy: bool,
    pub(crate) open: BTreeSet<&'static str>,
}

/// A rule got wrong on purpose, to show that the comparison notices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wrong {
    StopsInOrderOfStart,
    ResourcesStopLikeServices,
    RestartsOnceTooOften,
    ForgetsToResetTheBudget,
    DrainsAfterFailures,
    ReservesNothingForResources,
    ImplicitEdgesFail,
    BackgroundKeepsTheAppAlive,
}

impl Wrong {
    pub(crate) const ALL: [Self; 8] = [
        Self::StopsInOrderOfStart,
        Self::ResourcesStopLikeServices,
        Self::RestartsOnceTooOften,
        Self::ForgetsToResetTheBudget,
        Self::DrainsAfterFailures,
        Self::ReservesNothingForResources,
        Self::ImplicitEdgesFail,
        Self::BackgroundKeepsTheAppAlive,
    ];
}

/// Plays the scenario by the rules, of which one may be wrong.
pub(crate) fn run(scenario: &Scenario, wrong: Option<Wrong>) -> Verdict {
    let mut model = Model::new(scenario, wrong);
    model.start_app(ROOT);
    while model.apps[ROOT].phase.is_up() || model.apps[ROOT].phase == Phase::Stopping {
        model.next_instant();
    }
    model.verdict()
}

const ROOT: usize = 0;

struct Model {
    now: Ms,
    timers: BinaryHeap<Reverse<Timer>>,
    calls: Vec<(Ms, Call)>,
    drain_delay: Ms,
    apps: Vec<App>,
    nodes: Vec<Node>,
    wrong: Option<Wrong>,
    verdict: Verdict,
}

/// The root, or one run of a group.
struct App {
    group: Option<usize>,
    members: Vec<usize>,
    phase: Phase,
    was_ready: bool,
    total: Ms,
    stop: Option<Stop>,
    failures: BTreeSet<String>,
    late: BTreeSet<String>,
}

#[derive(Clone, Copy)]
struct Stop {
    since: Ms,
    total: Ms,
    draining: bool,
}

/// A service, once per registration; the services of a group once per run of it.
struct Node {
    service: Service,
    path: String,
    app: usize,
    parent: Option<usize>,
    dynamic: bool,
    edges: Vec<Edge>,
    phase: Phase,
    ever_ready: bool,
    ever_ended: bool,
    runs: usize,
    life: u32,
    failed_in_row: u32,
    up: Run,
}

#[derive(Clone, Copy)]
struct Edge {
    on: usize,
    explicit: bool,
}

/// What is true of one run, from Starting until its end.
#[derive(Clone, Default)]
struct Run {
    epoch: u32,
    script: Attempt,
    body: Body,
    task: Option<Task>,
    inner: Option<usize>,
    started_at: Ms,
    ready_at: Option<Ms>,
    ready_for: Option<Ms>,
    asked: Ms,
    /// When it is late; known once `stopping` has fired.
    bound: Option<Ms>,
    order: Option<Order>,
    failed: bool,
    late: bool,
    for_good: bool,
}

/// The future of `Service::run`.
#[derive(Clone, Copy, Default, PartialEq)]
enum Body {
    #[default]
    Gone,
    Plays,
    /// Has made its call, and only waits for `stopping`.
    Waits,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Stop,
    Restart,
}

impl Run {
    fn is_running(&self) -> bool {
        self.body != Body::Gone
    }

    fn is_busy(&self) -> bool {
        self.is_running() || self.task.is_some()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    at: Ms,
    number: usize,
    epoch: u32,
    event: Event,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Ready,
    End,
    Task,
    Child,
    CleanedUp,
    FirstDeadline,
    Deadline,
    Bound,
    Backoff,
    Drained,
    Limit,
    Call,
}
