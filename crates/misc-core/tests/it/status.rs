//! The status: a tree of everything, to serialise and to draw.

use misc_core::{App, BoxError, Context, Phase, Restart, Status, resource, spec};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{Above, drive, fails_after, idle, never_ready, run, secs, slow, up_and_down};

/// Fails once after a second, with a chain of errors.
fn fails_once() -> impl misc_core::Service + Clone {
    let runs = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    move |ctx: Context| {
        let first = runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        async move {
            if !first {
                return idle(ctx).await;
            }
            ctx.ready();
            sleep(secs(1)).await;
            Err(Above("cannot poll", Above("cannot connect", "no route".into()).into()).into())
        }
    }
}

/// Waits for a resource that takes long, with something to show.
async fn waits(ctx: Context, db: misc_core::Resource<u8>) -> Result<(), BoxError> {
    ctx.spawn_until_stopping(std::future::pending::<()>());
    ctx.publish("127.0.0.1:8080".into());
    ctx.inspect("queue", || json!({ "length": 3 }));
    ctx.inspect("broken", || -> u8 { panic!("while it is looked at") });
    ctx.until_stopping(db.get()).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_whole_tree_is_serialised() {
    let (db, driver) = resource((), async |()| -> Result<u8, BoxError> { std::future::pending().await }).split();
    let group = App::new("inner").service("x", idle).service("y", idle);
    let app = App::new("shop")
        .service("group", group)
        .service("poll", spec(fails_once()).restart(Restart::new().backoff(secs(1), secs(1)).jitter(0.0)))
        .service("db", driver)
        .service("user", spec(async move |ctx: Context| waits(ctx, db).await).after(["group", "poll"]))
        .service("last", idle);
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(5)).await;
        let status = serde_json::to_value(handle.status()).unwrap();
        assert_eq!(status, whole_tree());
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

/// A service of which there is nothing special to say.
fn plain(path: &str, phase: &str, since: f64, after: &Value) -> Value {
    json!({
        "name": path.rsplit('/').next(), "path": path, "phase": phase, "since": since, "restarts": 0,
        "last_error": null, "addresses": [], "waits_for": [], "tasks": 0, "after": after, "inspected": [],
        "children": [],
    })
}

fn with(mut status: Value, field: &str, value: Value) -> Value {
    status[field] = value;
    status
}

fn whole_tree() -> Value {
    let implicit = |path: &str| json!([{ "path": path, "implicit": true }]);
    let x = plain("group/x", "ready", 5.0, &json!([]));
    let y = plain("group/y", "ready", 5.0, &implicit("group/x"));
    let group = with(plain("group", "ready", 5.0, &json!([])), "children", json!([x, y]));
    let poll = with(plain("poll", "ready", 3.0, &implicit("group")), "restarts", json!(1));
    let poll = with(poll, "last_error", json!("cannot poll: cannot connect: no route"));
    let db = plain("db", "starting", 5.0, &implicit("poll"));
    let named = json!([{ "path": "group", "implicit": false }, { "path": "poll", "implicit": false }]);
    let user = with(plain("user", "starting", 5.0, &named), "addresses", json!(["127.0.0.1:8080"]));
    let user = with(with(user, "waits_for", json!(["resource `db`"])), "tasks", json!(1));
    let inspected = json!([
        { "name": "queue", "value": { "length": 3 } },
        { "name": "broken", "value": "(panicked while it was looked at)" },
    ]);
    let user = with(user, "inspected", inspected);
    let last = plain("last", "waiting", 5.0, &implicit("user"));
    let app = with(plain("", "starting", 5.0, &json!([])), "name", json!("shop"));
    with(app, "children", json!([group, poll, db, user, last]))
}

#[tokio::test(start_paused = true)]
async fn the_graph_is_drawn() {
    let group = App::new("inner").service("x", idle).service("y", spec(idle).after([]));
    let app = App::new("a \"shop\"")
        .service("db", idle)
        .service("group", group)
        .service("http", spec(never_ready).after(["db", "group"]))
        .service("last", idle);
    let (ended, dot) = drive(app, async |handle| {
        sleep(secs(1)).await;
        let dot = handle.status().to_dot();
        handle.shutdown();
        dot
    })
    .await;
    ended.unwrap();
    let expected = r#"digraph "a \"shop\"" {
  rankdir=BT;
  node [shape=box];
  "db" [label="db\nready"];
  "group" [label="group\nready"];
  "group" -> "db" [style=dashed];
  "group/x" [label="x\nready"];
  "group/x" -> "group" [style=dotted];
  "group/y" [label="y\nready"];
  "group/y" -> "group" [style=dotted];
  "http" [label="http\nstarting"];
  "http" -> "db";
  "http" -> "group";
  "last" [label="last\nwaiting"];
  "last" -> "http" [style=dashed];
}
"#;
    assert_eq!(dot, expected);
}

