//! An app beside its test: its start, its network, its end, and what is said when one of them fails.

use std::io::ErrorKind;

use misc_core::{Address, App, BoxError, Context, Listener, Phase, Restart, Service, factory, resource, spec};
use misc_test::{MemorySockets, TestApp};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UdpSocket,
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};

use crate::support::{check_echo, check_says, echo, fails_to_start, idle, millis, never_ready, panic_of, secs, stuck};

#[tokio::test]
async fn a_service_is_started_and_stopped() {
    let app = TestApp::service(idle).await;
    assert_eq!(app.handle().list(), ["service"]);
    assert_eq!(app.handle().status().children[0].phase, Phase::Ready);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_runs_in_memory_on_a_paused_clock() {
    let closes_late = async |ctx: Context| {
        let mut incoming = ctx.listen(&"0.0.0.0:80".into()).await?;
        ctx.ready();
        let (handshake, _) = incoming.accept().await?;
        let _stream = handshake.await?;
        sleep(secs(3000)).await;
        Ok(())
    };
    let app = TestApp::service(closes_late).await;
    let began = Instant::now();
    let mut client = app.connect("service").await;
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(began.elapsed(), secs(3000));
    app.ended().await.assert_clean().await;
}

#[tokio::test]
async fn a_fixed_port_is_moved_so_that_apps_run_side_by_side() {
    let apps = [(); 2].map(|()| TestApp::service(echo("0.0.0.0:8080")));
    let mut addresses = Vec::new();
    let mut running = Vec::new();
    for app in apps {
        let app = app.await;
        check_echo(&mut app.connect("service").await).await;
        addresses.push(app.address("service").await);
        running.push(app);
    }
    assert_ne!(addresses[0], addresses[1]);
    assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() != 8080));
    for app in running {
        app.stop().await.assert_ok();
    }
}

