//! A trigger in words, which most are put into only when somebody asks.

use std::{fmt, time::Duration};

/// When a task runs, as a status shows it.
#[derive(Debug)]
pub(crate) enum Label {
    Every(Duration),
    OnDemand,
    Words(Box<str>),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(period) => write!(f, "every {}", humantime::format_duration(*period)),
            Self::OnDemand => f.write_str("on demand"),
            Self::Words(words) => f.write_str(words),
        }
    }
}
