//! The fault proxy, between a client and an echo.

use std::{
    io::{self, ErrorKind},
    sync::mpsc,
    time::Duration,
};

use misc_core::{App, Context, Listener, Service};
use misc_test::{FaultProxy, Faults, TestApp};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Handle,
    time::{Instant, timeout},
};

use crate::support::{check_echo, check_says, echo, idle, millis, panic_of, secs};

/// Starts a proxy to `upstream`, a service of the app.
async fn proxy_to(app: &TestApp, upstream: &str) -> Faults {
    let (proxy, faults) = FaultProxy::new(app.address(upstream).await);
    app.handle().start("proxy", proxy).await.expect("the proxy starts");
    faults
}

/// Starts an echo behind a proxy.
async fn start() -> (TestApp, Faults) {
    let app = TestApp::start(App::new("shop").service("echo", echo("127.0.0.1:0"))).await;
    let faults = proxy_to(&app, "echo").await;
    (app, faults)
}

async fn connect(faults: &Faults) -> TcpStream {
    TcpStream::connect(faults.address()).await.expect("the proxy accepts")
}

/// Fails instead of hanging.
async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(secs(10), future).await.expect("it ends, it does not hang")
}

/// Checks that the connection was reset.
async fn check_reset(client: &mut TcpStream) {
    let ended = in_time(client.read(&mut [0])).await;
    assert_eq!(ended.expect_err("it is reset").kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn without_faults_everything_passes() {
    let (app, faults) = start().await;
    let mut client = connect(&faults).await;
    let sent: Vec<u8> = (0..1_000_000_u32).map(|at| at as u8).collect();
    let (mut read, mut write) = client.split();
    let mut got = Vec::new();
    let both = async {
        tokio::join!(read.read_to_end(&mut got), async {
            write.write_all(&sent).await?;
            write.shutdown().await
        })
    };
    let (read, written) = in_time(both).await;
    written.unwrap();
    read.unwrap();
    assert!(got == sent, "{} bytes came back", got.len());
    faults.until_idle().await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn its_address_is_known_before_it_runs() {
    let (proxy, faults) = FaultProxy::new("127.0.0.1:1");
    assert_eq!(TcpStream::connect(faults.address()).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let app = TestApp::service(proxy).await;
    assert_eq!(app.address("service").await, faults.address());
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_delay_holds_both_directions() {
    let (app, faults) = start().await;
    let mut client = connect(&faults).await;
    check_echo(&mut client).await;
    faults.delay(millis(40));
    let began = Instant::now();
    check_echo(&mut client).await;
    assert!(began.elapsed() >= millis(80), "{:?}", began.elapsed());
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn what_is_held_goes_on_when_it_is_healed() {
    let (app, faults) = start().await;
    let mut client = connect(&faults).await;
    faults.delay(Duration::MAX);
    client.write_all(b"hello").await.unwrap();
    timeout(millis(20), client.read(&mut [0; 5])).await.unwrap_err();
    faults.heal().await;
    in_time(client.read_exact(&mut [0; 5])).await.unwrap();
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_trickle_passes_so_many_bytes_at_a_time() {
    let (app, faults) = start().await;
    let mut client = connect(&faults).await;
    check_echo(&mut client).await;
    faults.trickle(2, millis(20));
    let began = Instant::now();
    check_echo(&mut client).await;
    // Five bytes are three pieces, with two waits between them.
    assert!(began.elapsed() >= millis(40), "{:?}", began.elapsed());
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_trickle_of_nothing_is_one_of_a_byte() {
    let (app, faults) = start().await;
    faults.trickle(0, millis(1));
    check_echo(&mut connect(&faults).await).await;
    app.stop().await.assert_clean().await;
}

/// A server for one client: sends a byte, then tells what it reads up to the end.
fn tells(tell: mpsc::Sender<Result<String, ErrorKind>>) -> impl Service {
    async move |ctx: Context| {
        let mut incoming = ctx.listen(&"127.0.0.1:0".into()).await?;
        ctx.ready();
        let mut stream = incoming.accept().await?.0.await?;
        stream.write_all(b"!").await?;
        let mut text = String::new();
        let read = stream.read_to_string(&mut text).await;
        tell.send(read.map(|_| text).map_err(|error| error.kind()))?;
        Ok(())
    }
}

/// Starts a server that tells, behind a proxy, and connects to it.
async fn start_telling() -> (TestApp, Faults, TcpStream, mpsc::Receiver<Result<String, ErrorKind>>) {
    let (tell, told) = mpsc::channel();
    let app = TestApp::start(App::new("shop").service("idle", idle).service("upstream", tells(tell))).await;
    let faults = proxy_to(&app, "upstream").await;
    let mut client = connect(&faults).await;
    client.read_exact(&mut [0]).await.expect("it passes");
    (app, faults, client, told)
}

#[tokio::test]
async fn a_cut_resets_the_client_and_the_upstream() {
    let (app, faults, mut client, told) = start_telling().await;
    faults.cut();
    check_reset(&mut client).await;
    app.phases().until("upstream stopped").await;
    assert_eq!(told.try_recv().unwrap(), Err(ErrorKind::ConnectionReset));
    faults.until_idle().await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn connections_after_a_cut_are_whole() {
    let (app, faults) = start().await;
    let mut before = connect(&faults).await;
    faults.until_connections(1).await;
    faults.cut();
    check_reset(&mut before).await;
    check_echo(&mut connect(&faults).await).await;
    app.stop().await.assert_clean().await;
}

/// Lets faults happen as soon as the connection is counted, over and over; none may be lost.
async fn check_none_is_lost(happens: impl Fn(&Faults), ended: impl Fn(io::Result<usize>) -> bool) {
    let (app, faults) = start().await;
    for _ in 0..200 {
        let mut client = connect(&faults).await;
        faults.until_connections(1).await;
        happens(&faults);
        let read = in_time(client.read(&mut [0])).await;
        assert!(ended(read), "it ends otherwise");
        drop(client);
        faults.until_idle().await;
    }
    app.stop().await.assert_clean().await;
}

async fn check_no_cut_is_lost() {
    let reset = |read: io::Result<usize>| read.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
    check_none_is_lost(Faults::cut, reset).await;
}

async fn check_no_half_close_is_lost() {
    check_none_is_lost(Faults::half_close, |read| read.is_ok_and(|count| count == 0)).await;
}

#[tokio::test]
async fn a_counted_connection_is_cut() {
    check_no_cut_is_lost().await;
}

#[tokio::test]
async fn a_counted_connection_is_cut_by_a_spawned_task() {
    Handle::current().spawn(check_no_cut_is_lost()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_counted_connection_is_cut_on_several_threads() {
    Handle::current().spawn(check_no_cut_is_lost()).await.unwrap();
}

#[tokio::test]
async fn a_counted_connection_is_half_closed() {
    check_no_half_close_is_lost().await;
}

#[tokio::test]
async fn a_counted_connection_is_half_closed_by_a_spawned_task() {
    Handle::current().spawn(check_no_half_close_is_lost()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_counted_connection_is_half_closed_on_several_threads() {
    Handle::current().spawn(check_no_half_close_is_lost()).await.unwrap();
}

#[tokio::test]
async fn more_connections_than_are_waited_for_are_enough() {
    let (app, faults) = start().await;
    let _open = [connect(&faults).await, connect(&faults).await];
    faults.until_connections(2).await;
    faults.until_connections(1).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_half_close_ends_what_the_client_reads_and_nothing_else() {
    let (app, faults, mut client, told) = start_telling().await;
    faults.half_close();
    assert_eq!(in_time(client.read(&mut [0])).await.unwrap(), 0);
    client.write_all(b"still there").await.unwrap();
    client.shutdown().await.unwrap();
    app.phases().until("upstream stopped").await;
    assert_eq!(told.try_recv().unwrap().as_deref(), Ok("still there"));
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn what_an_upstream_sends_after_a_half_close_is_lost_and_does_not_hold_it_up() {
    let sends_much = async |ctx: Context| {
        let mut incoming = ctx.listen(&"127.0.0.1:0".into()).await?;
        ctx.ready();
        let mut stream = incoming.accept().await?.0.await?;
        stream.write_all(b"!").await?;
        stream.read_exact(&mut [0]).await?;
        // More than all buffers on the way.
        stream.write_all(&vec![0; 64 << 20]).await?;
        Ok(())
    };
    let app = TestApp::start(App::new("shop").service("idle", idle).service("upstream", sends_much)).await;
    let faults = proxy_to(&app, "upstream").await;
    let mut client = connect(&faults).await;
    client.read_exact(&mut [0]).await.unwrap();
    faults.half_close();
    assert_eq!(in_time(client.read(&mut [0])).await.unwrap(), 0);
    client.write_all(b"!").await.unwrap();
    app.phases().until("upstream stopped").await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn refused_connections_are_accepted_again_on_the_same_port() {
    let (app, faults) = start().await;
    let mut open = connect(&faults).await;
    check_echo(&mut open).await;
    for _ in 0..3 {
        faults.refuse().await;
        let refused = TcpStream::connect(faults.address()).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        check_echo(&mut open).await;
        faults.heal().await;
        check_echo(&mut connect(&faults).await).await;
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_refused_port_stays_its_own() {
    let (app, faults) = start().await;
    faults.refuse().await;
    let taken = std::net::TcpListener::bind(faults.address());
    assert_eq!(taken.unwrap_err().kind(), ErrorKind::AddrInUse);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn faults_of_a_proxy_that_does_not_run_are_set_at_once() {
    let (app, faults) = start().await;
    app.handle().stop("proxy").await.unwrap();
    in_time(faults.refuse()).await;
    in_time(faults.heal()).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_reset_by_the_client_is_passed_on_as_a_reset() {
    let (app, _faults, client, told) = start_telling().await;
    client.set_zero_linger().unwrap();
    drop(client);
    app.phases().until("upstream stopped").await;
    assert_eq!(told.try_recv().unwrap(), Err(ErrorKind::ConnectionReset));
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_reset_by_the_upstream_is_passed_on_as_a_reset() {
    let upstream = async |ctx: Context| {
        let mut incoming = ctx.listen(&"127.0.0.1:0".into()).await?;
        ctx.ready();
        let mut stream = incoming.accept().await?.0.await?;
        stream.read_exact(&mut [0]).await?;
        stream.tcp().expect("a TCP stream").set_zero_linger()?;
        Ok(())
    };
    let app = TestApp::start(App::new("shop").service("idle", idle).service("upstream", upstream)).await;
    let faults = proxy_to(&app, "upstream").await;
    let mut client = connect(&faults).await;
    client.write_all(b"!").await.unwrap();
    check_reset(&mut client).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn an_upstream_that_refuses_is_a_reset() {
    let (_never_runs, nobody) = FaultProxy::new("127.0.0.1:1");
    let (proxy, faults) = FaultProxy::new(nobody.address());
    let app = TestApp::service(proxy).await;
    check_reset(&mut connect(&faults).await).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn ends_promptly_with_whatever_it_holds() {
    let (app, faults) = start().await;
    let mut client = connect(&faults).await;
    faults.delay(secs(3600));
    client.write_all(b"hello").await.unwrap();
    faults.until_connections(1).await;
    app.patience(secs(5)).stop().await.assert_clean().await;
    assert_eq!(faults.connections(), 0);
}

#[tokio::test]
async fn connections_that_do_not_come_fail_the_test() {
    let (app, faults) = start().await;
    tokio::time::pause();
    let text = panic_of(faults.until_connections(1)).await;
    check_says(&text, &["has 0 open connections after 3600s, not 1"]);
    drop(app);
}

#[tokio::test]
async fn connections_that_do_not_end_fail_the_test() {
    let (app, faults) = start().await;
    let _open = connect(&faults).await;
    faults.until_connections(1).await;
    tokio::time::pause();
    check_says(&panic_of(faults.until_idle()).await, &["has 1 open connections after 3600s, not none"]);
    drop(app);
}

#[tokio::test]
async fn to_wait_for_no_connection_is_a_mistake() {
    let (_proxy, faults) = FaultProxy::new("127.0.0.1:1");
    check_says(&panic_of(faults.until_connections(0)).await, &["use `until_idle`"]);
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_is_refused() {
    let (proxy, _faults) = FaultProxy::new("127.0.0.1:1");
    let ended = TestApp::launch(App::new("shop").service("proxy", proxy)).ended().await;
    check_says(ended.report(), &["service `proxy` failed", "a fault proxy has real sockets", "`#[tokio::test]`"]);
}
