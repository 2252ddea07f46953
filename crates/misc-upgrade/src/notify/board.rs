//! What is known of an app, in one line for its operator.

use std::{
    collections::{BTreeSet, HashMap},
    error::Error,
    fmt,
};

use misc_core::{Phase, Reload, Transition};

use super::SERVICE;

/// How many names, or failures, one line takes.
const MOST: usize = 3;
/// How long an error may be, in characters.
const LONGEST: usize = 200;

/// The phases of an app and of its services.
pub(super) struct Board {
    phase: Phase,
    reloads: bool,
    /// The live services of the app itself: a group counts as one.
    services: HashMap<Box<str>, Phase>,
    ready: usize,
    /// Who is starting or stopping.
    moving: BTreeSet<Box<str>>,
    /// The latest failures that are not cured.
    failures: Vec<Failure>,
}

struct Failure {
    path: Box<str>,
    error: String,
}

impl Default for Board {
    fn default() -> Self {
        let (services, moving) = (HashMap::new(), BTreeSet::new());
        Self { phase: Phase::Waiting, reloads: false, services, ready: 0, moving, failures: Vec::new() }
    }
}

impl Board {
    /// Takes in the services that are going to start.
    pub(super) fn expect(&mut self, paths: Vec<String>) {
        let own = paths.into_iter().filter(|path| is_counted(path));
        self.services.extend(own.map(|path| (path.into_boxed_str(), Phase::Waiting)));
    }

    pub(super) fn note(&mut self, transition: &Transition) {
        match transition.service() {
            None => self.phase = transition.to(),
            Some(path) => self.note_service(path, transition),
        }
    }

    /// Returns whether the manager needs to know: not while the app starts or stops.
    pub(super) fn note_reload(&mut self, reload: Reload) -> bool {
        let reloaded = self.reloads;
        self.reloads = reload == Reload::Requested && self.phase == Phase::Ready;
        self.phase == Phase::Ready && (self.reloads || reloaded)
    }

    fn note_service(&mut self, path: &str, transition: &Transition) {
        let to = transition.to();
        match to {
            Phase::Failed | Phase::Restarting => self.note_failure(path, transition),
            Phase::Ready => self.failures.retain(|failure| *failure.path != *path),
            _ => {}
        }
        if is_counted(path) {
            self.count(path, to);
        }
    }

    fn count(&mut self, path: &str, to: Phase) {
        let before = if to.is_ended() { self.services.remove(path) } else { self.services.insert(path.into(), to) };
        self.ready -= usize::from(before == Some(Phase::Ready));
        self.ready += usize::from(to == Phase::Ready);
        if matches!(to, Phase::Starting | Phase::Stopping) {
            self.moving.insert(path.into());
        } else {
            self.moving.remove(path);
        }
    }

    fn note_failure(&mut self, path: &str, transition: &Transition) {
        self.failures.retain(|failure| *failure.path != *path);
        if self.failures.len() == MOST {
            self.failures.remove(0);
        }
        let error = transition.error().map(|error| one_line(error)).unwrap_or_default();
        self.failures.push(Failure { path: path.into(), error });
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.services.len();
        let services = if total == 1 { "service" } else { "services" };
        match self.phase {
            Phase::Ready if self.reloads => write!(f, "reloading, {} of {total} {services} ready", self.ready)?,
            Phase::Waiting | Phase::Starting | Phase::Ready => {
                write!(f, "{} of {total} {services} ready", self.ready)?;
            }
            phase => write!(f, "{phase}")?,
        }
        for (at, path) in self.moving.iter().take(MOST).enumerate() {
            let before = if at == 0 { ", waiting for" } else { "," };
            write!(f, "{before} `{}`", Line(path))?;
        }
        if self.moving.len() > MOST {
            write!(f, " and {} more", self.moving.len() - MOST)?;
        }
        for Failure { path, error } in &self.failures {
            let colon = if error.is_empty() { "" } else { ": " };
            write!(f, "; `{}` failed{colon}{error}", Line(path))?;
        }
        Ok(())
    }
}

/// Writes text without what would end the line, and so begin another message.
struct Line<'a>(&'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().take(LONGEST).try_for_each(|letter| {
            let letter = if letter.is_control() { ' ' } else { letter };
            fmt::Write::write_char(f, letter)
        })
    }
}

/// Tells whether a service is one of the app itself, and not ours.
fn is_counted(path: &str) -> bool {
    path != SERVICE && !path.contains('/')
}

/// Writes an error with its sources, as far as they fit.
fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut chain = error.to_string();
    let mut next = error.source();
    while let Some(source) = next.filter(|_| chain.len() < LONGEST) {
        chain = format!("{chain}: {source}");
        next = source.source();
    }
    Line(&chain).to_string()
}
