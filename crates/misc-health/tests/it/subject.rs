//! An app to look at, checks that do as they are told, and probes.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode};
use misc_core::{App, Context};
use misc_health::{Check, Endpoint, Health, check_with};
use misc_test::TestApp;
use tokio::{sync::watch, time::sleep};
use tower_service::Service as _;

/// What a check does when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Pass,
    Fail,
    PassAfter(Duration),
    FailAfter(Duration),
    Hang,
    Panic,
}

/// A check that does as it is told.
#[derive(Debug, Clone)]
pub(crate) struct Puppet {
    does: watch::Sender<Does>,
    runs: Arc<AtomicUsize>,
    /// How many runs are under way.
    pub(crate) under_way: Arc<()>,
}

impl Puppet {
    pub(crate) fn new(does: Does) -> Self {
        Self { does: watch::Sender::new(does), runs: Arc::default(), under_way: Arc::default() }
    }

    pub(crate) fn now(&self, does: Does) {
        self.does.send_replace(does);
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self) -> Check {
        check_with(self.clone(), Self::run)
    }

    async fn run(self) -> Result<(), &'static str> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let _under_way = Arc::clone(&self.under_way);
        let does = *self.does.borrow();
        match does {
            Does::Pass => Ok(()),
            Does::Fail => Err("no route to 10.0.0.7"),
            Does::PassAfter(time) => {
                sleep(time).await;
                Ok(())
            }
            Does::FailAfter(time) => {
                sleep(time).await;
                Err("no route to 10.0.0.7")
            }
            Does::Hang => pending().await,
            Does::Panic => panic!("a bug in the check"),
        }
    }
}

pub(crate) async fn idle(ctx: Context) -> Result<(), misc_core::BoxError> {
    ctx.ready();
    ctx.stopping().await;
    Ok(())
}

/// Runs an app with this health until it is ready.
pub(crate) async fn start(health: &Health) -> TestApp {
    TestApp::start(App::new("shop").with(health.clone()).service("idle", idle)).await
}

/// Asks as a probe does.
pub(crate) async fn ask(mut endpoint: Endpoint, request: Request<()>) -> Response<String> {
    endpoint.call(request).await.unwrap()
}

pub(crate) async fn get(health: &Health, path: &str) -> (u16, String) {
    let response = ask(health.endpoint(), Request::get(path).body(()).unwrap()).await;
    (response.status().as_u16(), response.into_body())
}

pub(crate) async fn status(health: &Health, path: &str) -> StatusCode {
    ask(health.endpoint(), Request::get(path).body(()).unwrap()).await.status()
}

pub(crate) async fn is_ok(health: &Health, path: &str) -> bool {
    status(health, path).await == StatusCode::OK
}
