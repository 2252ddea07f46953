//! What was handed over and cannot be used.

use std::{borrow::Cow, ffi::OsStr};

use misc_core::BoxError;

/// Something that a service manager has handed over cannot be used.
///
/// It names the variable with its value, or the descriptor, and says what is expected. A program that meets it was
/// not started as it should be, so it is better not to start.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot be used: {why}")]
pub struct Unusable {
    what: String,
    why: Cow<'static, str>,
    #[source]
    cause: Option<BoxError>,
}

impl Unusable {
    pub(crate) fn new(what: String, why: impl Into<Cow<'static, str>>) -> Self {
        Self { what, why: why.into(), cause: None }
    }

    pub(crate) fn variable(name: &str, value: &OsStr, why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(format!("the environment variable `{name}={}`", value.display()), why)
    }

    pub(crate) fn caused_by(self, cause: impl Into<BoxError>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }
}