#[tokio::test]
async fn a_name_with_a_fixed_port_is_moved_too() {
    let app = TestApp::service(echo("localhost:8080")).await;
    assert_ne!(app.address("service").await.port(), 8080);
    check_echo(&mut app.connect("service").await).await;
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn a_service_that_restarts_has_the_port_that_it_had() {
    let app =
        TestApp::start(App::new("shop").service("echo", spec(echo("127.0.0.1:80")).restart(Restart::new()))).await;
    let before = app.address("echo").await;
    app.handle().restart("echo").await.unwrap();
    assert_eq!(app.address("echo").await, before);
    check_echo(&mut app.connect("echo").await).await;
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn a_port_that_two_services_want_is_refused_to_the_second() {
    let app = App::new("shop").service("one", echo("127.0.0.1:80")).service("two", echo("127.0.0.1:80"));
    let ended = TestApp::launch(app).ended().await;
    check_says(ended.report(), &["service `two` cannot listen on 127.0.0.1:80", "in use"]);
}

#[tokio::test]
async fn addresses_that_overlap_are_refused_as_in_production() {
    for (first, second) in [("0.0.0.0:80", "127.0.0.1:80"), ("127.0.0.1:80", "0.0.0.0:80"), ("[::]:80", "127.0.0.1:80")]
    {
        let app = App::new("shop").service("one", echo(first)).service("two", echo(second));
        let ended = TestApp::launch(app).ended().await;
        check_says(ended.report(), &[&format!("service `two` cannot listen on {second}"), "in use"]);
    }
}

#[tokio::test]
async fn addresses_that_do_not_overlap_are_both_there() {
    let app = App::new("shop").service("one", echo("127.0.0.1:80")).service("two", echo("127.0.0.2:80"));
    let app = TestApp::start(app).await;
    assert_ne!(app.address("one").await, app.address("two").await);
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn an_address_in_use_is_told_with_the_real_one() {
    let app = TestApp::start(App::new("shop").service("one", echo("127.0.0.1:80"))).await;
    let real = app.address("one").await;
    let error = app.handle().start("two", echo("127.0.0.1:80")).await.unwrap_err();
    check_says(
        &misc_core::Report::from(error),
        &["service `two` cannot listen on 127.0.0.1:80", &format!("127.0.0.1:80 is {real} in this test")],
    );
    app.stop().await.assert_ok();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_port_of_a_service_that_is_stopped_stays_its_own() {
    let app = App::new("shop").service("idle", idle).service("echo", factory(|| echo("127.0.0.1:80")));
    let app = TestApp::start(app).await;
    let address = app.address("echo").await;
    app.handle().stop("echo").await.unwrap();
    // Others ask for a port of the system's choice, and are given all there are.
    for _ in 0..100 {
        let others: Vec<_> = (0..500).map_while(|_| std::net::TcpListener::bind("127.0.0.1:0").ok()).collect();
        assert!(others.iter().all(|other| other.local_addr().unwrap() != address), "it was stolen");
    }
    app.handle().restart("echo").await.unwrap();
    assert_eq!(app.address("echo").await, address);
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn a_datagram_socket_is_moved_to_a_port_of_its_own() {
    let echoes = async |ctx: Context| {
        let socket = ctx.bind_udp(&"0.0.0.0:53".into()).await?;
        ctx.ready();
        let mut buffer = [0; 16];
        while let Some(received) = ctx.until_stopping(socket.recv_from(&mut buffer)).await {
            let (length, peer) = received?;
            socket.send_to(&buffer[..length], peer).await?;
        }
        Ok(())
    };
    let app = TestApp::service(echoes).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(app.address("service").await).await.unwrap();
    client.send(b"hello").await.unwrap();
    let mut answer = [0; 16];
    assert_eq!(client.recv(&mut answer).await.unwrap(), 5);
    app.stop().await.assert_ok();
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_where_its_path_says() {
    let path = std::env::temp_dir().join(format!("misc-test-{}.sock", std::process::id()));
    let app = TestApp::service(echo(format!("unix:{}", path.display()))).await;
    assert!(path.exists());
    check_echo(&mut app.connect("service").await).await;
    let text = panic_of(app.address("service")).await;
    check_says(&text, &["has no port: use `connect`"]);
    app.stop().await.assert_ok();
    std::fs::remove_file(path).unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_abstract_unix_socket_is_reached() {
    let app = TestApp::service(echo(format!("unix:@misc-test-{}", std::process::id()))).await;
    check_echo(&mut app.connect("service").await).await;
    app.stop().await.assert_ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_tested_on_several_threads() {
    let app = TestApp::service(echo("127.0.0.1:80")).await;
    check_echo(&mut app.connect("service").await).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn an_app_launched_as_it_is_keeps_its_sockets() {
    let network = MemorySockets::new();
    let app = App::new("shop").sockets(network.clone()).service("echo", echo("127.0.0.1:80"));
    let app = TestApp::launch_as_is(app);
    app.ready().await;
    check_echo(&mut network.connect(&"127.0.0.1:80".into()).await.unwrap()).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn an_app_launched_as_it_is_is_reached_where_it_listens() {
    let app = TestApp::launch_as_is(App::new("shop").service("echo", echo("0.0.0.0:0")));
    assert!(app.address("echo").await.ip().is_unspecified());
    check_echo(&mut app.connect("echo").await).await;
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn a_failed_start_panics_with_the_report() {
    let app = App::new("shop").service("db", fails_to_start);
    let text = panic_of(TestApp::start(app)).await;
    let parts = ["app `shop` (launched at ", "app.rs:", "ended before it was ready", "service `db` failed", "no luck"];
    check_says(&text, &parts);
    check_says(&text, &["what happened, in seconds:", "db starting"]);
}

#[tokio::test]
async fn a_start_that_must_fail_is_launched() {
    let ended = TestApp::launch(App::new("shop").service("db", fails_to_start)).ended().await;
    assert_eq!(ended.report().failures()[0].path(), "db");
    assert_eq!(ended.exit_code(), 1);
    ended.result().unwrap_err();
}

#[tokio::test]
async fn an_app_is_stopped_during_its_start() {
    let app = TestApp::launch(App::new("shop").service("db", never_ready));
    app.phases().until("db starting").await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn names_who_is_never_ready_and_what_it_waits_for() {
    let (db, db_service) = resource((), async |()| Ok::<_, std::io::Error>(())).on_close(async |_: &()| {});
    let waits = async move |ctx: Context| {
        db.get().await?;
        idle(ctx).await
    };
    let group = App::new("inner").service("deep", never_ready);
    let app = App::new("shop")
        .service("web", spec(waits).after([]))
        .service("group", spec(group).after([]))
        .service("db", spec(db_service).after(["web"]));
    let app = TestApp::launch(app).patience(millis(50));
    let text = panic_of(app.ready()).await;
    check_says(&text, &["app `shop` (launched at ", "was not ready within 50ms", "\n  web: starting for 0.", "`db`"]);
    check_says(&text, &["\n  group: starting", "\n    deep: starting", "web starting"]);
}

#[tokio::test(start_paused = true)]
async fn on_a_paused_clock_the_start_deadline_of_the_app_names_who_is_never_ready() {
    let text = panic_of(TestApp::service(never_ready)).await;
    check_says(&text, &["ended before it was ready", "service `service`", "30s", "30.000 service failed"]);
}

#[tokio::test]
async fn names_who_ignores_stopping() {
    let app = TestApp::start(App::new("shop").service("stuck", stuck).service("fine", idle)).await;
    let text = panic_of(app.patience(millis(50)).stop()).await;
    check_says(
        &text,
        &["had not ended within 50ms", "\n  stuck: stopping for 0.", "\n  fine: stopped", "fine stopped"],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_who_blocks_its_thread_where_there_are_others() {
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let blocks = async move |ctx: Context| {
        ctx.ready();
        ctx.stopping().await;
        held.recv().unwrap_err();
        Ok(())
    };
    let app = TestApp::service(blocks).await.patience(millis(100));
    check_says(&panic_of(app.stop()).await, &["had not ended within 100ms", "service: stopping"]);
    drop(let_go);
}

/// Blocks its thread for a moment when it shall stop, and comes back.
async fn blocks_for_a_moment(ctx: Context) -> Result<(), BoxError> {
    idle(ctx).await?;
    let (_open, never_sent) = std::sync::mpsc::channel::<()>();
    never_sent.recv_timeout(millis(300)).expect_err("nobody sends");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_has_blocked_the_only_worker_for_too_long_fails_the_test_afterwards() {
    let app = TestApp::service(blocks_for_a_moment).await.patience(millis(100));
    check_says(&panic_of(app.stop()).await, &["had not ended within 100ms", "service stopped"]);
}

#[tokio::test]
async fn who_has_blocked_the_thread_of_the_test_for_too_long_fails_the_test_afterwards() {
    let app = TestApp::service(blocks_for_a_moment).await.patience(millis(100));
    check_says(&panic_of(app.stop()).await, &["had not ended within 100ms", "service stopped"]);
}

#[tokio::test(start_paused = true)]
async fn on_a_paused_clock_the_stop_bound_of_the_app_names_who_ignores_stopping() {
    let ended = TestApp::service(stuck).await.stop().await;
    assert_eq!(ended.exit_code(), 70);
    assert_eq!(ended.report().late()[0].path(), "service");
    let text = panic_of(async { ended.assert_ok() }).await;
    check_says(&text, &["ended with code 70", "service `service` (ready) had not stopped after 15", "15.000 service"]);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_does_not_come_fails_the_test_also_on_a_paused_clock() {
    let text = panic_of(TestApp::service(idle).await.ended()).await;
    check_says(&text, &["had not ended within 3600s", "service: ready for 3600.0 s"]);
}

#[tokio::test]
async fn an_end_by_itself_is_waited_for() {
    let (end, ends) = oneshot::channel::<()>();
    let app = TestApp::service(async move |ctx: Context| {
        ctx.ready();
        Ok(ends.await?)
    })
    .await;
    end.send(()).unwrap();
    app.ended().await.assert_ok();
}

#[tokio::test]
async fn a_failure_is_in_the_report_and_in_the_text() {
    let app = TestApp::service(async |ctx: Context| {
        ctx.ready();
        ctx.stopping().await;
        Err("could not flush".into())
    })
    .await;
    let ended = app.stop().await;
    let text = panic_of(async { ended.assert_ok() }).await;
    check_says(&text, &["ended with code 1", "could not flush", "service failed: could not flush"]);
    assert!(ended.phases().lines().contains(&"service failed".to_owned()));
    ended.result().unwrap_err();
}

#[tokio::test]
async fn who_listens_nowhere_cannot_be_connected_to() {
    let app = TestApp::start(App::new("shop").service("idle", idle)).await.patience(millis(50));
    check_says(&panic_of(app.connect("idle")).await, &["did not listen with `idle` within 50ms", "idle: ready"]);
    check_says(&panic_of(app.connect("nobody")).await, &["`nobody`", "idle"]);
    app.stop().await.assert_ok();
}

/// Listens on two addresses, and says to its clients which one it was.
fn says_where(first: &'static str, second: &'static str) -> impl Service {
    async move |ctx: Context| {
        let mut first_one = ctx.listen(&first.into()).await?;
        let mut second_one = ctx.listen(&second.into()).await?;
        ctx.ready();
        loop {
            let (handshake, says) = tokio::select! {
                () = ctx.stopping() => return Ok(()),
                accepted = first_one.accept() => (accepted?.0, first),
                accepted = second_one.accept() => (accepted?.0, second),
            };
            handshake.await?.write_all(says.as_bytes()).await?;
        }
    }
}

/// Checks that both listeners are reached where they were asked for.
async fn check_both_are_reached(first: &'static str, second: &'static str) {
    let app = TestApp::service(says_where(first, second)).await;
    let published = app.handle().status().children[0].addresses.clone();
    for (address, wanted) in [first, second].map(Address::from).iter().chain(&published).zip([first, second].repeat(2))
    {
        let mut said = String::new();
        app.connect_to(address).await.read_to_string(&mut said).await.expect("it is told");
        assert_eq!(said, wanted);
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn every_listener_is_reached_by_the_address_that_was_asked_for() {
    check_both_are_reached("0.0.0.0:80", "127.0.0.1:81").await;
    check_both_are_reached("localhost:80", "[::1]:81").await;
}

#[tokio::test(start_paused = true)]
async fn every_listener_is_reached_in_memory_by_the_address_that_was_asked_for() {
    check_both_are_reached("0.0.0.0:80", "127.0.0.1:81").await;
    check_both_are_reached("unix:/nowhere/one", "unix:/nowhere/two").await;
}

#[tokio::test]
async fn an_address_that_nobody_asked_for_is_not_reached_even_if_somebody_else_is_there() {
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let app = TestApp::service(echo("127.0.0.1:80")).await;
    let text = panic_of(app.connect_to(&elsewhere.local_addr().unwrap().into())).await;
    check_says(
        &text,
        &[
            "cannot connect to 127.0.0.1:",
            "no service has asked for this address; those that were asked for: 127.0.0.1:80",
        ],
    );
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn who_listens_no_more_refuses() {
    let listens_once = async |ctx: Context| {
        drop(ctx.listen(&"127.0.0.1:80".into()).await?);
        idle(ctx).await
    };
    let app = TestApp::service(listens_once).await;
    let text = panic_of(app.connect("service")).await;
    check_says(&text, &["cannot connect to `service` of app `test`", "refused"]);
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn dropping_it_drops_the_app() {
    let (inside, mut all_dropped) = mpsc::channel::<()>(1);
    let app = App::new("shop").keep(inside.clone()).service("stuck", async move |ctx: Context| {
        let _inside = inside;
        stuck(ctx).await
    });
    let app = TestApp::start(app).await;
    let phases = app.phases();
    drop(app);
    assert!(timeout(secs(10), all_dropped.recv()).await.expect("it is dropped").is_none());
    assert_eq!(phases.of("stuck"), [Phase::Starting, Phase::Ready], "it was not asked to stop");
}

#[tokio::test]
async fn connections_end_as_sockets_do() {
    let app = TestApp::service(echo("127.0.0.1:80")).await;
    let mut client = app.connect("service").await;
    client.write_all(b"last words").await.unwrap();
    client.shutdown().await.unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "last words");
    assert_eq!(client.write_all(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    app.stop().await.assert_ok();
}
