//! Real processes under a fake manager: what they say in their life, and which sockets they take.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    net::TcpListener,
    os::{linux::net::SocketAddrExt, unix::net::SocketAddr},
    time::Duration,
};

use rustix::process::Signal;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, UnixStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    fake_manager::FakeManager,
    greeter::{Greeter, SOON, say_hello},
};

const PORT_0: &str = "127.0.0.1:0";
const PING: &str = "WATCHDOG=1";

fn listener() -> TcpListener {
    TcpListener::bind(PORT_0).expect("a port")
}

async fn connect(listener: &TcpListener) -> TcpStream {
    TcpStream::connect(listener.local_addr().expect("it is bound")).await.expect("a queue")
}

#[tokio::test]
async fn the_order_is_the_same_in_20_starts() {
    for start in 0..20 {
        let manager = FakeManager::new();
        let name = format!("misc-upgrade-greeter-{}-{start}", std::process::id());
        let greeter = Greeter::start(&format!("unix:@{name}"), &[("NOTIFY_SOCKET", manager.name())]);
        manager.until("READY=1").await;
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let stream = std::os::unix::net::UnixStream::connect_addr(&address).expect("who is ready listens");
        stream.set_nonblocking(true).unwrap();
        assert_eq!(say_hello(UnixStream::from_std(stream).unwrap()).await, greeter.pid());
        manager.note("asked to stop");
        let (code, _) = greeter.stop().await;
        manager.note("gone");
        assert_eq!(code, Some(0));
        let extension = "STOPPING=1|EXTEND_TIMEOUT_USEC=10000000";
        assert_eq!(manager.states(), ["READY=1", "asked to stop", extension, "gone"]);
        assert_eq!(manager.lines()[0], "STATUS=0 of 2 services ready");
        assert_eq!(manager.status(), "stopped");
    }
}

#[tokio::test]
async fn sighup_is_told_as_a_reload() {
    let manager = FakeManager::new();
    let greeter = Greeter::start(PORT_0, &[("NOTIFY_SOCKET", manager.name())]);
    manager.until("READY=1").await;
    manager.note("asked to reload");
    greeter.signal(Signal::HUP);
    manager.until("RELOADING=1").await;
    greeter.signal(Signal::TERM);
    manager.until("STOPPING=1").await;
    let states = manager.states();
    assert!(states[2].starts_with("RELOADING=1|MONOTONIC_USEC="), "{states:?}");
    assert_eq!(greeter.end().await.0, Some(0));
}

#[tokio::test]
async fn the_pings_stop_when_all_workers_are_blocked_and_not_before() {
    for workers in [1, 2, 4] {
        let manager = FakeManager::new();
        let socket = listener();
        let (period, name) = (OsStr::new("200000"), OsStr::new("http"));
        let variables = [("NOTIFY_SOCKET", &**manager.name()), ("WATCHDOG_USEC", period), ("LISTEN_FDNAMES", name)];
        let arguments = [PORT_0, &workers.to_string()];
        let mut greeter = Greeter::activated_with(&arguments, socket.try_clone().unwrap(), &variables);
        manager.until("READY=1").await;
        for _ in 0..workers {
            pings(&manager, 3).await;
            connect(&socket).await.write_all(b"block\n").await.unwrap();
            greeter.logs("blocked for good").await;
        }
        let before = manager.count(PING);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(manager.count(PING), before, "with {workers} workers");
    }
}

/// Waits for more pings.
async fn pings(manager: &FakeManager, more: usize) {
    let wanted = manager.count(PING) + more;
    let pinged = async {
        while manager.count(PING) < wanted {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, pinged).await.expect("pings");
}

#[tokio::test]
async fn the_watchdog_of_another_process_is_not_pinged() {
    let manager = FakeManager::new();
    let variables =
        [("NOTIFY_SOCKET", &**manager.name()), ("WATCHDOG_USEC", "1000".as_ref()), ("WATCHDOG_PID", "1".as_ref())];
    let greeter = Greeter::start(PORT_0, &variables);
    manager.until("READY=1").await;
    assert_eq!(greeter.stop().await.0, Some(0));
    assert_eq!(manager.count(PING), 0);
}

#[tokio::test]
async fn a_variable_without_sense_is_named_and_nothing_starts() {
    let (socket, soon) = (("NOTIFY_SOCKET", "@nobody"), ("WATCHDOG_USEC", "soon"));
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("NOTIFY_SOCKET", "here")], "`NOTIFY_SOCKET=here`"),
        (&[socket, soon], "`WATCHDOG_USEC=soon`"),
        (&[socket, ("WATCHDOG_USEC", "0")], "`WATCHDOG_USEC=0`"),
        (&[socket, ("WATCHDOG_USEC", "1"), ("WATCHDOG_PID", "me")], "`WATCHDOG_PID=me`"),
        (&[("LISTEN_FDS", "many")], "`LISTEN_FDS=many`"),
        (&[("LISTEN_FDS", "-1")], "`LISTEN_FDS=-1`"),
        (&[("LISTEN_FDS", "70000")], "`LISTEN_FDS=70000`"),
        (&[("LISTEN_FDNAMES", "a:b")], "`LISTEN_FDNAMES=a:b`"),
        (&[("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "a:b")], "descriptor 4 (`b`)"),
    ];
    for (variables, named) in cases {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, OsStr::new(*value))).collect();
        let (code, logged) = Greeter::activated(PORT_0, listener(), &variables).end().await;
        assert!(code == Some(1) && logged.contains(named), "{named}: {code:?}\n{logged}");
        assert!(!logged.contains("starting"), "{logged}");
    }
}

