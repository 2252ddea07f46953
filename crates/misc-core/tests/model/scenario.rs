//! What may happen to an app, as a value: services with scripts, and calls at given times.
//!
//! `Debug` prints the code that builds the scenario, so that a shrunk failure is a regression test by copy and paste.

use std::fmt;

/// Whole milliseconds of tokio's paused clock.
pub(crate) type Ms = u64;

/// Every scenario is shut down at this time, if it has not ended before.
pub(crate) const END: Ms = 100_000;

/// A root app and what its handle is told.
#[derive(Clone)]
pub(crate) struct Scenario {
    pub(crate) stop_within: Ms,
    pub(crate) drain_delay: Ms,
    pub(crate) services: Vec<Service>,
    pub(crate) calls: Vec<(Ms, Call)>,
}

/// What a handle is told, by path.
#[derive(Clone)]
pub(crate) enum Call {
    Shutdown,
    Stop(String),
    Restart(String),
    Start(Service),
}

/// A service as it is registered; attempt `k` plays `script[min(k, last)]`.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) after: Option<Vec<String>>,
    pub(crate) background: bool,
    pub(crate) policy: Policy,
    pub(crate) start_within: Ms,
    pub(crate) stop_within: Ms,
    pub(crate) script: Vec<Attempt>,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Plain,
    /// Opens (or fails to) and closes: its script has neither an end after ready, nor tasks, nor children.
    Resource,
    /// A nested app with its own total; it has no script.
    Group {
        total: Ms,
        services: Vec<Service>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Policy {
    Shutdown,
    Ignore,
    Restart { attempts: u32, initial: Ms, max: Ms, reset_after: Ms },
}

/// One run of a service: all times count from its start, except `stop`, which counts from `stopping`.
#[derive(Clone, Default)]
pub(crate) struct Attempt {
    /// Says ready after so long, or never.
    pub(crate) ready: Option<Ms>,
    /// Ends of its own accord.
    pub(crate) end: Option<(Ms, End)>,
    /// A spawned task and when it ends.
    pub(crate) task: Option<(Ms, Task)>,
    /// A child started through the context.
    pub(crate) child: Option<(Ms, Box<Service>)>,
    /// How long it takes to stop and how that ends; `None` ignores `stopping`.
    pub(crate) stop: Option<(Ms, Outcome)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    Ok,
    Err,
    Panic,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    Returns(Outcome),
    /// Calls the handle from inside, awaits the call, then waits for `stopping`.
    StopsItself,
    RestartsItself,
    ShutsDown,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Task {
    /// Drained: `ctx.spawn`.
    Returns,
    Panics,
    /// Dropped when stopping fires: `ctx.spawn_until_stopping`.
    PanicsUnlessStopping,
}

impl Scenario {
    pub(crate) fn new(stop_within: Ms) -> Self {
        Self { stop_within, drain_delay: 0, services: Vec::new(), calls: Vec::new() }
    }

    pub(crate) fn drain_delay(mut self, delay: Ms) -> Self {
        self.drain_delay = delay;
        self
    }

    pub(crate) fn service(mut self, service: Service) -> Self {
        self.services.push(service);
        self
    }

    pub(crate) fn call(mut self, at: Ms, call: Call) -> Self {
        self.calls.push((at, call));
        self
    }
}

pub(crate) fn plain(name: &str) -> Service {
    Service::new(name, Kind::Plain)
}

pub(crate) fn resource(name: &str) -> Service {
    Service::new(name, Kind::Resource)
}

pub(crate) fn group(name: &str, total: Ms, services: Vec<Service>) -> Service {
    Service::new(name, Kind::Group { total, services })
}

impl Service {
    fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            after: None,
            background: false,
            policy: Policy::Shutdown,
            start_within: 30_000,
            stop_within: 15_000,
            script: Vec::new(),
        }
    }

    pub(crate) fn is_resource(&self) -> bool {
        matches!(self.kind, Kind::Resource)
    }

    pub(crate) fn attempt(&self, number: usize) -> Attempt {
        let last = self.script.len().saturating_sub(1);
        self.script.get(number.min(last)).cloned().unwrap_or_default()
    }

    pub(crate) fn after<const N: usize>(mut self, names: [&str; N]) -> Self {
        self.after = Some(names.map(str::to_owned).to_vec());
        self
    }

    pub(crate) fn background(mut self) -> Self {
        self.background = true;
        self
    }

    pub(crate) fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    pub(crate) fn start_within(mut self, deadline: Ms) -> Self {
        self.start_within = deadline;
        self
    }

    pub(crate) fn stop_within(mut self, bound: Ms) -> Self {
        self.stop_within = bound;
        self
    }

    pub(crate) fn plays(mut self, attempt: Attempt) -> Self {
        self.script.push(attempt);
        self
    }
}

