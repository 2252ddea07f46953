//! Long chains: what follows from one event may be very much, and needs no deep stack.

use misc_core::{App, OnFailure, spec};
use tokio::runtime::Builder;

use crate::support::{Log, fails_to_start, idle, run, up_and_down};

const LENGTH: usize = 20_000;

/// Runs a future on one thread with the stack that tokio gives its workers.
fn on_a_small_stack<F: Future<Output = ()>>(work: impl FnOnce() -> F + Send + 'static) {
    let run = move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(work());
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).expect("a thread");
    thread.join().expect("it does not panic");
}

#[test]
fn a_long_chain_starts_and_stops() {
    on_a_small_stack(|| async {
        let app = (0..LENGTH).fold(App::new("shop"), |app, at| app.service(format!("s{at}"), idle));
        up_and_down(app).await.expect("a clean end");
    });
}

#[test]
fn an_ignored_failure_fails_a_long_chain() {
    on_a_small_stack(|| async {
        let ignored = App::new("shop").service("s0", spec(fails_to_start).on_failure(OnFailure::Ignore));
        let app = (1..LENGTH).fold(ignored, |app, at| {
            let before = format!("s{}", at - 1);
            app.service(format!("s{at}"), spec(idle).after([&*before]).on_failure(OnFailure::Ignore))
        });
        let log = Log::default();
        let failed = log.clone();
        let app = app.observe(move |change: &misc_core::Transition| {
            if change.to() == misc_core::Phase::Failed {
                failed.add(change.service().unwrap_or_default());
            }
        });
        run(app).await.expect("all is ignored");
        assert_eq!(log.lines().len(), LENGTH);
    });
}

#[test]
fn a_long_chain_that_never_started_stops() {
    on_a_small_stack(|| async {
        let first = App::new("shop").service("bad", fails_to_start);
        let app = (0..LENGTH).fold(first, |app, at| app.service(format!("s{at}"), idle));
        run(app).await.expect_err("the first one fails");
    });
}

#[test]
fn a_long_chain_whose_run_is_dropped_leaves_nothing() {
    on_a_small_stack(|| async {
        let log = Log::default();
        let app = (0..LENGTH).fold(App::new("shop"), |app, at| {
            let guard = log.on_drop("gone");
            app.service(format!("s{at}"), async move |ctx: misc_core::Context| {
                let _guard = guard;
                idle(ctx).await
            })
        });
        let app = app.without_signals();
        let handle = app.handle();
        tokio::select! {
            _ = app.run() => {}
            _ = handle.ready() => {}
        }
        for _ in 0..LENGTH {
            // A turn of the runtime drops some of them.
            tokio::task::yield_now().await;
        }
        assert_eq!(log.lines().len(), LENGTH);
    });
}
