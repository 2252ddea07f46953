//! Signals, as if the app were a process.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use misc_core::{App, Context, Phase};
use misc_test::{Signal, TestApp};
use tokio::{sync::mpsc, time::timeout};

use crate::support::{check_says, idle, secs, stuck};

#[tokio::test(start_paused = true)]
async fn the_first_signal_stops() {
    for signal in [Signal::Terminate, Signal::Interrupt, Signal::Hangup] {
        let app = TestApp::service(idle).await;
        app.signal(signal);
        let ended = app.ended().await;
        ended.assert_clean().await;
        assert_eq!(ended.phases().entered(Phase::Stopped), ["service"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_signal_ends_at_once() {
    for (signal, code) in [(Signal::Terminate, 143), (Signal::Interrupt, 130), (Signal::Hangup, 129)] {
        let kept = Arc::new(());
        let app = TestApp::start(App::new("shop").keep(Arc::clone(&kept)).service("stuck", stuck)).await;
        app.signal(Signal::Terminate);
        app.phases().until("stuck stopping").await;
        app.signal(signal);
        let ended = app.ended().await;
        assert_eq!(ended.exit_code(), code);
        check_says(ended.report(), &["ended at once"]);
        assert_eq!(ended.phases().of("stuck"), [Phase::Starting, Phase::Ready, Phase::Stopping]);
        assert_eq!(Arc::strong_count(&kept), 1, "kept values are dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn hangup_reloads_where_somebody_asked_for_reloads() {
    let (reloads, mut reloaded) = mpsc::channel(1);
    let app = TestApp::service(async move |ctx: Context| {
        let mut requests = ctx.reloads();
        ctx.ready();
        while ctx.until_stopping(requests.next()).await.is_some() {
            reloads.send(()).await?;
        }
        Ok(())
    })
    .await;
    for _ in 0..3 {
        app.signal(Signal::Hangup);
        timeout(secs(1), reloaded.recv()).await.expect("it reloads").expect("it runs");
    }
    app.signal(Signal::Terminate);
    app.ended().await.assert_clean().await;
    assert!(reloaded.recv().await.is_none(), "once for each signal");
}

#[tokio::test(start_paused = true)]
async fn a_stop_after_a_signal_is_no_second_signal() {
    let cleaned_up = Arc::new(AtomicBool::new(false));
    let cleans_up = Arc::clone(&cleaned_up);
    let app = TestApp::service(async move |ctx: Context| {
        idle(ctx).await?;
        cleans_up.store(true, Ordering::SeqCst);
        Ok(())
    })
    .await;
    app.signal(Signal::Terminate);
    app.stop().await.assert_clean().await;
    assert!(cleaned_up.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_signal_after_a_stop_was_asked_for_by_a_handle_is_the_first() {
    let app = TestApp::service(stuck).await;
    drop(app.handle().shutdown());
    app.signal(Signal::Terminate);
    assert_eq!(app.ended().await.exit_code(), 70, "it is late, and was not ended at once");
}

/// Tells that it was dropped.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_and_kept_values_are_dropped_when_an_app_was_ended_at_once() {
    for _ in 0..200 {
        let [inside, kept] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let held = Flag(Arc::clone(&inside));
        let app = App::new("shop").keep(Flag(Arc::clone(&kept))).service("stuck", async move |ctx: Context| {
            let _held = held;
            stuck(ctx).await
        });
        let app = TestApp::start(app).await;
        app.signal(Signal::Terminate);
        app.signal(Signal::Terminate);
        assert_eq!(app.ended().await.exit_code(), 143);
        assert!(inside.load(Ordering::SeqCst), "what a service holds");
        assert!(kept.load(Ordering::SeqCst), "what the app has kept");
    }
}
