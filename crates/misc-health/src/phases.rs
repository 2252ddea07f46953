//! The phases of the app, as far as its readiness depends on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use misc_core::{Phase, Transition};

use crate::report::{Component, Reason, Status};

/// The name of the component that is the app itself.
pub(crate) const APP: &str = "app";

/// Follows an app and its services.
///
/// A service counts from its first `Ready` to its end: before that the app waits for it, if it belongs to the start, or
/// whoever has started it has its error in hand; after that its failure was ignored, or the app stops. In between it is
/// missed while it has failed and is not ready again, or starts again because somebody asked for it.
#[derive(Debug)]
pub(crate) struct Phases {
    app: Phase,
    was_ready: bool,
    /// The services that count, by path.
    counted: BTreeSet<Box<str>>,
    /// Those that are missed, each with the phase it is in.
    missed: BTreeMap<Box<str>, Phase>,
    /// The paths of services that never count, nor does what is inside them.
    ignored: Vec<Box<str>>,
}

impl Default for Phases {
    fn default() -> Self {
        let (counted, missed, ignored) = (BTreeSet::new(), BTreeMap::new(), Vec::new());
        Self { app: Phase::Waiting, was_ready: false, counted, missed, ignored }
    }
}

impl Phases {
    pub(crate) fn ignore(&mut self, path: &str) {
        self.ignored.push(path.into());
    }

    pub(crate) fn note(&mut self, transition: &Transition) {
        match transition.service() {
            None => self.app_enters(transition.to()),
            Some(path) if self.ignored.iter().any(|ignored| is_at_or_under(path, ignored)) => {}
            Some(path) => self.service_enters(path, transition.to(), transition.error().is_some()),
        }
    }

    fn app_enters(&mut self, phase: Phase) {
        self.app = phase;
        self.was_ready |= phase == Phase::Ready;
    }

    fn service_enters(&mut self, path: &str, phase: Phase, has_failed: bool) {
        match phase {
            Phase::Ready => {
                self.missed.remove(path);
                self.counted.insert(path.into());
            }
            Phase::Restarting | Phase::Starting => {
                self.miss(path, phase);
                self.forget_inside(path);
            }
            // One that merely ends, or is asked to, is not missed.
            Phase::Stopping if has_failed => self.miss(path, phase),
            Phase::Stopped | Phase::Failed => {
                self.forget(path);
                self.forget_inside(path);
            }
            _ => {}
        }
    }

    fn miss(&mut self, path: &str, phase: Phase) {
        if self.counted.contains(path) {
            self.missed.insert(path.into(), phase);
        }
    }

    fn forget(&mut self, path: &str) {
        self.counted.remove(path);
        self.missed.remove(path);
    }

    /// Forgets what was inside of a run that is over: it may have been dropped with it, without a word.
    fn forget_inside(&mut self, path: &str) {
        let inside = format!("{path}/");
        let from = (Bound::Included(&*inside), Bound::Unbounded);
        let lost: Vec<_> =
            self.counted.range::<str, _>(from).take_while(|path| path.starts_with(&inside)).cloned().collect();
        for path in lost {
            self.forget(&path);
        }
    }

    /// Tells whether the app can take work.
    pub(crate) fn readiness(&self) -> Component {
        let reason = match self.app {
            Phase::Ready => match self.missed.first_key_value() {
                None => return component(None),
                Some((path, phase)) => {
                    Reason::public("a service is not ready").in_private(format!("`{path}` is {phase}"))
                }
            },
            Phase::Waiting => Reason::public("not started"),
            phase => Reason::public(phase.as_str()),
        };
        component(Some(reason))
    }

    /// Tells whether the app was ready once.
    pub(crate) fn startup(&self) -> Component {
        let reason = (!self.was_ready).then(|| match self.app {
            Phase::Waiting => Reason::public("not started"),
            phase => Reason::public(phase.as_str()),
        });
        component(reason)
    }
}

fn component(reason: Option<Reason>) -> Component {
    let status = if reason.is_none() { Status::Pass } else { Status::Fail };
    Component { name: Arc::from(APP), status, reason, result: None }
}

fn is_at_or_under(path: &str, group: &str) -> bool {
    path.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
