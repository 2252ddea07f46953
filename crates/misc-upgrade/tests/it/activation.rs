//! Which socket a service gets.

use std::{
    net::{Ipv6Addr, SocketAddrV6, TcpListener, UdpSocket},
    os::{
        fd::{AsRawFd, OwnedFd},
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream},
    },
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use misc_core::{App, BoxError, Context, Handle, Listener as _, Restart, Service, factory, spec};
use misc_test::{Logs, Missing, skip};
use misc_upgrade::Activation;
use rustix::{
    io::{FdFlags, fcntl_setfd},
    net,
};
use tokio::net::TcpStream;

use crate::{greeter::say_hello, notify::drive};

const PORT_0: &str = "127.0.0.1:0";
/// Where nothing was passed, and where no test could listen.
const ELSEWHERE: &str = "192.0.2.1:80";

fn tcp() -> TcpListener {
    TcpListener::bind(PORT_0).expect("a port")
}

fn passed(sockets: impl IntoIterator<Item = (&'static str, OwnedFd)>) -> Activation {
    Activation::from_descriptors(sockets).expect("sockets")
}

/// Listens at some addresses, one after the other, and greets who comes to the last.
fn listens(addresses: &[&str]) -> impl Service + Clone + use<> {
    let addresses: Vec<_> = addresses.iter().map(|address| (*address).to_owned()).collect();
    async move |ctx: Context| {
        let mut listening = Vec::new();
        for address in addresses {
            listening.push(ctx.listen(&address.into()).await?);
        }
        ctx.ready();
        let mut last = listening.pop().expect("an address");
        while let Some(accepted) = ctx.until_stopping(last.accept()).await {
            greet(accepted?.0.await?).await?;
        }
        Ok(())
    }
}

async fn greet(stream: misc_core::Stream) -> Result<(), BoxError> {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    stream.write_all(format!("{} to you, from 1\n", line.trim()).as_bytes()).await?;
    Ok(())
}

/// Listens, and lets who comes wait.
fn holds(address: &str) -> impl Service + use<> {
    let address = misc_core::Address::from(address);
    async move |ctx: Context| {
        let _listening = ctx.listen(&address).await?;
        ctx.ready();
        ctx.stopping().await;
        Ok(())
    }
}

fn binds_udp(address: String) -> impl Service {
    async move |ctx: Context| {
        let _socket = ctx.bind_udp(&address.into()).await?;
        ctx.ready();
        ctx.stopping().await;
        Ok(())
    }
}

/// Runs the app, and looks at it when it is ready.
async fn ready(app: App, look: impl AsyncFnOnce(Handle)) {
    let looks = async |handle: Handle| {
        assert!(handle.ready().await);
        look(handle.clone()).await;
        handle.shutdown();
    };
    drive(app, looks).await.expect("a clean end");
}

/// Checks the addresses that a service listens on.
#[track_caller]
fn check_addresses(handle: &Handle, path: &str, expected: &[String]) {
    fn find<'a>(status: &'a misc_core::Status, path: &str) -> Option<&'a misc_core::Status> {
        if status.path == path { Some(status) } else { status.children.iter().find_map(|child| find(child, path)) }
    }
    let status = handle.status();
    let addresses = &find(&status, path).expect("a service").addresses;
    assert_eq!(addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "of `{path}`");
}

#[tokio::test]
async fn a_socket_goes_to_the_service_of_its_name() {
    let (http, inner, other) = (tcp(), tcp(), tcp());
    let address = |listener: &TcpListener| listener.local_addr().unwrap().to_string();
    let [at_http, at_inner, at_other] = [&http, &inner, &other].map(address);
    let sockets = passed([("group/last", other.into()), ("group/http", inner.into()), ("http", http.into())]);
    let group = App::new("group").service("http", listens(&[PORT_0])).service("last", listens(&[PORT_0]));
    let app = App::new("shop").with(sockets).service("group", group).service("http", listens(&[PORT_0]));
    ready(app, async |handle| {
        check_addresses(&handle, "http", &[at_http]);
        check_addresses(&handle, "group/http", &[at_inner]);
        check_addresses(&handle, "group/last", &[at_other]);
    })
    .await;
}