/// An attempt that says ready after `after`.
pub(crate) fn ready(after: Ms) -> Attempt {
    Attempt { ready: Some(after), ..never() }
}

/// An attempt that never says ready; like every other it stops within 1 ms until told otherwise.
pub(crate) fn never() -> Attempt {
    Attempt { stop: Some((1, Outcome::Ok)), ..Attempt::default() }
}

impl Attempt {
    pub(crate) fn end(mut self, after: Ms, end: End) -> Self {
        self.end = Some((after, end));
        self
    }

    pub(crate) fn task(mut self, after: Ms, task: Task) -> Self {
        self.task = Some((after, task));
        self
    }

    pub(crate) fn child(mut self, after: Ms, child: Service) -> Self {
        self.child = Some((after, Box::new(child)));
        self
    }

    pub(crate) fn stop(mut self, after: Ms, outcome: Outcome) -> Self {
        self.stop = Some((after, outcome));
        self
    }

    pub(crate) fn ignores_stopping(mut self) -> Self {
        self.stop = None;
        self
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scenario::new({})", self.stop_within)?;
        if self.drain_delay != 0 {
            write!(f, ".drain_delay({})", self.drain_delay)?;
        }
        for service in &self.services {
            write!(f, "\n    .service({service:?})")?;
        }
        for (at, call) in &self.calls {
            write!(f, "\n    .call({at}, {call:?})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shutdown => f.write_str("Call::Shutdown"),
            Self::Stop(path) => write!(f, "Call::Stop({path:?}.into())"),
            Self::Restart(path) => write!(f, "Call::Restart({path:?}.into())"),
            Self::Start(service) => write!(f, "Call::Start({service:?})"),
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Plain => write!(f, "plain({:?})", self.name)?,
            Kind::Resource => write!(f, "resource({:?})", self.name)?,
            Kind::Group { total, services } => {
                write!(f, "group({:?}, {total}, vec!{services:?})", self.name)?;
            }
        }
        if let Some(after) = &self.after {
            write!(f, ".after({after:?})")?;
        }
        if self.background {
            f.write_str(".background()")?;
        }
        if self.policy != Policy::Shutdown {
            write!(f, ".policy(Policy::{:?})", self.policy)?;
        }
        if self.start_within != 30_000 {
            write!(f, ".start_within({})", self.start_within)?;
        }
        if self.stop_within != 15_000 {
            write!(f, ".stop_within({})", self.stop_within)?;
        }
        for attempt in &self.script {
            write!(f, ".plays({attempt:?})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ready {
            Some(after) => write!(f, "ready({after})")?,
            None => f.write_str("never()")?,
        }
        match self.end {
            Some((after, End::Returns(outcome))) => {
                write!(f, ".end({after}, End::Returns(Outcome::{outcome:?}))")?;
            }
            Some((after, end)) => write!(f, ".end({after}, End::{end:?})")?,
            None => {}
        }
        if let Some((after, task)) = self.task {
            write!(f, ".task({after}, Task::{task:?})")?;
        }
        if let Some((after, child)) = &self.child {
            write!(f, ".child({after}, {child:?})")?;
        }
        match self.stop {
            Some((1, Outcome::Ok)) => Ok(()),
            Some((after, outcome)) => write!(f, ".stop({after}, Outcome::{outcome:?})"),
            None => f.write_str(".ignores_stopping()"),
        }
    }
}
