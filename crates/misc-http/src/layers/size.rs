//! The size of a request's body.

#[cfg(feature = "axum")]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use http_body::Body;

/// The size of a body: said before, or counted while it is read.
#[derive(Debug)]
pub(crate) enum Size {
    Known(u64),
    #[cfg(feature = "axum")]
    Counted(Arc<AtomicU64>),
    Unknown,
}

impl Size {
    /// Finds out the size of a body; one that does not say it is counted from now on, if its type leaves room for that.
    pub(crate) fn of<B: Body + 'static>(body: &mut B) -> Self {
        if let Some(size) = body.size_hint().exact() {
            return Self::Known(size);
        }
        #[cfg(feature = "axum")]
        if let Some(count) = super::counted::count(body) {
            return Self::Counted(count);
        }
        Self::Unknown
    }

    pub(crate) fn get(&self) -> Option<u64> {
        match self {
            Self::Known(size) => Some(*size),
            #[cfg(feature = "axum")]
            Self::Counted(count) => Some(count.load(Ordering::Relaxed)),
            Self::Unknown => None,
        }
    }
}