#[tokio::test]
async fn a_name_is_the_whole_path() {
    let socket = tcp();
    let address = socket.local_addr().unwrap().to_string();
    let inner = App::new("internal").service("http", listens(&[PORT_0]));
    let app = App::new("shop").with(passed([("http", socket.into())])).service("internal", inner);
    ready(app.service("http", listens(&[PORT_0])), async |handle| check_addresses(&handle, "http", &[address])).await;
}

#[tokio::test]
async fn several_of_one_name_go_by_address_and_for_port_0_in_order() {
    let sockets = [tcp(), tcp(), tcp()];
    let [first, second, third] = [0, 1, 2].map(|at: usize| sockets[at].local_addr().unwrap().to_string());
    let sockets = passed(sockets.map(|socket| ("http", socket.into())));
    let app = App::new("shop").with(sockets).service("http", listens(&[&second, PORT_0, "localhost:0"]));
    ready(app, async |handle| check_addresses(&handle, "http", &[second, first, third])).await;
}

#[tokio::test]
async fn a_socket_of_another_name_goes_by_its_address() {
    let socket = tcp();
    let address = socket.local_addr().unwrap().to_string();
    let app = App::new("shop").with(passed([("shop.socket", socket.into())])).service("http", listens(&[&address]));
    ready(app, async |handle| check_addresses(&handle, "http", &[address])).await;
}

#[tokio::test]
async fn an_address_counts_for_more_than_a_name() {
    let (public, admin) = (tcp(), tcp());
    let [public_at, admin_at] = [&public, &admin].map(|socket| socket.local_addr().unwrap().to_string());
    let sockets = passed([("http", public.into()), ("shop-admin.socket", admin.into())]);
    let app = App::new("shop").with(sockets).service("http", listens(&[&admin_at, ELSEWHERE]));
    ready(app, async |handle| check_addresses(&handle, "http", &[admin_at, public_at])).await;
}

#[tokio::test]
async fn a_warning_tells_that_the_unit_has_decided_the_address() {
    let logs = Logs::capture();
    let socket = tcp();
    let address = socket.local_addr().unwrap().to_string();
    let app = App::new("shop").with(passed([("http", socket.into())])).service("http", listens(&[ELSEWHERE]));
    ready(app, async |handle| check_addresses(&handle, "http", std::slice::from_ref(&address))).await;
    logs.assert_logged("WARN");
    logs.assert_logged(&format!("service=http asked_for={ELSEWHERE} passed={address}"));
}

#[tokio::test]
async fn both_addresses_that_stand_for_all_are_the_same() {
    let logs = Logs::capture();
    let (named, other) = (TcpListener::bind("0.0.0.0:0").unwrap(), TcpListener::bind("0.0.0.0:0").unwrap());
    let [named_at, other_at] = [&named, &other].map(|socket| socket.local_addr().unwrap());
    let asked = [named_at, other_at].map(|address| format!("[::]:{}", address.port()));
    let sockets = passed([("http", named.into()), ("shop.socket", other.into())]);
    let app = App::new("shop").with(sockets).service("http", listens(&asked.each_ref().map(|asked| &**asked)));
    let expected = [named_at, other_at].map(|address| address.to_string());
    ready(app, async |handle| check_addresses(&handle, "http", &expected)).await;
    logs.assert_not_logged("WARN");
}

#[tokio::test]
async fn of_both_addresses_that_stand_for_all_each_is_preferred_for_itself() {
    let four = TcpListener::bind("0.0.0.0:0").unwrap();
    let four_at = four.local_addr().unwrap();
    let six_at = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, four_at.port(), 0, 0);
    let Ok(six) = net::socket(net::AddressFamily::INET6, net::SocketType::STREAM, None) else {
        return skip(Missing::Server, "this machine has no IPv6");
    };
    net::sockopt::set_ipv6_v6only(&six, true).unwrap();
    net::bind(&six, &six_at).unwrap();
    net::listen(&six, 1).unwrap();
    let app = App::new("shop").with(passed([("http", six), ("http", four.into())]));
    let app = app.service("http", listens(&[&four_at.to_string(), &six_at.to_string()]));
    let expected = [four_at.to_string(), six_at.to_string()];
    ready(app, async |handle| check_addresses(&handle, "http", &expected)).await;
}