#[tokio::test(start_paused = true)]
async fn it_can_be_asked_for_before_and_after_the_run() {
    let app = App::new("shop").service("a", idle);
    let handle = app.handle();
    let before = handle.status();
    assert_eq!((before.name.as_str(), before.phase, before.children.len()), ("shop", Phase::Waiting, 0));
    up_and_down(app).await.unwrap();
    let after = handle.status();
    assert_eq!((after.phase, after.children[0].phase), (Phase::Stopped, Phase::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_handle_of_a_group_shows_the_group() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let asks = async move |ctx: Context| {
        ctx.ready();
        tell.send((ctx.app().status(), ctx.app().root().status())).map_err(|_| "nobody listens")?;
        Ok(())
    };
    run(App::new("shop").service("g", App::new("inner").service("asks", asks))).await.unwrap();
    let (group, root): (Status, Status) = told.await.unwrap();
    assert_eq!((group.name.as_str(), group.path.as_str()), ("inner", "g"));
    assert_eq!(group.children[0].path, "g/asks");
    assert_eq!((root.name.as_str(), root.path.as_str()), ("shop", ""));
    assert_eq!(root.children[0].children[0].path, "g/asks");
}

#[tokio::test(start_paused = true)]
async fn it_shows_what_is_done_at_the_moment() {
    let restart = Restart::new().attempts(2).backoff(secs(10), secs(10)).jitter(0.0);
    let app = App::new("shop")
        .service("stops", slow(secs(0), secs(3)))
        .service("fails", spec(fails_after(secs(1))).restart(restart));
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(2)).await;
        let fails = &handle.status().children[1];
        assert_eq!((fails.phase, fails.since), (Phase::Restarting, secs(1)));
        assert_eq!((fails.restarts, fails.last_error.as_deref()), (0, Some("boom")));
        let stopped = handle.shutdown();
        sleep(secs(1)).await;
        let status = handle.status();
        assert_eq!((status.phase, status.since), (Phase::Stopping, secs(1)));
        assert_eq!(status.children[0].phase, Phase::Stopping);
        assert_eq!((status.children[1].phase, status.children[1].since), (Phase::Stopped, secs(1)));
        stopped.await.unwrap();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_a_run_goes_with_it() {
    let shows = async |ctx: Context| {
        ctx.inspect("n", || 1);
        ctx.publish("127.0.0.1:1".into());
        idle(ctx).await
    };
    let app = App::new("shop").service("a", spec(shows).restart(Restart::new())).service("b", idle);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.restart("a").await.unwrap();
        let a = &handle.status().children[0];
        assert_eq!((a.inspected.len(), a.addresses.len(), a.restarts), (1, 1, 1));
        assert_eq!(a.inspected[0].name, "n");
        handle.stop("a").await.unwrap();
        let a = &handle.status().children[0];
        assert_eq!((a.inspected.len(), a.addresses.len(), a.phase), (0, 0, Phase::Stopped));
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_inspection_is_looked_at_each_time() {
    let level = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let shown = std::sync::Arc::clone(&level);
    let shows = async move |ctx: Context| {
        ctx.inspect("level", move || shown.load(std::sync::atomic::Ordering::SeqCst));
        idle(ctx).await
    };
    let (ended, ()) = drive(App::new("shop").service("a", shows), async |handle| {
        handle.ready().await;
        for expected in [0, 7] {
            level.store(expected, std::sync::atomic::Ordering::SeqCst);
            let status = serde_json::to_value(handle.status()).unwrap();
            assert_eq!(status["children"][0]["inspected"][0]["value"], json!(expected));
        }
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn services_of_a_group_outlive_the_look_but_not_the_group() {
    let app = App::new("shop").service("g", App::new("inner").service("x", idle)).service("b", idle);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        assert_eq!(handle.list(), ["g", "g/x", "b"]);
        handle.stop("g").await.unwrap();
        assert_eq!(handle.list(), ["g", "b"]);
        assert_eq!(handle.status().children[0].children.len(), 0);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}
