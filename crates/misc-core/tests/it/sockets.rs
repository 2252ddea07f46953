//! Sockets: opened for a service, at an address that others can wait for, by a provider that can be replaced.
//!
//! The sockets are real, so the clock is too.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use misc_core::{
    Address, App, Bind, BoxError, Context, Handle, Incoming, Listener, Request, Restart, Socket, SocketKind, Sockets,
    spec,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    net::{TcpStream, UdpSocket},
    sync::{mpsc, oneshot},
};

use crate::support::{Log, chain, check_says, done, drive, failed, fails_to_start, idle, in_time};

/// Says everything back to every connection.
async fn echo(ctx: Context, address: Address) -> Result<(), BoxError> {
    let mut incoming = ctx.listen(&address).await?;
    ctx.ready();
    while let Some(accepted) = ctx.until_stopping(incoming.accept()).await {
        let (handshake, _) = accepted?;
        ctx.spawn_until_stopping(async move {
            let mut stream = handshake.await?;
            let (mut read, mut write) = tokio::io::split(&mut stream);
            tokio::io::copy(&mut read, &mut write).await
        });
    }
    Ok(())
}

fn echo_at(address: impl Into<Address>) -> impl misc_core::Service + Clone {
    let address = address.into();
    move |ctx: Context| echo(ctx, address)
}

/// Checks that what is sent comes back.
async fn check_echo(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
    stream.write_all(b"hello").await.expect("it takes the bytes");
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.expect("it gives them back");
    assert_eq!(&answer, b"hello");
}

async fn ip_of(handle: &Handle, name: &str) -> SocketAddr {
    handle.address(name).await.expect("it listens").ip().expect("an IP address")
}

/// Runs a service that cannot listen, and returns the whole error.
async fn refused(app: App) -> String {
    let (ended, ()) = drive(app, async |handle| {
        let ready = handle.ready().await;
        handle.shutdown();
        assert!(!ready, "it listens");
    })
    .await;
    chain(&ended.expect_err("it cannot listen").failures()[0])
}

