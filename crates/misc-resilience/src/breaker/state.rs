//! The states of a breaker.

use std::fmt;

use serde::Serialize;

use super::config::Mode;

/// What a breaker does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreakerState {
    /// They pass, and are counted.
    Closed,
    /// They are rejected, until it is time to look whether the service is well.
    Open,
    /// So many probes pass; what becomes of them decides.
    HalfOpen,
    /// A share of them passes that grows.
    Recovering,
    /// They are rejected, until an operator says otherwise.
    ForcedOpen,
    /// They pass, and the window holds none.
    Disabled,
    /// They pass and are counted, and nothing follows from it.
    MetricsOnly,
}

impl BreakerState {
    pub(crate) const ALL: [Self; 7] = [
        Self::Closed,
        Self::Open,
        Self::HalfOpen,
        Self::Recovering,
        Self::ForcedOpen,
        Self::Disabled,
        Self::MetricsOnly,
    ];

    /// Returns its name, as metrics have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Recovering => "recovering",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
        }
    }

    /// Tells whether every call passes.
    pub(crate) fn is_free(self) -> bool {
        matches!(self, Self::Closed | Self::Disabled | Self::MetricsOnly)
    }

    /// Tells whether no call passes.
    pub(crate) fn is_shut(self) -> bool {
        matches!(self, Self::Open | Self::ForcedOpen)
    }
}

impl From<Mode> for BreakerState {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Automatic => Self::Closed,
            Mode::ForcedOpen => Self::ForcedOpen,
            Mode::Disabled => Self::Disabled,
            Mode::MetricsOnly => Self::MetricsOnly,
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