#[tokio::test]
async fn a_pid_without_sense_is_named() {
    let variables = [("LISTEN_PID", OsStr::new("ours")), ("LISTEN_FDS", OsStr::new("1"))];
    let (code, logged) = Greeter::start(PORT_0, &variables).end().await;
    assert!(code == Some(1) && logged.contains("`LISTEN_PID=ours`"), "{code:?}\n{logged}");
}

#[tokio::test]
async fn sockets_for_another_process_are_left_alone() {
    let variables = [("LISTEN_PID", OsStr::new("1")), ("LISTEN_FDS", OsStr::new("1"))];
    let mut greeter = Greeter::start(PORT_0, &variables);
    greeter.logs("socket bound").await;
    assert_eq!(greeter.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_connection_from_before_the_start_is_answered() {
    let socket = listener();
    let early = connect(&socket).await;
    let name = OsStr::new("http");
    let mut greeter = Greeter::activated(PORT_0, socket, &[("LISTEN_FDNAMES", name)]);
    assert_eq!(say_hello(early).await, greeter.pid());
    greeter.logs("taken from systemd as `http`").await;
    assert_eq!(greeter.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_socket_without_a_name_is_found_by_its_address() {
    let socket = listener();
    let address = socket.local_addr().unwrap().to_string();
    let early = connect(&socket).await;
    let mut greeter = Greeter::activated(&address, socket, &[]);
    assert_eq!(say_hello(early).await, greeter.pid());
    greeter.logs("taken from systemd as `unknown`").await;
}

#[tokio::test]
async fn a_socket_that_nobody_wants_is_named_in_a_warning() {
    let mut greeter = Greeter::activated(PORT_0, listener(), &[("LISTEN_FDNAMES", OsStr::new("grpc"))]);
    greeter.logs("WARN").await;
    let (code, logged) = greeter.stop().await;
    assert!(code == Some(0) && logged.contains("no service has asked for") && logged.contains("`grpc`"), "{logged}");
}

#[tokio::test]
async fn passed_sockets_do_not_leak_into_children() {
    let socket = listener();
    let early = connect(&socket).await;
    let greeter = Greeter::activated(PORT_0, socket, &[("LISTEN_FDNAMES", OsStr::new("http"))]);
    let pid = say_hello(early).await;
    let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/3")).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).map(str::trim).unwrap();
    let (close_on_exec, non_blocking) = (0o2_000_000, 0o4_000);
    let flags = u32::from_str_radix(flags, 8).unwrap();
    assert!(flags & close_on_exec != 0 && flags & non_blocking != 0, "{info}");
    drop(greeter);
}

#[tokio::test]
async fn no_connection_is_refused_in_20_restarts() {
    let socket = listener();
    let (stop, stopping) = watch::channel(false);
    let (answered, mut last) = watch::channel(0);
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let (socket, stopping, answered) = (socket.try_clone().unwrap(), stopping.clone(), answered.clone());
        clients.spawn(async move {
            let mut pids = Vec::new();
            while !*stopping.borrow() {
                let pid = say_hello(connect(&socket).await).await;
                answered.send_replace(pid);
                pids.push(pid);
            }
            pids
        });
    }
    let mut greeters = BTreeSet::new();
    for restart in 0..=20 {
        let name = OsString::from("http");
        let greeter = Greeter::activated(PORT_0, socket.try_clone().unwrap(), &[("LISTEN_FDNAMES", &name)]);
        let pid = greeter.pid();
        greeters.insert(pid);
        let serves = last.wait_for(|answered| *answered == pid);
        timeout(SOON, serves).await.expect("the clients are answered").unwrap();
        if restart == 20 {
            stop.send_replace(true);
            let pids = timeout(SOON, std::mem::take(&mut clients).join_all()).await.expect("the last answers");
            assert_eq!(pids.into_iter().flatten().collect::<BTreeSet<_>>(), greeters);
        }
        assert_eq!(greeter.stop().await.0, Some(0));
    }
}
