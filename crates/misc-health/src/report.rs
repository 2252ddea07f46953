//! What is found when somebody asks: a status, and the components that it comes from.

use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How a component, or a group of them, is; the worst of its components decides for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Status {
    /// It works.
    Pass,
    /// It works, but something informative fails, or a failure has not been seen often enough to count.
    Warn,
    /// It does not work.
    Fail,
}

impl Status {
    /// Returns the word of the health check draft: `pass`, `warn` or `fail`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state of one group of checks; made by [`Health::report`](crate::Health::report).
#[derive(Debug, Clone)]
pub struct Report {
    components: Vec<Component>,
}

impl Report {
    pub(crate) fn new(components: Vec<Component>) -> Self {
        Self { components }
    }

    /// Returns the status of the worst component; [`Status::Pass`] when there is none.
    #[must_use]
    pub fn status(&self) -> Status {
        self.components.iter().map(Component::status).max().unwrap_or(Status::Pass)
    }

    /// Tells whether nothing critical fails; warnings are no obstacle.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.status() < Status::Fail
    }

    /// Returns what the status comes from: the app, if the group asks about it, then the checks in the order in which
    /// they were added.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }
}

/// One check, or the app, within a [`Report`].
#[derive(Debug, Clone)]
pub struct Component {
    pub(crate) name: Arc<str>,
    pub(crate) status: Status,
    pub(crate) reason: Option<Reason>,
    pub(crate) result: Option<Measured>,
}

/// When a result came, and how long it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) at: SystemTime,
    pub(crate) took: Duration,
}

impl Component {
    /// Returns the name of the check; `app` for the app itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns how it is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Returns why it does not just pass, with the text of the error.
    ///
    /// An error may name hosts and users: show it to those only who may know.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_ref().map(Reason::whole)
    }

    /// Returns the reason as far as anybody may know it.
    pub(crate) fn public_reason(&self) -> Option<&str> {
        self.reason.as_ref().and_then(|reason| reason.public.as_deref())
    }
}

/// Why something does not pass.
#[derive(Debug, Clone)]
pub(crate) struct Reason {
    public: Option<Cow<'static, str>>,
    private: Option<String>,
}

impl Reason {
    /// Something that gives nothing away.
    pub(crate) fn public(text: impl Into<Cow<'static, str>>) -> Self {
        Self { public: Some(text.into()), private: None }
    }

    /// Something that only those may see who are allowed to.
    pub(crate) fn withheld(text: String) -> Self {
        Self { public: None, private: Some(text) }
    }

    /// What those see who may know, in place of the public text.
    pub(crate) fn in_private(self, text: String) -> Self {
        Self { private: Some(text), ..self }
    }

    pub(crate) fn whole(&self) -> &str {
        self.private.as_deref().or(self.public.as_deref()).unwrap_or_default()
    }
}
