//! How an app ended: its failures, who was late, and the exit code.

use std::{
    error::Error,
    fmt,
    io::{self, Write},
    panic::Location,
    sync::{Arc, Weak},
    time::Duration,
};

use crate::{
    error::{BoxError, Failure, GroupFailed, SharedError, write_chain},
    exit::Exit,
    lifecycle::Phase,
    run::Run,
};

/// What went wrong in an app: every failure and every late service.
///
/// `Display` and `Debug` print each error with its whole chain, so `fn main() -> Result<(), Report>` reads well. It
/// is not an [`Error`] itself, so that `?` turns any error into one.
///
/// # Examples
/// ```
/// use misc_core::Report;
///
/// fn setup() -> Result<u16, Report> {
///     Ok("8080".parse()?)
/// }
/// assert!(setup().is_ok());
/// ```
#[derive(Default, Clone)]
pub struct Report {
    failures: Vec<Failure>,
    late: Vec<Late>,
    /// How many there were beyond those that are listed.
    unlisted: usize,
}

impl Report {
    /// How many failures, and how many late services, a report lists (1,000 each); those that come later are counted.
    ///
    /// A process may live for years, with services that are added and fail every day.
    pub const LISTED: usize = 1_000;

    /// The exit code when a service was late at its stop bound (70, `EX_SOFTWARE` of `sysexits.h`).
    pub const LATE: u8 = 70;

    /// Returns the failures, in the order in which they happened.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Returns the services that had not stopped by their bound.
    #[must_use]
    pub fn late(&self) -> &[Late] {
        &self.late
    }

    /// Returns the exit code: that of an [`Exit`] in any failure's chain, else 70 when a service was late, else 1
    /// when one failed, else 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let chosen = self.failures.iter().find_map(|failure| Exit::find(failure.error()));
        match chosen {
            Some(exit) => exit.code(),
            None if !self.late.is_empty() => Self::LATE,
            None => u8::from(!self.failures.is_empty()),
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.failures.is_empty() && self.late.is_empty()
    }

    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.is_clean() { Ok(()) } else { Err(self) }
    }

    pub(crate) fn refused(error: impl Error + Send + Sync + 'static) -> Self {
        Self::from(error)
    }

    /// Adds a failure; that of a group adds those inside it.
    pub(crate) fn add_failure(&mut self, path: &Arc<str>, error: &SharedError) {
        match error.downcast_ref::<GroupFailed>() {
            Some(GroupFailed(inner)) => {
                self.failures.extend_from_slice(&inner.failures);
                self.unlisted += inner.unlisted;
            }
            None => self.failures.push(Failure::new(Arc::clone(path), Arc::clone(error))),
        }
        self.shorten();
    }

    /// Adds who was late: the service itself, and those inside it if it is a group.
    pub(crate) fn add_late(&mut self, errors: &[SharedError], late: Option<&Late>) {
        for GroupFailed(inner) in errors.iter().filter_map(|error| error.downcast_ref()) {
            self.late.extend_from_slice(&inner.late);
        }
        self.late.extend(late.cloned());
        self.shorten();
    }

    fn shorten(&mut self) {
        self.unlisted +=
            self.failures.len().saturating_sub(Self::LISTED) + self.late.len().saturating_sub(Self::LISTED);
        self.failures.truncate(Self::LISTED);
        self.late.truncate(Self::LISTED);
    }

    /// The `Exit` that is all there is to tell: it is the whole error, or says the same as that, or it means success.
    fn lone_exit(&self) -> Option<&Exit> {
        let ([failure], []) = (&*self.failures, &*self.late) else {
            return None;
        };
        let error = failure.error();
        let whole = |exit: &&Exit| failure.path().is_empty() && error.to_string() == exit.text();
        Exit::find(error).filter(|exit| exit.code() == 0 || whole(exit))
    }

    /// Prints the report where the user of a command looks for it.
    pub(crate) fn print(&self) {
        match self.lone_exit() {
            Some(exit) if exit.text().is_empty() => {}
            Some(exit) if exit.code() == 0 => last_words(io::stdout(), exit),
            Some(exit) => last_words(io::stderr(), exit),
            None => last_words(io::stderr(), self),
        }
    }
}

/// Prints what a process has to say at its end. On a full disk or a closed pipe nobody hears it, and the end goes on:
/// `eprintln` would panic instead.
pub(crate) fn last_words(mut stream: impl Write, text: impl fmt::Display) {
    drop(writeln!(stream, "{text}"));
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        for failure in &self.failures {
            f.write_str(gap)?;
            gap = "\n";
            if failure.path().is_empty() {
                write!(f, "error: {}", failure.error())?;
                failure.error().source().map_or(Ok(()), |source| write_chain(f, source))?;
            } else {
                write!(f, "{failure}")?;
                write_chain(f, failure.error())?;
            }
        }
        for late in &self.late {
            write!(f, "{gap}{late}")?;
            gap = "\n";
        }
        match self.unlisted {
            _ if gap.is_empty() => f.write_str("all stopped cleanly"),
            0 => Ok(()),
            more => write!(f, "\nand {more} more, which the log tells"),
        }
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[diagnostic::do_not_recommend]
impl<E: Into<BoxError>> From<E> for Report {
    fn from(error: E) -> Self {
        let error: SharedError = Arc::from(error.into());
        Self { failures: vec![Failure::new(Arc::from(""), error)], late: Vec::new(), unlisted: 0 }
    }
}

/// A service that had not stopped by its bound and was dropped.
#[derive(Debug, Clone)]
pub struct Late {
    pub(crate) path: Arc<str>,
    pub(crate) phase: Phase,
    pub(crate) waited: Duration,
    pub(crate) tasks: Vec<&'static Location<'static>>,
    pub(crate) did_not_yield: bool,
    pub(crate) run: Weak<Run>,
}

impl Late {
    /// Returns the path of the service.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the phase it was in when it was asked to stop.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns how long it was waited for.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Returns where its unfinished tasks were spawned.
    #[must_use]
    pub fn tasks(&self) -> &[&'static Location<'static>] {
        &self.tasks
    }

    /// Tells whether a thread is inside of it still.
    pub(crate) fn holds_a_thread(&self) -> bool {
        self.run.upgrade().is_some_and(|run| run.is_busy())
    }

    /// Tells whether it held on even after it was dropped: it blocks a thread or never awaits.
    #[must_use]
    pub fn did_not_yield(&self) -> bool {
        self.did_not_yield
    }
}

impl Error for Late {}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, phase, waited, tasks, did_not_yield, .. } = self;
        write!(f, "service `{path}` ({phase}) had not stopped after {waited:.1?} and was dropped")?;
        if *did_not_yield {
            f.write_str("; it did not yield: it blocks a thread or never awaits")?;
        }
        for task in tasks {
            write!(f, "\n  unfinished task spawned at {task}")?;
        }
        Ok(())
    }
}
