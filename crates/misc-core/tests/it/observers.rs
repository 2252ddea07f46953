//! Observers and plugins: called in order, synchronously, whatever one of them does.

use std::sync::{Arc, Mutex};

use misc_core::{App, Lifecycle, Phase, Plugin, Restart, Transition, spec};

use crate::support::{
    Log, Recorder, check_says, done, fails_after, fails_to_start, idle, millis, run, secs, slow, up_and_down,
};

/// Logs each change with a prefix.
fn logs(log: &Log, prefix: &'static str) -> impl Lifecycle + use<> {
    let log = log.clone();
    move |change: &Transition| {
        log.add(format!("{prefix}: {} {}", change.service().unwrap_or("app"), change.to()));
    }
}

#[tokio::test(start_paused = true)]
async fn called_in_the_order_of_registration() {
    let log = Log::default();
    let app = App::new("shop").observe(logs(&log, "1")).service("a", done).observe(logs(&log, "2"));
    run(app.observe(logs(&log, "3"))).await.unwrap();
    let lines = log.lines();
    assert_eq!(lines.len(), 3 * 8);
    for (at, line) in lines.iter().enumerate() {
        assert!(line.starts_with(&format!("{}: ", at % 3 + 1)), "{lines:?}");
        assert_eq!(line[3..], lines[at - at % 3][3..]);
    }
}

