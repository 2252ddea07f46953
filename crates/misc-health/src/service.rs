//! The part of health that runs in the app: it owns the runs of checks, and refuses what was set up wrongly.

use std::sync::Arc;

use misc_core::{BoxError, Context, Lifecycle, Service, Transition};

use crate::{
    health::Shared,
    setup::{BadSetup, lock},
};

/// The name of the service.
pub(crate) const SERVICE: &str = "health";

/// Lends its context to whoever asks for a check: until then it has nothing to do.
pub(crate) struct Owner(pub(crate) Arc<Shared>);

impl Service for Owner {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        let _lease = Lease::new(&self.0, &ctx)?;
        ctx.ready();
        ctx.stopping().await;
        Ok(())
    }
}

/// The time in which checks can be run.
struct Lease<'a>(&'a Shared);

impl<'a> Lease<'a> {
    fn new(shared: &'a Shared, ctx: &Context) -> Result<Self, BadSetup> {
        let mut problems = shared.close();
        if ctx.name() != SERVICE {
            problems.push(format!(
                "`Health` is in a group, as `{}`, and would never hear that the app is ready; install it on the root \
                 app",
                ctx.name()
            ));
        }
        if !problems.is_empty() {
            return Err(BadSetup(problems));
        }
        *lock(&shared.owner) = Some(ctx.clone());
        Ok(Self(shared))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let owner = lock(&self.0.owner).take();
        // Outside of the lock.
        drop(owner);
    }
}

/// Follows the phases of the app.
pub(crate) struct Observer(pub(crate) Arc<Shared>);

impl Lifecycle for Observer {
    fn on_transition(&self, transition: &Transition) {
        lock(&self.0.phases).note(transition);
    }
}
