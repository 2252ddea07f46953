//! Why TLS could not be set up.

use std::{error, fmt, io, path::PathBuf};

/// Why TLS could not be set up, or its files be read again: every problem that was found.
#[derive(Debug)]
pub struct Error {
    problems: Vec<Problem>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("cannot read the {what} `{}`: {error}", path.display())]
    Unreadable { what: &'static str, path: PathBuf, error: io::Error },
    #[error(
        "there is no {what} in `{}`: a file in PEM has a line `-----BEGIN {begin}-----`", path.display()
    )]
    Nothing { what: &'static str, path: PathBuf, begin: &'static str },
    #[error("`{}` is no {what} in PEM: {why}", path.display())]
    Malformed { what: &'static str, path: PathBuf, why: String },
    #[error(
        "the key `{}` does not belong to the first certificate in `{}`", key.display(), certificate.display()
    )]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("the certificate `{}` and its key `{}` cannot be used: {why}", certificate.display(), key.display())]
    Unusable { certificate: PathBuf, key: PathBuf, why: String },
    #[error("{0}")]
    Setting(&'static str),
    #[error("`{name}` is no name of a server: {why}")]
    Name { name: String, why: String },
    #[error("the system has no certificate authorities, set `ca`: {0}")]
    NoRoots(String),
    #[error("rustls refuses these settings: {0}")]
    Refused(String),
}

impl Error {
    /// Makes one from all problems.
    pub(super) fn of(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// Tells whether a file could not be read, or did not hold what it should.
    #[must_use]
    pub fn is_file(&self) -> bool {
        let of_file = |problem: &Problem| {
            matches!(problem, Problem::Unreadable { .. } | Problem::Nothing { .. } | Problem::Malformed { .. })
        };
        self.problems.iter().any(of_file)
    }

    /// Tells whether the key does not belong to the certificate.
    #[must_use]
    pub fn is_mismatch(&self) -> bool {
        self.problems.iter().any(|problem| matches!(problem, Problem::Mismatch { .. }))
    }

    /// Tells whether settings contradict each other, or one is wrong.
    #[must_use]
    pub fn is_setting(&self) -> bool {
        self.problems.iter().any(|problem| matches!(problem, Problem::Setting(_) | Problem::Name { .. }))
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::of(vec![problem])
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TLS cannot be set up")?;
        self.problems.iter().enumerate().try_for_each(|(at, problem)| {
            let before = if at == 0 { ": " } else { "; " };
            write!(f, "{before}{problem}")
        })
    }
}

impl error::Error for Error {}
