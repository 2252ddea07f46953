//! Who calls, as far as what stands in front has found out.

use std::{cell::Cell, fmt, future::Future, pin::pin, sync::Arc};

use http::Extensions;

thread_local! {
    static CURRENT: Cell<Slot> = const { Cell::new(Slot::Nobody) };
}

/// What a call came with, besides its parameters: values that layers in front of the server have put there.
///
/// A layer that knows who calls inserts that into the extensions of the request. The implementation of a trait, which
/// has no parameter for it, asks here. Ask before the work is handed to another task: it does not follow.
///
/// # Examples
/// ```
/// use misc_rpc::Caller;
///
/// #[derive(Debug, Clone, PartialEq)]
/// struct User(u64);
///
/// async fn whoami() -> Option<User> {
///     Caller::current()?.get().cloned()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(whoami().await, None);
/// // A server does this for each request; a test may, too.
/// assert_eq!(Caller::new().with(User(7)).scope(whoami()).await, Some(User(7)));
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Caller(Arc<Extensions>);

impl Caller {
    /// Describes a caller of whom nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds something; another value of the same type is replaced.
    #[must_use]
    pub fn with<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        Arc::make_mut(&mut self.0).insert(value);
        self
    }

    /// Returns who has made the call that this task is answering; `None` outside of calls.
    #[must_use]
    pub fn current() -> Option<Self> {
        let slot = CURRENT.try_with(Cell::take).ok()?;
        let caller = slot.share();
        let slot = caller.clone().map_or(Slot::Nobody, Slot::Shared);
        CURRENT.try_with(|current| current.set(slot)).ok()?;
        caller
    }

    /// Returns what is known of this type, if anything is.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.get()
    }

    /// Runs `work` as if this caller had asked for it.
    ///
    /// # Cancel safety
    /// As cancel safe as `work`.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        let mut work = pin!(work);
        let mut slot = Slot::Shared(self);
        std::future::poll_fn(|cx| slot.lend(|| work.as_mut().poll(cx))).await
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}

/// The caller of one request; it is shared once somebody asks.
#[derive(Default)]
pub(crate) enum Slot {
    #[default]
    Nobody,
    Own(Extensions),
    Shared(Caller),
}

impl Slot {
    /// Keeps what a request came with.
    pub(crate) fn of(extensions: Extensions) -> Self {
        Self::Own(extensions)
    }

    /// Calls `work` as something that this caller has asked for.
    pub(crate) fn lend<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let lent = Lent { outer: CURRENT.try_with(|current| current.replace(std::mem::take(self))).ok(), inner: self };
        let result = work();
        drop(lent);
        result
    }

    fn share(self) -> Option<Caller> {
        match self {
            Self::Nobody => None,
            Self::Own(extensions) => Some(Caller(Arc::new(extensions))),
            Self::Shared(caller) => Some(caller),
        }
    }
}

/// Takes a slot back, also when the work panics.
struct Lent<'a> {
    outer: Option<Slot>,
    inner: &'a mut Slot,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(outer) = self.outer.take()
            && let Ok(inner) = CURRENT.try_with(|current| current.replace(outer))
        {
            *self.inner = inner;
        }
    }
}