#[tokio::test(start_paused = true)]
async fn called_before_anything_follows_from_the_change() {
    let log = Log::default();
    let (first, second) = (log.clone(), log.clone());
    let app = App::new("shop")
        .observe(logs(&log, "seen"))
        .service("a", async move |ctx: misc_core::Context| {
            first.add("a runs");
            idle(ctx).await
        })
        .service("b", async move |ctx: misc_core::Context| {
            second.add("b runs");
            idle(ctx).await
        });
    up_and_down(app).await.unwrap();
    let lines = log.lines();
    let at = |what: &str| lines.iter().position(|line| line == what).expect(what);
    let order = ["seen: app starting", "seen: a starting", "a runs", "seen: a ready", "seen: b starting", "b runs"];
    let order: Vec<_> = order.into_iter().map(at).collect();
    assert!(order.is_sorted(), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_caught_and_the_others_still_see_the_change() {
    let seen = Recorder::new();
    let app = App::new("shop")
        .observe(|change: &Transition| assert_ne!(change.to(), Phase::Ready, "in the observer"))
        .observe(seen.clone())
        .service("a", idle);
    up_and_down(app).await.unwrap();
    let whole = [Phase::Starting, Phase::Ready, Phase::Stopping, Phase::Stopped];
    assert_eq!((seen.phases("a").as_slice(), seen.phases("app").as_slice()), (&whole[..], &whole[..]));
}

#[tokio::test(start_paused = true)]
async fn services_in_groups_are_named_by_their_path() {
    let seen = Recorder::new();
    let inner = App::new("x").service("leaf", idle);
    let outer = App::new("y").service("inner", inner);
    up_and_down(App::new("shop").service("outer", outer).observe(seen.clone())).await.unwrap();
    assert_eq!(seen.who(Phase::Ready), ["outer/inner/leaf", "outer/inner", "outer", "app"]);
    assert_eq!(seen.who(Phase::Stopped), ["outer/inner/leaf", "outer/inner", "outer", "app"]);
    assert!(seen.all().iter().all(|seen| seen.change.app() == "shop"), "the root names them all");
}

#[tokio::test(start_paused = true)]
async fn an_observer_of_a_group_comes_before_those_around_it() {
    let log = Log::default();
    let group = App::new("group").service("x", done).observe(logs(&log, "inside"));
    run(App::new("shop").service("g", group).observe(logs(&log, "outside"))).await.unwrap();
    let of_x: Vec<_> = log.lines().into_iter().filter(|line| line.ends_with("g/x ready")).collect();
    assert_eq!(of_x, ["inside: g/x ready", "outside: g/x ready"]);
}

#[tokio::test(start_paused = true)]
async fn a_transition_tells_what_changed() {
    let seen = Recorder::new();
    let restart = Restart::new().attempts(3).backoff(secs(1), secs(60)).jitter(0.0);
    let app = App::new("shop").service("a", spec(fails_after(millis(500))).restart(restart)).observe(seen.clone());
    run(app).await.unwrap_err();
    let changes: Vec<_> = seen.all().into_iter().filter(|seen| seen.path == "a").map(|seen| seen.change).collect();
    let ready = &changes[1];
    assert_eq!((ready.app(), ready.service()), ("shop", Some("a")));
    assert_eq!((ready.from(), ready.to(), ready.elapsed()), (Phase::Starting, Phase::Ready, secs(0)));
    assert!(ready.error().is_none());
    let stopping = &changes[2];
    assert_eq!((stopping.from(), stopping.to(), stopping.elapsed()), (Phase::Ready, Phase::Stopping, millis(500)));
    assert_eq!(stopping.error().expect("why it stops").to_string(), "boom");
    let attempts: Vec<_> = changes
        .iter()
        .filter(|change| matches!(change.to(), Phase::Restarting | Phase::Failed))
        .map(|change| (change.failed_attempts(), change.error().expect("an error").to_string()))
        .collect();
    assert_eq!(attempts, [(1, "boom".to_owned()), (2, "boom".to_owned()), (3, "boom".to_owned())]);
    let again: Vec<_> = changes.iter().filter(|change| change.to() == Phase::Starting).collect();
    assert_eq!(again[1].elapsed(), secs(1), "the backoff");
    let app = seen.all().into_iter().find(|seen| seen.path == "app").expect("the app's own").change;
    assert_eq!(app.service(), None);
    assert_eq!((app.from(), app.to()), (Phase::Waiting, Phase::Starting));
}

#[tokio::test(start_paused = true)]
async fn a_transition_reads_as_a_line() {
    let seen = Recorder::new();
    let app =
        App::new("shop").service("a", slow(secs(2), secs(0))).service("bad", fails_to_start).observe(seen.clone());
    run(app).await.unwrap_err();
    let lines: Vec<_> = seen.all().iter().map(|seen| seen.change.to_string()).collect();
    let text = lines.join("\n");
    let parts = [
        "shop: waiting -> starting after 0ns\n",
        "a: starting -> ready after 2s\n",
        "bad: starting -> stopping after 0ns: no luck\n",
        "bad: stopping -> failed after 0ns: no luck\n",
        "shop: starting -> stopping after 2s\n",
        "shop: stopping -> failed after 0ns",
    ];
    check_says(&text, &parts);
}

#[tokio::test(start_paused = true)]
async fn a_transition_may_be_sent_elsewhere() {
    let kept: Arc<Mutex<Vec<Transition>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let app = App::new("shop").service("a", done).observe(move |change: &Transition| {
        keep.lock().expect("nobody panics with it").push(change.clone());
    });
    run(app).await.unwrap();
    assert_eq!(kept.lock().unwrap().len(), 8);
}

/// Adds a service and an observer.
struct Heartbeat {
    name: &'static str,
    log: Log,
}

impl Plugin for Heartbeat {
    fn install(self, app: App) -> App {
        app.service(self.name, spec(idle).background()).observe(logs(&self.log, self.name))
    }
}

#[tokio::test(start_paused = true)]
async fn a_plugin_adds_services_and_observers() {
    let (log, seen) = (Log::default(), Recorder::new());
    let app = App::new("shop")
        .service("first", idle)
        .with(Heartbeat { name: "beat", log: log.clone() })
        .service("last", idle)
        .observe(seen.clone());
    up_and_down(app).await.unwrap();
    assert_eq!(seen.who(Phase::Ready), ["first", "beat", "last", "app"]);
    assert_eq!(log.lines()[0], "beat: app starting");
    assert_eq!(log.lines().len(), seen.all().len());
}

#[tokio::test(start_paused = true)]
async fn a_function_is_a_plugin() {
    fn plugin(app: App) -> App {
        app.service("by function", idle)
    }
    let seen = Recorder::new();
    let name = "by closure".to_owned();
    let app = App::new("shop").with(plugin).with(|app: App| app.service(name, idle)).observe(seen.clone());
    up_and_down(app).await.unwrap();
    assert_eq!(seen.who(Phase::Ready), ["by function", "by closure", "app"]);
}

#[tokio::test(start_paused = true)]
async fn a_plugin_may_install_others() {
    let (log, seen) = (Log::default(), Recorder::new());
    let inner = log.clone();
    let bundle = move |app: App| {
        app.with(Heartbeat { name: "one", log: inner.clone() }).with(Heartbeat { name: "two", log: inner })
    };
    up_and_down(App::new("shop").with(bundle).observe(seen.clone())).await.unwrap();
    assert_eq!(seen.who(Phase::Ready), ["one", "two", "app"]);
}

#[tokio::test(start_paused = true)]
async fn an_observer_may_look_and_ask() {
    let log = Log::default();
    let app = App::new("shop").service("a", idle).service("b", idle);
    let (handle, inner) = (app.handle(), log.clone());
    let asks = move |change: &Transition| {
        if change.service().is_none() && change.to() == Phase::Ready {
            inner.add(handle.status().children[1].phase.to_string());
            inner.add(handle.list().join(","));
            drop(handle.shutdown());
        }
    };
    run(app.observe(asks)).await.unwrap();
    assert_eq!(log.lines(), ["ready", "a,b"]);
}
