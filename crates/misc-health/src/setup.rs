//! What an app's health is asked of: the checks, the groups, and what is wrong with them.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use misc_core::Gauge;

use crate::{flight::Flight, liveness::Liveness, phases::APP};

/// The group behind `/livez`: what [`Health::liveness`](crate::Health::liveness) adds.
pub const LIVENESS: &str = "liveness";
/// The group behind `/readyz`: the app, and every check that [`Check::groups`](crate::Check::groups) does not put
/// elsewhere.
pub const READINESS: &str = "readiness";
/// The group behind `/startupz`: whether the app was ready once, and the checks that are put there.
pub const STARTUP: &str = "startup";
/// The group behind `/health`: everything.
pub const ALL: &str = "all";

/// How long an answer may take, unless told otherwise: less than the 1 s that a kubelet gives a probe.
const ANSWERS_WITHIN: Duration = Duration::from_millis(800);

/// What was added so far.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) checks: Vec<Arc<Flight>>,
    pub(crate) liveness: Vec<Arc<Liveness>>,
    pub(crate) groups: Vec<Arc<Group>>,
    pub(crate) answers_within: Duration,
    /// Once the app has started, what is added now would not be looked through any more.
    pub(crate) is_closed: bool,
}

/// A group, and its metric.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: Arc<str>,
    pub(crate) up: OnceLock<Gauge>,
}

impl Group {
    pub(crate) fn new(name: &str) -> Arc<Self> {
        Arc::new(Self { name: name.into(), up: OnceLock::new() })
    }
}

impl Default for Setup {
    fn default() -> Self {
        let groups = [LIVENESS, READINESS, STARTUP, ALL].map(Group::new).into();
        Self { checks: Vec::new(), liveness: Vec::new(), groups, answers_within: ANSWERS_WITHIN, is_closed: false }
    }
}

impl Setup {
    pub(crate) fn group(&self, name: &str) -> Option<Arc<Group>> {
        self.groups.iter().find(|group| *group.name == *name).cloned()
    }

    /// Returns the checks of a group, in the order in which they were added.
    pub(crate) fn members(&self, group: &str) -> Vec<Arc<Flight>> {
        let is_member = |flight: &&Arc<Flight>| group == ALL || flight.check.groups.iter().any(|name| **name == *group);
        self.checks.iter().filter(is_member).cloned().collect()
    }

    /// Says what is wrong, all of it at once.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.problems_of_names();
        for flight in &self.checks {
            self.problems_of_check(flight, &mut problems);
        }
        if self.answers_within.is_zero() {
            problems.push("`answers_within` is zero, so no check would ever be waited for; raise it".to_owned());
        }
        let mut declared = HashSet::new();
        for Group { name, .. } in self.groups.iter().map(|group| &**group) {
            if !declared.insert(name) {
                problems.push(format!("the group `{name}` is declared twice, or is there by itself; declare it once"));
            } else if name.is_empty()
                || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            {
                problems.push(format!(
                    "the group `{name}` cannot be part of a path; name it with ASCII letters, digits, `-`, `_` and `.`"
                ));
            } else if !is_built_in(name) && self.members(name).is_empty() {
                problems.push(format!("no check is in the group `{name}`; add one with `check(..).groups([..])`"));
            }
        }
        problems
    }

    fn problems_of_names(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut names = HashSet::new();
        let all = self.checks.iter().map(|flight| &flight.name).chain(self.liveness.iter().map(|check| &check.name));
        for name in all {
            if !names.insert(name) {
                problems.push(format!("two checks are named `{name}`; rename one"));
            } else if **name == *APP {
                problems.push(format!("a check is named `{name}`, which stands for the app itself; rename it"));
            } else if name.is_empty() || name.chars().any(|letter| letter == ':' || letter.is_control()) {
                problems.push(format!(
                    "a check is named {name:?}; a name is not empty and has neither `:` nor control characters"
                ));
            }
        }
        problems
    }

    fn problems_of_check(&self, flight: &Flight, problems: &mut Vec<String>) {
        let Flight { name, check, .. } = flight;
        if check.within.is_zero() {
            problems.push(format!("the check `{name}` has a `within` of zero, so it is always too late; raise it"));
        }
        for (option, runs) in
            [("fails_after", check.thresholds.failures), ("recovers_after", check.thresholds.recoveries)]
        {
            if runs == 0 {
                problems.push(format!("the check `{name}` has a `{option}` of 0; use at least 1"));
            }
        }
        for group in &check.groups {
            if **group == *LIVENESS {
                problems.push(format!(
                    "the check `{name}` is in the group `{LIVENESS}`, which has no checks of what is outside of the \
                     process: a restart does not cure that; see `Health::liveness`"
                ));
            } else if self.group(group).is_none() {
                problems.push(format!(
                    "the check `{name}` is in the group `{group}`, which is not declared; there are {}; declare it \
                     with `.group(\"{group}\")`",
                    self.known()
                ));
            }
        }
    }

    fn known(&self) -> String {
        let known: Vec<_> = self.groups.iter().map(|group| format!("`{}`", group.name)).collect();
        known.join(", ")
    }
}

fn is_built_in(group: &str) -> bool {
    [LIVENESS, READINESS, STARTUP, ALL].contains(&group)
}

/// The health checks cannot work as they were set up.
#[derive(Debug, thiserror::Error)]
#[error("the health checks are set up wrongly: {}", .0.join("; "))]
pub(crate) struct BadSetup(pub(crate) Vec<String>);

/// Locks what no panic can leave half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
