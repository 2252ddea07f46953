//! What the end of an attempt means.

use misc_core::Verdict;

use crate::classify::Classify;

/// Takes every error for one that may pass: it is tried again, and counts as a failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EveryError;

impl<T, E> Classify<T, E> for EveryError {
    fn verdict(&self, end: Result<&T, &E>) -> Verdict {
        if end.is_ok() { Verdict::Success } else { Verdict::Transient(None) }
    }
}

/// Takes errors for final that another [`Classify`] does not; see [`Retry::when`](crate::Retry::when) and
/// [`Retry::give_up_on`](crate::Retry::give_up_on).
#[derive(Debug, Clone, Copy)]
pub struct Unless<C, F> {
    classify: C,
    is_final: F,
}

impl<C, F> Unless<C, F> {
    pub(crate) fn new(classify: C, is_final: F) -> Self {
        Self { classify, is_final }
    }
}

impl<C: Classify<T, E>, F: Fn(&E) -> bool, T, E> Classify<T, E> for Unless<C, F> {
    fn verdict(&self, end: Result<&T, &E>) -> Verdict {
        match (self.classify.verdict(end), end) {
            (Verdict::Transient(_), Err(error)) if (self.is_final)(error) => Verdict::Failure,
            (verdict, _) => verdict,
        }
    }

    fn describe(&self, answer: &T) -> String {
        self.classify.describe(answer)
    }
}
