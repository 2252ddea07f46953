//! What can be seen of a run: transitions, the final report, and how two runs differ.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use crate::scenario::Ms;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Waiting,
    Starting,
    Ready,
    Stopping,
    Restarting,
    Stopped,
    Failed,
}

impl Phase {
    pub(crate) fn is_end(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed)
    }

    pub(crate) fn is_up(self) -> bool {
        matches!(self, Self::Starting | Self::Ready)
    }
}

/// One transition; the empty path is the app itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    pub(crate) path: String,
    pub(crate) at: Ms,
    pub(crate) from: Phase,
    pub(crate) to: Phase,
}

/// What an observer saw, in order, and what the report says.
#[derive(Clone, Default)]
pub(crate) struct Trace {
    pub(crate) steps: Vec<Step>,
    pub(crate) failures: BTreeSet<String>,
    pub(crate) late: BTreeSet<String>,
    pub(crate) exit: u8,
    pub(crate) ended: Ms,
}

impl Trace {
    /// Says how `self` (the app) differs from `model`, or `None` if they agree.
    ///
    /// Compared are each path's own sequence, which by its times is also the multiset of every instant, and the report.
    pub(crate) fn difference(&self, model: &Self) -> Option<String> {
        let mut text = String::new();
        for path in self.paths().union(&model.paths()) {
            let (real, wanted) = (self.of(path), model.of(path));
            let same = real.iter().zip(&wanted).take_while(|(real, wanted)| real == wanted).count();
            if same < real.len().max(wanted.len()) {
                let name = if path.is_empty() { "the app" } else { path };
                let (real, wanted) = (excerpt(&real, same), excerpt(&wanted, same));
                writeln!(text, "{name}\n    model {wanted}\n    real  {real}").expect("a string takes all");
            }
        }
        let (real, wanted) = (self.report(), model.report());
        if real != wanted {
            writeln!(text, "report\n    model {wanted}\n    real  {real}").expect("a string takes all");
        }
        (!text.is_empty()).then_some(text)
    }

    /// The first step that comes before one that was observed earlier.
    pub(crate) fn out_of_order(&self) -> Option<&Step> {
        self.steps.windows(2).find(|pair| pair[1].at < pair[0].at).map(|pair| &pair[1])
    }

    fn paths(&self) -> BTreeSet<&str> {
        self.steps.iter().map(|step| step.path.as_str()).collect()
    }

    fn of(&self, path: &str) -> Vec<&Step> {
        self.steps.iter().filter(|step| step.path == path).collect()
    }

    /// A late service is not also a failure, and a group is not named where something inside it is.
    fn report(&self) -> String {
        let named: BTreeSet<_> = self.failures.union(&self.late).collect();
        let is_inside = |path: &str| {
            let prefix = format!("{path}/");
            named.iter().any(|other| other.starts_with(&prefix))
        };
        let failures: Vec<_> = self.failures.difference(&self.late).filter(|path| !is_inside(path)).collect();
        let late: Vec<_> = self.late.iter().filter(|path| !is_inside(path)).collect();
        format!("failures {failures:?} late {late:?} exit {} at {}", self.exit, self.ended)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:?}>{:?}", self.at, self.from, self.to)
    }
}

/// A few steps around the first that differs.
fn excerpt(steps: &[&Step], differs: usize) -> String {
    let from = differs.saturating_sub(4);
    let steps = steps.iter().skip(from).take(10);
    let dots = if from > 0 { "… " } else { "" };
    steps.fold(dots.to_owned(), |mut text, step| {
        write!(text, "{step} ").expect("a string takes all");
        text
    })
}
