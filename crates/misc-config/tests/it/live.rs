//! Settings that change while the app runs.

#[cfg(feature = "watch")]
mod watched;

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use misc_config::{Changes, Config, Format, Invalid, Layer, Live, Reloader, Secret, Source};
use misc_core::{App, BoxError};
use misc_test::{Logs, Metrics, Signal, TestApp};
use tokio::{
    sync::{Notify, Semaphore},
    time::{sleep, timeout},
};

/// The settings of a pool.
#[derive(Debug, serde::Deserialize, Config)]
#[config(validate)]
struct Pool {
    /// The least that it holds.
    #[config(default = 1)]
    low: u32,
    /// The most that it holds, which is as much here.
    #[config(default = 1)]
    high: u32,
    /// Who may use it.
    #[config(default = "nobody")]
    token: Secret<String>,
}

impl Pool {
    fn validate(&self) -> Result<(), Invalid> {
        if self.low == self.high { Ok(()) } else { Err(Invalid::new("high", "must be as much as `low`")) }
    }

    /// Whether it is all of one version.
    fn is(&self, size: u32) -> bool {
        self.low == size && self.high == size
    }
}

/// A source that says what the test wants.
#[derive(Clone)]
struct Centre(Arc<State>);

struct State {
    says: Mutex<String>,
    /// Each change of it is told once.
    news: Notify,
    loads: AtomicUsize,
    /// How many loads may end.
    gate: Semaphore,
}

impl Centre {
    fn saying(text: &str) -> Self {
        let says = Mutex::new(text.to_owned());
        let gate = Semaphore::new(Semaphore::MAX_PERMITS);
        Self(Arc::new(State { says, news: Notify::new(), loads: AtomicUsize::new(0), gate }))
    }

    fn sized(size: u32) -> Self {
        Self::saying(&pool(size))
    }

    fn say(&self, text: &str) {
        text.clone_into(&mut lock(&self.0.says));
    }

    /// Lets no load end from now on, but as many as it is opened for.
    fn close(&self) {
        self.0.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn open(&self, loads: usize) {
        self.0.gate.add_permits(loads);
    }

    fn loads(&self) -> usize {
        self.0.loads.load(Ordering::Relaxed)
    }

    async fn live(&self) -> (Live<Pool>, Reloader<Pool>) {
        Pool::loader().source(self.clone()).live().await.expect("it is valid")
    }

    /// Runs an app whose settings come from here.
    async fn app(&self, metrics: &Metrics) -> (Live<Pool>, TestApp) {
        let (live, reloader) = self.live().await;
        (live, TestApp::start(App::new("test").with(reloader).meter(metrics.meter())).await)
    }
}

impl Source for Centre {
    async fn load(&self) -> Result<Layer, BoxError> {
        self.0.loads.fetch_add(1, Ordering::Relaxed);
        let says = lock(&self.0.says).clone();
        self.0.gate.acquire().await?.forget();
        Ok(Layer::parse("centre", Format::Json, &says)?)
    }