#[tokio::test]
async fn a_tcp_service_publishes_the_port_that_the_system_chose() {
    let (ended, ()) = drive(App::new("shop").service("echo", echo_at("127.0.0.1:0")), async |handle| {
        let address = ip_of(&handle, "echo").await;
        assert_ne!(address.port(), 0);
        check_echo(TcpStream::connect(address).await.unwrap()).await;
        assert_eq!(handle.status().children[0].addresses, [Address::from(address)]);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test]
async fn a_name_is_resolved() {
    let (ended, ()) = drive(App::new("shop").service("echo", echo_at("localhost:0")), async |handle| {
        let address = ip_of(&handle, "echo").await;
        assert!(address.ip().is_loopback());
        check_echo(TcpStream::connect(address).await.unwrap()).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test]
async fn a_udp_service_publishes_the_port_that_the_system_chose() {
    let echoes = async |ctx: Context| {
        let socket = ctx.bind_udp(&Address::from("127.0.0.1:0")).await?;
        ctx.ready();
        let mut buffer = [0; 16];
        while let Some(received) = ctx.until_stopping(socket.recv_from(&mut buffer)).await {
            let (length, peer) = received?;
            socket.send_to(&buffer[..length], peer).await?;
        }
        Ok(())
    };
    let (ended, ()) = drive(App::new("shop").service("udp", echoes), async |handle| {
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.connect(ip_of(&handle, "udp").await).await.unwrap();
        client.send(b"hello").await.unwrap();
        let mut answer = [0; 16];
        let length = client.recv(&mut answer).await.unwrap();
        assert_eq!(&answer[..length], b"hello");
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test]
async fn the_address_is_waited_for() {
    let (open, opened) = oneshot::channel();
    let listens_late = async move |ctx: Context| {
        ctx.ready();
        opened.await?;
        echo(ctx, Address::from("127.0.0.1:0")).await
    };
    let (ended, ()) = drive(App::new("shop").service("echo", listens_late), async |handle| {
        handle.ready().await;
        let (address, ()) = tokio::join!(ip_of(&handle, "echo"), async {
            tokio::task::yield_now().await;
            open.send(()).unwrap();
        });
        check_echo(TcpStream::connect(address).await.unwrap()).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test]
async fn the_address_of_a_service_in_a_group_is_waited_for() {
    let group = App::new("inner").service("before", idle).service("echo", echo_at("127.0.0.1:0"));
    let app = App::new("shop").service("before", idle).service("group", group);
    let (ended, ()) = drive(app, async |handle| {
        let address = handle.address("group/echo").await;
        handle.shutdown();
        assert!(address.expect("it will listen").ip().is_some());
    })
    .await;
    ended.unwrap();
}

#[tokio::test]
async fn waiting_for_an_address_ends_when_it_cannot_come() {
    let app = App::new("shop").service("done", done).service("idle", idle);
    let (ended, ()) = drive(app, async |handle| {
        assert!(handle.address("nobody").await.unwrap_err().is_unknown());
        check_says(&handle.address("done").await.unwrap_err(), &["ended"]);
        let (address, ()) = tokio::join!(handle.address("idle"), async {
            handle.shutdown().await.unwrap();
        });
        assert!(address.unwrap_err().to_string().contains("listens nowhere"));
    })
    .await;
    ended.unwrap();
}

#[tokio::test]
async fn the_error_about_a_missing_address_names_the_service() {
    let (ended, error) = drive(App::new("shop").service("done", done).service("idle", idle), async |handle| {
        handle.ready().await;
        let error = handle.address("done").await.unwrap_err();
        handle.shutdown();
        error
    })
    .await;
    ended.unwrap();
    check_says(&error, &["`done`"]);
}

#[tokio::test]
async fn waiting_for_an_address_ends_when_the_start_fails() {
    let app = App::new("shop").service("bad", fails_to_start).service("echo", echo_at("127.0.0.1:0"));
    let (ended, address) = drive(app, async |handle| handle.address("echo").await).await;
    assert_eq!(failed(&ended), ["bad"]);
    address.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn waiting_for_an_address_ends_when_the_app_is_dropped() {
    let app = App::new("shop").service("idle", idle).without_signals();
    let handle = app.handle();
    let mut waits = Box::pin(handle.address("idle"));
    tokio::select! {
        biased;
        _ = &mut waits => {}
        _ = app.run() => {}
        _ = handle.ready() => {}
    }
    assert!(in_time(waits).await.is_err());
    assert!(in_time(handle.address("idle")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn waiting_for_an_address_of_an_app_that_never_runs_ends() {
    let app = App::new("shop").service("idle", idle);
    let handle = app.handle();
    let (address, ()) = in_time(async { tokio::join!(handle.address("idle"), async { drop(app) }) }).await;
    assert!(address.is_err());
}

#[tokio::test]
async fn the_address_is_that_of_the_present_run() {
    let once = Arc::new(AtomicU32::new(0));
    let second = Arc::clone(&once);
    let fails_once = move |ctx: Context| {
        let first = second.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                ctx.listen(&Address::from("127.0.0.1:0")).await?;
                return Err("boom".into());
            }
            echo(ctx, Address::from("127.0.0.1:0")).await
        }
    };
    let (ended, ()) =
        drive(App::new("shop").service("echo", spec(fails_once).restart(Restart::new())), async |handle| {
            handle.ready().await;
            assert_eq!(handle.status().children[0].addresses.len(), 1);
            check_echo(TcpStream::connect(ip_of(&handle, "echo").await).await.unwrap()).await;
            handle.shutdown();
        })
        .await;
    ended.unwrap();
    assert_eq!(once.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_address_in_use_names_the_service_and_the_address() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::from(taken.local_addr().unwrap());
    let text = refused(App::new("shop").service("echo", echo_at(address.clone()))).await;
    let parts = [
        "service `echo` failed",
        &*format!("service `echo` cannot listen on {address}"),
        "another process or service listens there; stop it or choose another address",
    ];
    check_says(&text, &parts);
}

#[tokio::test]
async fn an_address_that_another_service_has_names_the_service_in_its_group() {
    let taken = Arc::new(Mutex::new(Address::from("127.0.0.1:0")));
    let (give, take) = (Arc::clone(&taken), Arc::clone(&taken));
    let first = async move |ctx: Context| {
        let incoming = ctx.listen(&Address::from("127.0.0.1:0")).await?;
        *give.lock().expect("nobody panics with it") = incoming.address();
        idle(ctx).await
    };
    let second = async move |ctx: Context| {
        let address = take.lock().expect("nobody panics with it").clone();
        let error = ctx.listen(&address).await.expect_err("the first one has it");
        assert_eq!((error.kind(), error.address()), (io::ErrorKind::AddrInUse, &address));
        Err(error.into())
    };
    let group = App::new("group").service("second", second);
    let text = refused(App::new("shop").service("first", first).service("group", group)).await;
    let address = taken.lock().unwrap().to_string();
    check_says(&text, &[&*format!("service `group/second` cannot listen on {address}")]);
}

#[tokio::test]
async fn a_bad_address_is_told_what_an_address_is() {
    for bad in ["nonsense", "", "127.0.0.1", ":8080", "host:", "host:99999", "host:http"] {
        let text = refused(App::new("shop").service("echo", echo_at(bad))).await;
        let parts =
            [&*format!("service `echo` cannot listen on {bad}"), "an address is `host:port`", "or `unix:/path`"];
        check_says(&text, &parts);
        let udp = async move |ctx: Context| {
            ctx.bind_udp(&Address::from(bad)).await?;
            Ok(())
        };
        check_says(&refused(App::new("shop").service("udp", udp)).await, &["an address is `host:port`"]);
    }
}

#[tokio::test]
async fn an_address_that_this_machine_has_not_is_explained() {
    let text = refused(App::new("shop").service("echo", echo_at("192.0.2.1:0"))).await;
    check_says(&text, &["192.0.2.1:0", "this machine has no such address; 0.0.0.0 stands for all it has"]);
}

#[tokio::test]
async fn a_datagram_socket_needs_a_host_and_a_port() {
    let udp = async |ctx: Context| {
        ctx.bind_udp(&Address::from("unix:@datagrams")).await?;
        Ok(())
    };
    let text = refused(App::new("shop").service("udp", udp)).await;
    check_says(&text, &["cannot listen on unix:@datagrams", "a datagram socket needs an address `host:port`"]);
}

#[test]
fn an_address_reads_and_serialises_as_text() {
    for text in ["127.0.0.1:8080", "[::1]:80", "unix:/run/shop.sock", "unix:@shop", "localhost:8080"] {
        let address = Address::from(text);
        assert_eq!(address.to_string(), text);
        assert_eq!(serde_json::to_string(&address).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Address>(&format!("\"{text}\"")).unwrap(), address);
    }
    assert_eq!(Address::from("[::1]:80").ip(), Some("[::1]:80".parse().unwrap()));
    assert_eq!(Address::from("localhost:80").ip(), None);
    assert_eq!(Address::from("unix:/run/shop.sock").unix_path(), Some("/run/shop.sock".into()));
    assert_eq!(Address::from("unix:@shop").unix_path(), None);
}

/// Makes the provider from a function.
struct Provides<F>(F);

impl<F: Fn(&Request<'_>) -> io::Result<Socket> + Send + Sync + 'static> Sockets for Provides<F> {
    fn open(&self, request: &Request<'_>) -> io::Result<Socket> {
        (self.0)(request)
    }
}

#[tokio::test]
async fn a_provider_is_told_who_wants_what_where() {
    let log = Log::default();
    let inner = log.clone();
    let provider = Provides(move |request: &Request<'_>| {
        let (service, kind, address) = (request.service(), request.kind(), request.address());
        inner.add(format!("{service} {kind:?} {address} {:?}", request.resolved()));
        let any_port: [SocketAddr; 1] = [([127, 0, 0, 1], 0).into()];
        Bind.open(&request.at(&any_port))
    });
    let udp = async |ctx: Context| {
        ctx.bind_udp(&Address::from("127.0.0.1:2")).await?;
        idle(ctx).await
    };
    let group = App::new("inner").service("udp", udp);
    let app = App::new("shop").service("echo", echo_at("127.0.0.1:1")).service("group", group).sockets(provider);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        check_echo(TcpStream::connect(ip_of(&handle, "echo").await).await.unwrap()).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    let expected = ["echo Stream 127.0.0.1:1 [127.0.0.1:1]", "group/udp Datagram 127.0.0.1:2 [127.0.0.1:2]"];
    assert_eq!(log.lines(), expected);
}

#[tokio::test]
async fn a_blocking_listener_that_is_handed_in_does_not_block() {
    let provider = Provides(|_: &Request<'_>| std::net::TcpListener::bind("127.0.0.1:0").map(Socket::Tcp));
    let app = App::new("shop").service("echo", echo_at("127.0.0.1:1")).sockets(provider);
    let (ended, ()) = drive(app, async |handle| {
        // On this one thread nothing would go on if `accept` blocked.
        handle.ready().await;
        tokio::task::yield_now().await;
        check_echo(TcpStream::connect(ip_of(&handle, "echo").await).await.unwrap()).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test]
async fn a_blocking_datagram_socket_that_is_handed_in_does_not_block() {
    let provider = Provides(|_: &Request<'_>| std::net::UdpSocket::bind("127.0.0.1:0").map(Socket::Udp));
    let udp = async |ctx: Context| {
        let socket = ctx.bind_udp(&Address::from("127.0.0.1:1")).await?;
        ctx.ready();
        assert!(ctx.until_stopping(socket.recv_from(&mut [0; 1])).await.is_none());
        Ok(())
    };
    let (ended, ()) = drive(App::new("shop").service("udp", udp).sockets(provider), async |handle| {
        handle.ready().await;
        tokio::task::yield_now().await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

/// Accepts in-memory connections; their handshake must be awaited, as one of TLS.
struct InMemory {
    connections: mpsc::Receiver<DuplexStream>,
}

impl Listener for InMemory {
    type Io = DuplexStream;
    type Handshake = std::pin::Pin<Box<dyn Future<Output = io::Result<DuplexStream>> + Send>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, Address)> {
        let Some(mut connection) = self.connections.recv().await else {
            return std::future::pending().await;
        };
        let handshake = async move {
            match connection.read_u8().await? {
                b'!' => Ok(connection),
                _ => Err(io::Error::other("not a greeting")),
            }
        };
        Ok((Box::pin(handshake), Address::from("a peer in memory")))
    }

    fn address(&self) -> Address {
        Address::from("in memory")
    }
}

/// Hands an in-memory listener to the first that asks.
fn in_memory() -> (mpsc::Sender<DuplexStream>, impl Sockets) {
    let (connect, connections) = mpsc::channel(4);
    let listener = Mutex::new(Some(InMemory { connections }));
    let provider = Provides(move |_: &Request<'_>| {
        let listener = listener.lock().expect("nobody panics with it").take().expect("asked once");
        Ok(Socket::Other(Incoming::from_listener(listener)))
    });
    (connect, provider)
}

#[tokio::test]
async fn a_listener_in_memory_serves_as_a_socket() {
    let (connect, provider) = in_memory();
    let app = App::new("shop").service("echo", echo_at("127.0.0.1:1")).sockets(provider);
    let (ended, ()) = drive(app, async |handle| {
        assert_eq!(handle.address("echo").await.unwrap().to_string(), "in memory");
        let (mut client, server) = tokio::io::duplex(64);
        connect.send(server).await.unwrap();
        client.write_u8(b'!').await.unwrap();
        check_echo(client).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test]
async fn a_slow_handshake_does_not_hold_up_the_next_connection() {
    let (connect, provider) = in_memory();
    let app = App::new("shop").service("echo", echo_at("127.0.0.1:1")).sockets(provider);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        let (_mute, server) = tokio::io::duplex(64);
        connect.send(server).await.unwrap();
        let (mut client, server) = tokio::io::duplex(64);
        connect.send(server).await.unwrap();
        client.write_u8(b'!').await.unwrap();
        check_echo(client).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test]
async fn a_failed_handshake_is_of_its_connection_only() {
    let (connect, provider) = in_memory();
    let app = App::new("shop").service("echo", echo_at("127.0.0.1:1")).sockets(provider);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        let (mut bad, server) = tokio::io::duplex(64);
        connect.send(server).await.unwrap();
        bad.write_u8(b'?').await.unwrap();
        assert_eq!(bad.read(&mut [0; 1]).await.unwrap(), 0, "it is closed");
        let (mut client, server) = tokio::io::duplex(64);
        connect.send(server).await.unwrap();
        client.write_u8(b'!').await.unwrap();
        check_echo(client).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test]
async fn a_socket_of_the_wrong_kind_is_refused() {
    let swaps = Provides(|request: &Request<'_>| match request.kind() {
        SocketKind::Datagram => std::net::TcpListener::bind("127.0.0.1:0").map(Socket::Tcp),
        _ => std::net::UdpSocket::bind("127.0.0.1:0").map(Socket::Udp),
    });
    let text = refused(App::new("shop").service("echo", echo_at("127.0.0.1:1")).sockets(swaps)).await;
    check_says(&text, &["service `echo` cannot listen on 127.0.0.1:1", "gave a datagram socket where a listener was"]);
    let gives_tcp = Provides(|_: &Request<'_>| std::net::TcpListener::bind("127.0.0.1:0").map(Socket::Tcp));
    let udp = async |ctx: Context| {
        ctx.bind_udp(&Address::from("127.0.0.1:2")).await?;
        Ok(())
    };
    let text = refused(App::new("shop").service("udp", udp).sockets(gives_tcp)).await;
    check_says(&text, &["service `udp` cannot listen on 127.0.0.1:2", "gave a listener where a datagram socket was"]);
}

#[tokio::test]
async fn an_error_of_the_provider_names_the_service() {
    let broken = Provides(|_: &Request<'_>| Err(io::Error::other("no such socket was passed in")));
    let text = refused(App::new("shop").service("echo", echo_at("127.0.0.1:1")).sockets(broken)).await;
    check_says(&text, &["service `echo` cannot listen on 127.0.0.1:1", "no such socket was passed in"]);
}

#[tokio::test]
async fn a_group_may_have_a_provider_of_its_own() {
    let (connect, provider) = in_memory();
    let group = App::new("group").service("echo", echo_at("127.0.0.1:1")).sockets(provider);
    let app = App::new("shop").service("tcp", echo_at("127.0.0.1:0")).service("group", group);
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        check_echo(TcpStream::connect(ip_of(&handle, "tcp").await).await.unwrap()).await;
        assert_eq!(handle.address("group/echo").await.unwrap().to_string(), "in memory");
        drop(connect);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[cfg(unix)]
mod unix {
    use std::{
        fs,
        os::unix::net::UnixListener,
        path::{Path, PathBuf},
    };

    use tokio::net::UnixStream;

    use super::*;

    /// A path for one test's socket, removed before and after.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("misc-{}-{name}.sock", std::process::id()));
            fs::remove_file(&path).unwrap_or_default();
            Self(path)
        }

        fn address(&self) -> Address {
            Address::from(format!("unix:{}", self.0.display()))
        }
    }

    impl std::ops::Deref for Place {
        type Target = Path;

        fn deref(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            fs::remove_file(&self.0).unwrap_or_default();
        }
    }

    async fn check_serves(place: &Place) {
        let app = App::new("shop").service("echo", echo_at(place.address()));
        let (ended, ()) = drive(app, async |handle| {
            let address = handle.address("echo").await.expect("it listens");
            assert_eq!(address, place.address());
            assert_eq!(address.unix_path().as_deref(), Some(&**place));
            check_echo(UnixStream::connect(&**place).await.expect("it accepts")).await;
            handle.shutdown();
        })
        .await;
        ended.expect("a clean end");
    }

    #[tokio::test]
    async fn listens_at_a_path() {
        check_serves(&Place::new("path")).await;
    }

    #[tokio::test]
    async fn replaces_the_socket_file_of_a_process_that_is_gone() {
        let place = Place::new("abandoned");
        drop(UnixListener::bind(&*place).unwrap());
        assert!(place.exists());
        check_serves(&place).await;
        check_serves(&place).await;
    }

    #[tokio::test]
    async fn leaves_a_socket_alone_on_which_somebody_listens() {
        let place = Place::new("live");
        let _live = UnixListener::bind(&*place).unwrap();
        let text = refused(App::new("shop").service("echo", echo_at(place.address()))).await;
        check_says(&text, &["service `echo` cannot listen on unix:", "another process or service listens there"]);
        UnixStream::connect(&*place).await.unwrap();
    }

    #[tokio::test]
    async fn leaves_a_file_alone_that_is_no_socket() {
        let place = Place::new("file");
        fs::write(&*place, "precious").unwrap();
        refused(App::new("shop").service("echo", echo_at(place.address()))).await;
        assert_eq!(fs::read_to_string(&*place).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_path_in_no_directory_is_refused() {
        let place = Place::new("none");
        let address = Address::from(format!("unix:{}/socket", place.display()));
        let text = refused(App::new("shop").service("echo", echo_at(address.clone()))).await;
        check_says(&text, &[&*format!("service `echo` cannot listen on {address}")]);
    }

    #[tokio::test]
    async fn an_empty_path_is_refused() {
        for bad in ["unix:", "unix:@"] {
            let text = refused(App::new("shop").service("echo", echo_at(bad))).await;
            check_says(&text, &["an address is `host:port`"]);
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn listens_at_an_abstract_name() {
        use std::os::linux::net::SocketAddrExt;

        let name = format!("misc-core-{}", std::process::id());
        let address = Address::from(format!("unix:@{name}"));
        let app = App::new("shop").service("echo", echo_at(address.clone()));
        let (ended, ()) = drive(app, async |handle| {
            assert_eq!(handle.address("echo").await.unwrap(), address);
            let name = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
            let stream = std::os::unix::net::UnixStream::connect_addr(&name).unwrap();
            stream.set_nonblocking(true).unwrap();
            check_echo(UnixStream::from_std(stream).unwrap()).await;
            handle.shutdown();
        })
        .await;
        ended.unwrap();
    }

    #[tokio::test]
    async fn a_blocking_unix_listener_that_is_handed_in_does_not_block() {
        let place = Place::new("blocking");
        let path = place.to_path_buf();
        let provider = Provides(move |_: &Request<'_>| UnixListener::bind(&path).map(Socket::Unix));
        let app = App::new("shop").service("echo", echo_at("127.0.0.1:1")).sockets(provider);
        let (ended, ()) = drive(app, async |handle| {
            handle.ready().await;
            tokio::task::yield_now().await;
            check_echo(UnixStream::connect(&*place).await.unwrap()).await;
            handle.shutdown();
        })
        .await;
        ended.unwrap();
    }
}
