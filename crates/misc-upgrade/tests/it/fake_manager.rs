//! A service manager that listens, and writes down what it hears.

use std::{
    ffi::OsString,
    io::ErrorKind,
    os::{linux::net::SocketAddrExt, unix::net},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{net::UnixDatagram, time::timeout};

/// How long a real process may take to say something.
const SOON: Duration = Duration::from_secs(20);

/// A socket to notify, with an abstract name. Cheap to clone.
#[derive(Clone)]
pub(crate) struct FakeManager(Arc<Heard>);

struct Heard {
    name: OsString,
    socket: net::UnixDatagram,
    lines: Mutex<Vec<String>>,
}

impl FakeManager {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("misc-upgrade-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let address = net::SocketAddr::from_abstract_name(&name).expect("a short name");
        let socket = net::UnixDatagram::bind_addr(&address).expect("a new name");
        Self::with(socket, format!("@{name}").into())
    }

    /// Listens at a path instead.
    pub(crate) fn at(path: &std::path::Path) -> Self {
        Self::with(net::UnixDatagram::bind(path).expect("a new path"), path.into())
    }

    fn with(socket: net::UnixDatagram, name: OsString) -> Self {
        socket.set_nonblocking(true).expect("a socket");
        Self(Arc::new(Heard { name, socket, lines: Mutex::default() }))
    }

    /// Returns what `NOTIFY_SOCKET` holds.
    pub(crate) fn name(&self) -> &OsString {
        &self.0.name
    }

    /// Writes down that something else has happened, after all that was said before.
    pub(crate) fn note(&self, event: &str) {
        self.hear();
        self.write(event);
    }

    /// Returns all lines so far, those of one message in one, separated by `|`.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.hear();
        self.0.lines.lock().expect("nobody panics with it").clone()
    }

    /// Returns the lines that are not only about the status, without that.
    pub(crate) fn states(&self) -> Vec<String> {
        let without_status = |line: &String| {
            let parts: Vec<_> = line.split('|').filter(|part| !part.starts_with("STATUS=")).collect();
            parts.join("|")
        };
        self.lines().iter().map(without_status).filter(|line| !line.is_empty()).collect()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.states().iter().filter(|line| *line == what).count()
    }

    /// Returns the last status.
    pub(crate) fn status(&self) -> String {
        let lines = self.lines();
        let mut statuses =
            lines.iter().flat_map(|line| line.split('|')).filter_map(|part| part.strip_prefix("STATUS="));
        statuses.next_back().expect("there was a status").to_owned()
    }

    /// Waits until a real process has said something.
    pub(crate) async fn until(&self, what: &str) {
        let socket = self.0.socket.try_clone().and_then(UnixDatagram::from_std).expect("a socket");
        let heard = async {
            while !self.lines().iter().any(|line| line.split('|').any(|part| part == what)) {
                let mut text = [0; 4096];
                let length = socket.recv(&mut text).await.expect("a message");
                self.write(&String::from_utf8_lossy(&text[..length]));
            }
        };
        timeout(SOON, heard).await.unwrap_or_else(|_| panic!("nobody said {what}: {:#?}", self.lines()));
    }

    /// Sends until no more fits, as if the manager had been stuck for a while.
    pub(crate) fn fill(&self) {
        let sender = net::UnixDatagram::unbound().expect("a socket");
        sender.set_nonblocking(true).expect("a socket");
        let address = self.0.socket.local_addr().expect("it is bound");
        while sender.send_to_addr(b"X_OTHER=1", &address).is_ok() {}
    }

    /// Reads what has arrived. A descriptor that comes along is closed, since nobody asks for it: that ends `BARRIER=1`.
    fn hear(&self) {
        let mut text = [0; 4096];
        loop {
            match self.0.socket.recv(&mut text) {
                Ok(length) => self.write(&String::from_utf8_lossy(&text[..length])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the fake manager cannot hear: {error}"),
            }
        }
    }

    fn write(&self, text: &str) {
        self.0.lines.lock().expect("nobody panics with it").push(text.trim_end().replace('\n', "|"));
    }
}