    async fn changed(&self) {
        self.0.news.notified().await;
    }
}

fn lock(text: &Mutex<String>) -> MutexGuard<'_, String> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pool(size: u32) -> String {
    format!(r#"{{ "low": {size}, "high": {size} }}"#)
}

/// Changes what the centre says, has it read by `reload`, and checks what is logged of that and how it is counted.
async fn check(text: &str, outcome: &str, log: &str) {
    let (centre, metrics, logs) = (Centre::sized(1), Metrics::new(), Logs::capture());
    let (live, app) = centre.app(&metrics).await;
    let before = live.get();
    centre.say(text);
    assert!(app.handle().reload());
    metrics.until("config_reloads_total", &[("outcome", outcome)], 1.0).await;
    logs.assert_logged(log);
    assert_eq!(
        Arc::ptr_eq(&before, &live.get()),
        !log.contains("changed="),
        "the value is the old one unless it changed"
    );
    app.stop().await.assert_clean().await;
    logs.assert_not_logged("hunter2");
}

#[tokio::test]
async fn the_log_names_the_keys_that_changed_and_no_value() {
    let text = r#"{ "low": 1, "high": 1, "token": "hunter2" }"#;
    check(text, "success", "INFO misc_config::live: configuration reloaded changed=token").await;
    check(&pool(2), "success", "configuration reloaded changed=high, low").await;
}

#[tokio::test]
async fn what_has_not_changed_is_no_new_version() {
    check(&pool(1), "success", "configuration reloaded, nothing has changed").await;
}

#[tokio::test]
async fn what_is_set_to_nothing_has_changed_where_nothing_set_is_something() {
    #[derive(Debug, serde::Deserialize, Config)]
    struct Limits {
        #[serde(default = "five")]
        max: Option<u32>,
    }

    #[expect(clippy::unnecessary_wraps, reason = "serde wants the type of the field")]
    fn five() -> Option<u32> {
        Some(5)
    }

    let (centre, metrics, logs) = (Centre::saying("{}"), Metrics::new(), Logs::capture());
    let (live, reloader) = Limits::loader().source(centre.clone()).live().await.unwrap();
    let app = TestApp::start(App::new("test").with(reloader).meter(metrics.meter())).await;
    for (reloads, (text, max)) in (1_u32..).zip([(r#"{ "max": null }"#, None), ("{}", Some(5))]) {
        centre.say(text);
        app.handle().reload();
        metrics.until("config_reloads_total", &[("outcome", "success")], f64::from(reloads)).await;
        assert_eq!(live.get().max, max, "{text}");
    }
    logs.assert_logged("configuration reloaded changed=max");
    logs.assert_not_logged("nothing has changed");
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn the_log_names_keys_without_the_passwords_in_them() {
    #[derive(Debug, serde::Deserialize, Config)]
    struct Weights {
        #[serde(default)]
        weights: BTreeMap<String, u8>,
    }

    let (centre, metrics, logs) = (Centre::saying("{}"), Metrics::new(), Logs::capture());
    let (live, reloader) = Weights::loader().source(centre.clone()).live().await.unwrap();
    let app = TestApp::start(App::new("test").with(reloader).meter(metrics.meter())).await;
    for (reloads, weight) in (1_u32..).zip([1, 2]) {
        centre.say(&format!(r#"{{ "weights": {{ "db://shop:hunter2@h": {weight} }} }}"#));
        app.handle().reload();
        metrics.until("config_reloads_total", &[("outcome", "success")], f64::from(reloads)).await;
        assert_eq!(live.get().weights.values().copied().collect::<Vec<_>>(), [weight]);
    }
    logs.assert_logged("configuration reloaded changed=weights.db://shop:******@h");
    logs.assert_not_logged("hunter2");
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn settings_that_are_not_valid_change_nothing_and_all_that_is_wrong_is_logged() {
    let kept = "ERROR misc_config::live: the new configuration is not used, the old one stays: ";
    let report = "the configuration has 2 errors:\n  \
        low: expected an integer from 0 to 4294967295, found a text `many`\n    at centre:1:10\n  \
        hihg: is not a key\n    at centre:1:26\n    did you mean `high`?";
    let text = r#"{ "low": "many", "hihg": 1, "token": "hunter2" }"#;
    check(text, "failure", &format!("{kept}{report}")).await;
    check(r#"{ "low": 2 }"#, "failure", "high: must be as much as `low`").await;
    check("{ low", "failure", "is not valid JSON: key must be a string").await;
}

#[tokio::test]
async fn a_reload_succeeds_after_one_that_failed() {
    let (centre, metrics) = (Centre::sized(1), Metrics::new());
    let (live, app) = centre.app(&metrics).await;
    let mut changes = live.changes();
    centre.say("{");
    app.handle().reload();
    metrics.until("config_reloads_total", &[("outcome", "failure")], 1.0).await;
    centre.say(&pool(2));
    app.handle().reload();
    assert!(next(&mut changes).await.is(2) && live.get().is(2));
    metrics.until("config_reloads_total", &[("outcome", "success")], 1.0).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn sighup_reloads() {
    let centre = Centre::sized(1);
    let (live, app) = centre.app(&Metrics::new()).await;
    let mut changes = live.changes();
    centre.say(&pool(2));
    app.signal(Signal::Hangup);
    assert!(next(&mut changes).await.is(2));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_something_else_is_followed() {
    let centre = Centre::sized(1);
    let (live, app) = centre.app(&Metrics::new()).await;
    let mut changes = live.changes();
    for size in 2..10 {
        centre.say(&pool(size));
        centre.0.news.notify_one();
        assert!(next(&mut changes).await.is(size));
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_always_has_something_else_is_asked_once_a_second() {
    struct Restless(Centre);
    impl Source for Restless {
        fn load(&self) -> impl Future<Output = Result<Layer, BoxError>> + Send {
            self.0.load()
        }

        async fn changed(&self) {
            if self.0.loads() > 100 {
                pending::<()>().await;
            }
        }
    }

    let centre = Centre::sized(1);
    let (_, reloader) = Pool::loader().source(Restless(centre.clone())).live().await.unwrap();
    let app = TestApp::start(App::new("test").with(reloader)).await;
    sleep(Duration::from_millis(10_500)).await;
    assert!((10..=12).contains(&centre.loads()), "{} loads in ten seconds and a half", centre.loads());
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_request_during_a_reload_is_not_lost() {
    let centre = Centre::sized(1);
    let (live, app) = centre.app(&Metrics::new()).await;
    let mut changes = live.changes();
    centre.close();
    centre.say(&pool(2));
    app.handle().reload();
    until(|| centre.loads() == 2).await;
    centre.say(&pool(3));
    app.handle().reload();
    for size in 2..=3 {
        centre.open(1);
        assert!(next(&mut changes).await.is(size));
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_reload_does_not_hold_up_the_stop() {
    let (centre, metrics) = (Centre::sized(1), Metrics::new());
    let (_, app) = centre.app(&metrics).await;
    centre.close();
    app.handle().reload();
    until(|| centre.loads() == 2).await;
    app.stop().await.assert_clean().await;
    metrics.assert_metric("config_reloads_total", &[], 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_answer_changes_nothing() {
    let (centre, metrics, logs) = (Centre::sized(1), Metrics::new(), Logs::capture());
    let (live, app) = centre.app(&metrics).await;
    centre.close();
    app.handle().reload();
    metrics.until("config_reloads_total", &[("outcome", "failure")], 1.0).await;
    logs.assert_logged(
        "the old one stays: the configuration has an error:\n  a source cannot be asked: it did not answer in time",
    );
    assert!(live.get().is(1));
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn everybody_who_follows_sees_the_last_version() {
    let centre = Centre::sized(1);
    let (live, app) = centre.app(&Metrics::new()).await;
    let (mut one, mut slow) = (live.changes(), live.changes());
    for size in 2..5 {
        centre.say(&pool(size));
        app.handle().reload();
        assert!(next(&mut one).await.is(size));
    }
    assert!(next(&mut slow).await.is(4));
    assert!(timeout(Duration::ZERO, slow.next()).await.is_err(), "it has seen the last one");
    assert!(slow.latest().is(4));
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn readers_never_see_parts_of_two_versions() {
    let (centre, done) = (Centre::sized(1), Arc::new(AtomicBool::new(false)));
    let (live, app) = centre.app(&Metrics::new()).await;
    let readers = [(); 4].map(|()| {
        let (live, done) = (live.clone(), Arc::clone(&done));
        thread::spawn(move || {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let pool = live.get();
                assert!(pool.low == pool.high && pool.low >= last, "{pool:?} after {last}");
                last = pool.low;
            }
            last
        })
    });
    let mut changes = live.changes();
    for size in 2..=1_000 {
        centre.say(&pool(size));
        app.handle().reload();
        assert!(next(&mut changes).await.is(size));
        assert!(live.get().is(size));
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.join().expect("a reader saw one version at a time") > 0);
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn fixed_settings_never_change() {
    let live = Live::fixed(3);
    assert_eq!((*live.get(), format!("{live:?}")), (3, "Live(3)".to_owned()));
    assert!(timeout(Duration::from_secs(3600), live.changes().next()).await.is_err());
}

/// Waits for the next version, which comes soon.
async fn next(changes: &mut Changes<Pool>) -> Arc<Pool> {
    timeout(Duration::from_secs(20), changes.next()).await.expect("there is another version")
}

/// Lets the others work until something is so.
async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}
