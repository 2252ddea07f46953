//! The clock of a test: paused, or the real one.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

/// Which clock the runtime of the test has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    Paused,
    Real,
}

impl Clock {
    /// Looks whether tokio's clock moves when the real one does.
    #[expect(clippy::disallowed_types, reason = "the real clock is what tokio's is held against")]
    pub(crate) fn now() -> Self {
        let before = Instant::now();
        let real = std::time::Instant::now();
        while std::time::Instant::now() == real {
            std::hint::spin_loop();
        }
        // On the real clock both read the same source, and it has moved on in between.
        if Instant::now() == before { Self::Paused } else { Self::Real }
    }

    /// Returns how long something may take that should happen: a paused hour passes at once, and deadlines of the app
    /// itself come first.
    pub(crate) fn patience(self) -> Duration {
        match self {
            Self::Paused => Duration::from_secs(60 * 60),
            Self::Real => Duration::from_secs(10),
        }
    }

    /// Returns how long the start and the end of an app may take: longer than it gives itself, since it knows best who
    /// is late.
    pub(crate) fn patience_with_apps(self) -> Duration {
        self.patience().max(Duration::from_secs(50))
    }
}

/// Waits for something that should happen; `None` when it does not in time.
///
/// A timeout alone would not notice who blocks the thread that runs the timers, and comes back.
pub(crate) async fn in_time<F: Future>(patience: Duration, future: F) -> Option<F::Output> {
    let began = Instant::now();
    let output = tokio::time::timeout(patience, future).await.ok()?;
    (began.elapsed() <= patience).then_some(output)
}

#[cfg(test)]
mod tests {
    use misc_core::{App, BoxError, Context};

    use super::*;

    async fn never_ready(_: Context) -> Result<(), BoxError> {
        std::future::pending().await
    }

    async fn never_ends(ctx: Context) -> Result<(), BoxError> {
        ctx.ready();
        std::future::pending().await
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_gives_up_on_its_services_before_the_test_does() {
        let began = Instant::now();
        let app = App::new("shop").service("service", never_ready);
        let handle = app.handle();
        let run = tokio::join!(app.without_signals().run(), async {
            assert!(!handle.ready().await);
            assert!(began.elapsed() < Clock::Real.patience_with_apps(), "start: {:?}", began.elapsed());
        });
        run.0.unwrap_err();

        let app = (0..3).fold(App::new("shop"), |app, at| app.service(format!("service {at}"), never_ends));
        let handle = app.handle();
        let stop = async {
            handle.ready().await;
            let asked = Instant::now();
            handle.shutdown().await.unwrap_err();
            assert!(asked.elapsed() < Clock::Real.patience_with_apps(), "stop: {:?}", asked.elapsed());
        };
        tokio::join!(app.without_signals().run(), stop).0.unwrap_err();
    }
}
