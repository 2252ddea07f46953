//! Liveness: whether the process itself still works.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

use misc_core::{BoxError, Meter};

use crate::{
    check::one_line,
    damping::{Damper, Thresholds},
    flight::panic_message,
    record::Record,
    report::{Component, Reason, Status},
    setup::lock,
};

/// What a liveness check may answer: a `bool`, or a `Result<(), E>`.
///
/// A future is no such answer. Whoever probes for liveness restarts the process when the answer is no, which cures a
/// lock that is never released and no database that cannot be reached: if that counted, one database would restart
/// every instance that uses it, again and again.
///
/// ```compile_fail,E0277
/// # async fn ping_database() -> bool { true }
/// misc_health::Health::new().liveness("db", async || ping_database().await);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no answer of a liveness check",
    label = "this check does not answer with `bool` or `Result<(), E>`",
    note = "liveness is asked of this process alone, so its checks are synchronous: what a restart does not cure, such \
            as a database that cannot be reached, belongs into readiness: `Health::check`"
)]
pub trait Alive {
    /// Returns the error, if the answer is no.
    ///
    /// # Errors
    /// What is wrong with the process.
    fn into_result(self) -> Result<(), BoxError>;
}

impl Alive for bool {
    fn into_result(self) -> Result<(), BoxError> {
        if self { Ok(()) } else { Err("it is not alive".into()) }
    }
}

impl<E: Into<BoxError>> Alive for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

/// One liveness check.
pub(crate) struct Liveness {
    pub(crate) name: Arc<str>,
    ask: Box<dyn Fn() -> Option<String> + Send + Sync>,
    damper: Mutex<Damper>,
    record: Record,
}

impl Liveness {
    pub(crate) fn new<A: Alive>(name: Arc<str>, is_alive: impl Fn() -> A + Send + Sync + 'static) -> Self {
        let (record, damper) = (Record::default(), Mutex::default());
        let ask = move || is_alive().into_result().err().map(|error| one_line(&*error));
        Self { name, ask: Box::new(ask), damper, record }
    }

    /// Asks, in the caller's own thread.
    pub(crate) fn component(&self, meter: Option<&Meter>) -> Component {
        let answer = catch_unwind(AssertUnwindSafe(&self.ask));
        let trouble = answer.unwrap_or_else(|payload| Some(panic_message(&*payload)));
        let turn = lock(&self.damper).note(trouble.is_none(), Thresholds::NONE);
        self.record.verdict(&self.name, trouble.is_none(), turn, trouble.as_deref(), meter);
        let status = if trouble.is_none() { Status::Pass } else { Status::Fail };
        Component { name: Arc::clone(&self.name), status, reason: trouble.map(Reason::withheld), result: None }
    }
}

impl fmt::Debug for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Liveness").field("name", &self.name).finish_non_exhaustive()
    }
}
