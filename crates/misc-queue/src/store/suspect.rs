//! Who may run a job that a process has died with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::worker::Bench;

/// The right to run such a job: one worker of the process has it at a time.
#[derive(Default)]
pub(crate) struct Suspect(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    turn: Turn,
    /// Workers that may have such jobs to run, and are told when this can be had.
    waiting: Vec<Weak<Bench>>,
}

/// What becomes of the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Turn {
    #[default]
    Free,
    /// A worker looks whether there is such a job.
    Looking,
    /// A worker has one.
    Running,
}

impl Suspect {
    /// Takes it if it is free; returns what it was. If such a job runs, the worker is woken once that is over.
    pub(crate) fn take(&self, bench: &Arc<Bench>) -> Turn {
        let mut inner = self.lock();
        let was = inner.turn;
        match was {
            Turn::Free => inner.turn = Turn::Looking,
            Turn::Looking => {}
            Turn::Running => {
                if !inner.waiting.iter().any(|waiting| waiting.as_ptr() == Arc::as_ptr(bench)) {
                    inner.waiting.push(Arc::downgrade(bench));
                }
            }
        }
        was
    }

    /// Says that whoever has it has such a job.
    pub(crate) fn runs(&self) {
        self.lock().turn = Turn::Running;
    }

    pub(crate) fn give_back(&self) {
        let waiting = {
            let mut inner = self.lock();
            inner.turn = Turn::Free;
            std::mem::take(&mut inner.waiting)
        };
        waiting.iter().filter_map(Weak::upgrade).for_each(|bench| bench.wake());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