#[tokio::test]
async fn what_was_not_passed_is_bound_and_the_log_says_which() {
    let logs = Logs::capture();
    let socket = tcp();
    let address = socket.local_addr().unwrap();
    let app = App::new("shop")
        .with(passed([("http", socket.into())]))
        .service("http", listens(&[PORT_0]))
        .service("ops", listens(&[PORT_0]));
    ready(app, async |_| {}).await;
    logs.assert_logged(&format!("socket taken from systemd as `http` service=http address={address}"));
    logs.assert_logged("socket bound service=ops address=127.0.0.1:0");
    logs.assert_not_logged("WARN");
}

#[tokio::test]
async fn what_nobody_asks_for_is_named_when_the_app_is_ready() {
    let logs = Logs::capture();
    let (one, two) = (tcp(), UdpSocket::bind(PORT_0).unwrap());
    let [one_at, two_at] = [one.local_addr(), two.local_addr()].map(Result::unwrap);
    let app =
        App::new("shop").with(passed([("grpc", one.into()), ("dns", two.into())])).service("http", listens(&[PORT_0]));
    ready(app, async |_| {}).await;
    logs.assert_logged(&format!("sockets=`grpc` (TCP, {one_at}), `dns` (UDP, {two_at})"));
    assert_eq!(logs.lines().iter().filter(|line| line.to_string().contains("no service has asked for")).count(), 1);
}

