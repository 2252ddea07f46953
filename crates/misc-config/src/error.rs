//! What is wrong with settings, all of it at once.

use std::fmt::{self, Write as _};

use misc_core::Exit;

use crate::show::without_passwords;

/// Says why there are no settings: everything that is wrong with them, or that the user asked for something else, such as
/// `--help`.
///
/// Returned from [`misc_core::main`], it ends the process with the code of [`exit`](Self::exit).
pub struct Error {
    problems: Vec<Problem>,
    exit: Exit,
}

impl Error {
    /// The exit code for a bad configuration, `EX_CONFIG` of `sysexits.h`.
    const EX_CONFIG: u8 = 78;

    pub(crate) fn invalid(problems: Vec<Problem>) -> Self {
        let exit = Exit::new(Self::EX_CONFIG, Listed(&problems).to_string());
        Self { problems, exit }
    }

    /// Ends the program with a text instead of settings.
    pub(crate) fn instead(code: u8, text: impl Into<String>) -> Self {
        Self { problems: Vec::new(), exit: Exit::new(code, text) }
    }

    /// Says something before it.
    pub(crate) fn after(self, text: &str) -> Self {
        let exit = Exit::new(self.exit.code(), format!("{text}\n\n{}", self.exit.text()));
        Self { exit, ..self }
    }

    /// Returns everything that is wrong, in the order of the schema; empty where it is the command line itself, or where
    /// nothing is wrong.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns how the process ends: with 78 for bad settings, 2 for a bad command line, 0 where the user asked for
    /// something else than to run, such as `--help`.
    #[must_use]
    pub fn exit(&self) -> &Exit {
        &self.exit
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("exit", &self.exit).finish_non_exhaustive()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.exit.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.exit)
    }
}

impl From<Error> for Exit {
    fn from(error: Error) -> Self {
        error.exit
    }
}

/// What is said of a key that must be set.
const MISSING: &str = "is required, and not set";

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    path: String,
    message: String,
    origin: Option<String>,
    hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), origin: None, hint: None }
    }

    /// Says that a key must be set.
    pub(crate) fn missing(path: &str) -> Self {
        Self::new(path, MISSING)
    }

    pub(crate) fn is_missing(&self) -> bool {
        self.message == MISSING
    }

    pub(crate) fn set_origin(&mut self, origin: String) {
        self.origin = Some(origin);
    }

    pub(crate) fn at(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Says where a value comes from, if it says so itself.
    pub(crate) fn of(mut self, value: &config::Value) -> Self {
        self.origin = value.origin().map(str::to_owned);
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the path of the key, such as `database.pool_size`; empty where it is about all of a file.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns where the value comes from, such as `config.yaml:3:9`.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Returns what to do about it.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, message, origin, hint } = self;
        let about = if path.is_empty() { origin.as_deref() } else { Some(&**path) };
        if let Some(about) = about {
            write!(f, "{}: ", OneLine(about))?;
        }
        OneLine(message).fmt(f)?;
        if let Some(origin) = origin.as_deref().filter(|_| !path.is_empty()) {
            write!(f, "\n    at {}", OneLine(origin))?;
        }
        if let Some(hint) = hint {
            write!(f, "\n    {}", OneLine(hint))?;
        }
        Ok(())
    }
}

/// A text whose control characters are escaped, since a key or a value in a file may look like a line of the report, and
/// without passwords in URLs.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in without_passwords(self.0).chars() {
            if c.is_control() { c.escape_default().fmt(f)? } else { f.write_char(c)? }
        }
        Ok(())
    }
}

/// All problems, as they are printed.
struct Listed<'a>(&'a [Problem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration has an error:")?,
            count => write!(f, "the configuration has {count} errors:")?,
        }
        for problem in self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}
