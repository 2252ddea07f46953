//! What is wrong with the repository, where, and what to do about it.

use std::fmt;

use crate::failure::{Failure, Result};

/// One thing to mend, printed as `path:line: what is wrong; what to do`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    path: String,
    line: usize,
    what: String,
    cure: String,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, line: usize, what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { path: path.into(), line, what: what.into(), cure: cure.into() }
    }

    /// Prints all problems, in the order of the files, and fails if there are any.
    pub(crate) fn report(mut problems: Vec<Self>) -> Result {
        problems.sort();
        for problem in &problems {
            eprintln!("{problem}");
        }
        match problems.len() {
            0 => Ok(()),
            1 => Err(Failure::check("1 problem")),
            count => Err(Failure::check(format!("{count} problems"))),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, what, cure } = self;
        write!(f, "{path}:{line}: {what}; {cure}")
    }
}