#[tokio::test]
async fn a_restart_inside_the_process_gets_it_again_with_who_was_waiting() {
    let socket = tcp();
    let address = socket.local_addr().unwrap();
    let app = App::new("shop").with(passed([("http", socket.into())]));
    let app = app.service("http", spec(listens(&[PORT_0])).restart(Restart::default()));
    ready(app.service("other", listens(&[PORT_0])), async |handle| {
        assert_eq!(say_hello(TcpStream::connect(address).await.unwrap()).await, 1);
        handle.stop("http").await.unwrap();
        let waiting = TcpStream::connect(address).await.expect("it is not refused");
        handle.restart("http").await.unwrap();
        assert_eq!(say_hello(waiting).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_restart_with_another_address_gets_it_again() {
    let socket = tcp();
    let address = socket.local_addr().unwrap().to_string();
    let starts = Arc::new(AtomicUsize::new(0));
    let moves = factory(move || holds(["192.0.2.1:80", "192.0.2.2:80"][starts.fetch_add(1, Ordering::Relaxed)]));
    let app = App::new("shop").with(passed([("http", socket.into())])).service("http", moves);
    ready(app, async |handle| {
        handle.restart("http").await.unwrap();
        check_addresses(&handle, "http", &[address]);
    })
    .await;
}

#[tokio::test]
async fn another_service_takes_over_what_an_ended_one_has_held() {
    let socket = tcp();
    let address = socket.local_addr().unwrap().to_string();
    let app = App::new("shop").with(passed([("shop.socket", socket.into())])).service("idle", listens(&[PORT_0]));
    ready(app, async |handle| {
        handle.start("v1", holds(&address)).await.unwrap();
        handle.start("v2", holds(&address)).await.expect_err("v1 holds it");
        handle.stop("v1").await.unwrap();
        handle.start("v2", holds(&address)).await.unwrap();
        check_addresses(&handle, "v2", &[address]);
    })
    .await;
}

#[tokio::test]
async fn the_same_address_twice_gets_another_socket_each_time() {
    let (one, two) = (tcp(), tcp());
    let [one_at, two_at] = [&one, &two].map(|socket| socket.local_addr().unwrap().to_string());
    let app = App::new("shop").with(passed([("http", one.into()), ("http", two.into())]));
    ready(app.service("http", listens(&[PORT_0, PORT_0, PORT_0])), async |handle| {
        let addresses: Vec<_> = handle.status().children[0].addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses[..2], [one_at, two_at]);
        assert!(!addresses[..2].contains(&addresses[2]), "{addresses:?}");
    })
    .await;
}

#[tokio::test]
async fn a_second_address_is_bound_when_the_first_was_passed() {
    let socket = tcp();
    let address = socket.local_addr().unwrap().to_string();
    let app = App::new("shop").with(passed([("http", socket.into())]));
    ready(app.service("http", listens(&[&address, PORT_0])), async |handle| {
        let addresses = &handle.status().children[0].addresses;
        assert_eq!(addresses.len(), 2);
        assert_eq!(addresses[0].to_string(), address);
        assert_ne!(addresses[1].to_string(), address);
    })
    .await;
}

#[tokio::test]
async fn two_apps_share_what_was_passed() {
    let (one, two) = (tcp(), tcp());
    let [one_at, two_at] = [&one, &two].map(|socket| socket.local_addr().unwrap().to_string());
    let sockets = passed([("one", one.into()), ("two", two.into())]);
    let first = App::new("first").with(sockets.clone()).service("one", listens(&[PORT_0]));
    let second = App::new("second").with(sockets).service("two", listens(&[PORT_0]));
    let first = ready(first, async |handle| check_addresses(&handle, "one", &[one_at]));
    let second = ready(second, async |handle| check_addresses(&handle, "two", &[two_at]));
    tokio::join!(first, second);
}

#[tokio::test]
async fn unix_and_datagram_sockets_are_handed_out_too() {
    let path = std::env::temp_dir().join(format!("misc-upgrade-handed-{}.sock", std::process::id()));
    let at_path = UnixListener::bind(&path).unwrap();
    let name = format!("misc-upgrade-handed-{}", std::process::id());
    let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
    let with_name = UnixListener::bind_addr(&abstract_address).unwrap();
    let udp = UdpSocket::bind(PORT_0).unwrap();
    let expected = [format!("unix:{}", path.display()), format!("unix:@{name}"), udp.local_addr().unwrap().to_string()];
    let sockets = passed([("x", with_name.into()), ("y", udp.into()), ("admin", at_path.into())]);
    let app = App::new("shop")
        .with(sockets)
        .service("admin", holds(PORT_0))
        .service("local", holds(&expected[1]))
        .service("dns", binds_udp(expected[2].clone()));
    ready(app, async |handle| {
        for (service, address) in ["admin", "local", "dns"].into_iter().zip(&expected) {
            check_addresses(&handle, service, std::slice::from_ref(address));
        }
        assert!(UnixStream::connect(&path).is_ok() && UnixStream::connect_addr(&abstract_address).is_ok());
    })
    .await;
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_name_may_stand_for_a_listener_and_a_datagram_socket() {
    let (stream, datagram) = (tcp(), UdpSocket::bind(PORT_0).unwrap());
    let expected = [stream.local_addr(), datagram.local_addr()].map(|address| address.unwrap().to_string());
    let both = async |ctx: Context| {
        let _listening = ctx.listen(&PORT_0.into()).await?;
        let _socket = ctx.bind_udp(&PORT_0.into()).await?;
        ctx.ready();
        ctx.stopping().await;
        Ok(())
    };
    let app = App::new("shop").with(passed([("dns", datagram.into()), ("dns", stream.into())])).service("dns", both);
    ready(app, async |handle| check_addresses(&handle, "dns", &expected)).await;
}

#[tokio::test]
async fn a_datagram_socket_beside_a_passed_listener_is_bound() {
    let socket = tcp();
    let address = socket.local_addr().unwrap().to_string();
    let both = async |ctx: Context| {
        let _listening = ctx.listen(&PORT_0.into()).await?;
        let _statistics = ctx.bind_udp(&PORT_0.into()).await?;
        ctx.ready();
        ctx.stopping().await;
        Ok(())
    };
    let app = App::new("shop").with(passed([("http", socket.into())])).service("http", both);
    ready(app, async |handle| assert_eq!(handle.status().children[0].addresses[0].to_string(), address)).await;
}

/// Checks that a service cannot listen, and what the error says.
async fn check_refused(sockets: Activation, service: impl Service, says: &[&str]) {
    let app = App::new("shop").with(sockets).service("http", service);
    let ended = drive(app, async |handle| {
        handle.ready().await;
        handle.shutdown();
    });
    let report = ended.await.expect_err("a failure").to_string();
    for part in says {
        assert!(report.contains(part), "no {part:?} in {report}");
    }
}

#[tokio::test]
async fn the_wrong_kind_of_socket_is_an_error_that_names_both() {
    let udp = UdpSocket::bind(PORT_0).unwrap();
    let passed_as = format!("`http` (UDP, {})", udp.local_addr().unwrap());
    check_refused(passed([("http", udp.into())]), listens(&[PORT_0]), &["`http`", &passed_as, "ListenStream="]).await;

    let listener = tcp();
    let passed_as = format!("`http` (TCP, {})", listener.local_addr().unwrap());
    let says = ["`http`", &*passed_as, "ListenDatagram="];
    check_refused(passed([("http", listener.into())]), binds_udp(PORT_0.to_owned()), &says).await;
}

#[tokio::test]
async fn nobody_guesses_which_of_two_addresses_a_socket_is_meant_for() {
    let public = tcp();
    let public_at = public.local_addr().unwrap().to_string();
    let passed_as = format!("`http` (TCP, {public_at})");
    let sockets = passed([("http", public.into())]);
    // Whichever comes first may be the one for the administrator.
    for second in ["192.0.2.2:80", &public_at] {
        let says = ["`http` cannot listen on", second, &passed_as, "for 192.0.2.1:80", "by its name alone"];
        check_refused(sockets.clone(), listens(&[ELSEWHERE, second]), &says).await;
    }
    let several = passed([("http", tcp().into()), ("http", tcp().into())]);
    check_refused(several, listens(&[ELSEWHERE]), &["no such address", "FileDescriptorName=http"]).await;
}

#[tokio::test]
async fn an_address_in_use_says_which_sockets_are_left() {
    let (taken, left) = (tcp(), tcp());
    let address = taken.local_addr().unwrap().to_string();
    let says = ["already in use", "`shop.socket`", "FileDescriptorName=http"];
    check_refused(passed([("shop.socket", left.into())]), listens(&[&address]), &says).await;
}

#[test]
fn descriptors_do_not_leak_into_children() {
    let socket = tcp();
    fcntl_setfd(&socket, FdFlags::empty()).unwrap();
    let number = socket.as_raw_fd();
    let _passed = passed([("http", socket.into())]);
    let is_open = format!("test -e /proc/self/fd/{number}");
    let open = std::process::Command::new("sh").args(["-c", &is_open]).status().unwrap();
    assert!(!open.success());
}

#[test]
fn what_no_service_can_listen_on_is_refused() {
    let (datagram, _) = UnixDatagram::pair().unwrap();
    let (stream, _) = UnixStream::pair().unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    let cases: [(OwnedFd, &str); 3] =
        [(datagram.into(), "TCP, UDP and Unix stream"), (stream.into(), "Accept=no"), (file.into(), "no socket")];
    for (descriptor, says) in cases {
        let refused = Activation::from_descriptors([("x", descriptor)]).unwrap_err().to_string();
        assert!(refused.contains("`x`") && refused.contains(says), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_passed_sockets_all_are_bound() {
    let app = App::new("shop").with(Activation::from_env().unwrap()).service("http", listens(&[PORT_0]));
    ready(app, async |handle| {
        let address = handle.address("http").await.unwrap();
        assert!(address.ip().is_some_and(|address| address.port() != 0));
    })
    .await;
}
