//! The service manager, as far as it listens: messages to it, and the socket on which they go.

use std::fmt;

#[cfg(not(unix))]
pub(crate) use self::none::Manager;
#[cfg(unix)]
pub(crate) use self::unix::Manager;

/// One message in the words of `sd_notify(3)`: what the service now is, if that has changed, and its status.
pub(crate) struct Message {
    text: String,
    /// The next message makes up for it.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is nobody to send it to"))]
    gives_way: bool,
}

impl Message {
    /// Tells the status alone.
    pub(crate) fn status(status: &str) -> Self {
        Self { text: format!("STATUS={status}"), gives_way: true }
    }

    /// Tells that something has changed for the service manager, which must not miss it.
    pub(crate) fn state(state: &str, status: &str) -> Self {
        Self { text: format!("{state}\nSTATUS={status}"), gives_way: false }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(unix)]
mod unix {
    use std::{
        collections::VecDeque,
        ffi::OsStr,
        fmt, io,
        os::unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
        sync::{Mutex, MutexGuard, PoisonError},
        time::Duration,
    };

    use rustix::time::{ClockId, clock_gettime};
    use tokio::{sync::Notify, time::sleep};
    use tracing::{error, info};

    use super::Message;
    use crate::error::Unusable;

    /// How many messages wait at most for a manager that does not read.
    const MOST_OWED: usize = 32;
    /// How long to wait before it is tried again, when the manager does not read.
    const PAUSE: Duration = Duration::from_millis(100);
    /// How long, when it is not there.
    const LONG_PAUSE: Duration = Duration::from_secs(1);

    /// Sends without ever waiting, and in order: what does not get through now is owed, and sent before what follows.
    pub(crate) struct Manager {
        socket: UnixDatagram,
        address: SocketAddr,
        line: Mutex<Line>,
        stuck: Notify,
    }

    struct Line {
        owed: VecDeque<Message>,
        /// Nobody was there at the last attempt.
        broken: bool,
    }

    impl Manager {
        pub(crate) fn at(name: &OsStr) -> Result<Self, Unusable> {
            let unusable = |error| {
                let why = "no socket can be there; a socket is `/path` or, on Linux, `@abstract-name`";
                Unusable::new(format!("the notify socket `{}`", name.display()), why).caused_by(error)
            };
            let address = address(name.as_bytes()).map_err(unusable)?;
            let socket = UnixDatagram::unbound().and_then(|socket| {
                socket.set_nonblocking(true)?;
                Ok(socket)
            });
            let line = Mutex::new(Line { owed: VecDeque::new(), broken: false });
            Ok(Self { socket: socket.map_err(unusable)?, address, line, stuck: Notify::new() })
        }

        /// Sends a message, after those that are owed.
        pub(crate) fn tell(&self, message: Message) {
            let mut line = self.line();
            if line.owed.back().is_some_and(|last| last.gives_way) {
                line.owed.pop_back();
            } else if line.owed.len() == MOST_OWED {
                self.lose(line.owed.pop_front());
            }
            line.owed.push_back(message);
            if !self.pay(&mut line) {
                self.stuck.notify_one();
            }
        }

        /// Sends what is of use only now, and so is lost rather than owed.
        pub(crate) fn beat(&self, text: &str) {
            let mut line = self.line();
            if self.pay(&mut line) {
                self.send(&mut line, text);
            }
        }

        /// Sends what is owed as soon as the manager reads again.
        pub(crate) async fn pay_debts(&self) {
            loop {
                self.stuck.notified().await;
                while let Some(pause) = self.try_to_pay() {
                    sleep(pause).await;
                }
            }
        }

        /// Gives up what is still owed, since nobody will try again.
        pub(crate) fn close(&self) {
            let mut line = self.line();
            self.pay(&mut line);
            self.lose(line.owed.drain(..));
        }

        /// Sends what is owed; returns how long to wait if something is left.
        fn try_to_pay(&self) -> Option<Duration> {
            let mut line = self.line();
            let paid = self.pay(&mut line);
            (!paid).then_some(if line.broken { LONG_PAUSE } else { PAUSE })
        }

        /// Sends what is owed; returns whether nothing is left.
        fn pay(&self, line: &mut Line) -> bool {
            while let Some(message) = line.owed.pop_front() {
                if !self.send(line, &message.text) {
                    line.owed.push_front(message);
                    return false;
                }
            }
            true
        }

        /// Returns whether it was sent; that nobody is there is logged once.
        fn send(&self, line: &mut Line, text: &str) -> bool {
            let sent = self.socket.send_to_addr(text.as_bytes(), &self.address);
            let was_broken = line.broken;
            line.broken = sent.as_ref().is_err_and(|error| !is_full(error));
            match &sent {
                Ok(_) if was_broken => info!(socket = ?self.address, "the service manager is told again"),
                Err(error) if line.broken && !was_broken => error!(
                    socket = ?self.address, %error,
                    "the service manager cannot be told; make its socket reachable, or unset NOTIFY_SOCKET"
                ),
                _ => {}
            }
            sent.is_ok()
        }

        fn lose(&self, messages: impl IntoIterator<Item = Message>) {
            for message in messages {
                let lost = message.text.replace('\n', " ");
                error!(socket = ?self.address, lost, "the service manager has missed a message: it does not read");
            }
        }

        fn line(&self) -> MutexGuard<'_, Line> {
            self.line.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl fmt::Debug for Manager {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_tuple("Manager").field(&self.address).finish()
        }
    }

    fn address(name: &[u8]) -> io::Result<SocketAddr> {
        match name {
            [b'/', ..] => SocketAddr::from_pathname(OsStr::from_bytes(name)),
            [b'@', name @ ..] if !name.is_empty() => abstract_address(name),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a path from the root nor an abstract name")),
        }
    }

    #[cfg(target_os = "linux")]
    fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
        <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
    }

    #[cfg(not(target_os = "linux"))]
    fn abstract_address(_name: &[u8]) -> io::Result<SocketAddr> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "abstract Unix sockets exist on Linux only"))
    }

    /// Tells whether the manager is there, but does not read.
    fn is_full(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::WouldBlock
            || error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error())
    }

    impl Message {
        /// Tells that a reload begins now.
        pub(crate) fn reloading(status: &str) -> Self {
            let now = clock_gettime(ClockId::Monotonic);
            let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
            Self::state(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"), status)
        }
    }
}

/// Where there is no service manager that could be told.
#[cfg(not(unix))]
mod none {
    use std::ffi::OsStr;

    use super::Message;
    use crate::error::Unusable;

    #[derive(Debug)]
    pub(crate) enum Manager {}

    impl Manager {
        pub(crate) fn at(name: &OsStr) -> Result<Self, Unusable> {
            let what = format!("the notify socket `{}`", name.display());
            Err(Unusable::new(what, "there are no such sockets on this platform"))
        }

        pub(crate) fn tell(&self, _message: Message) {
            match *self {}
        }

        pub(crate) fn beat(&self, _text: &str) {
            match *self {}
        }

        pub(crate) fn close(&self) {
            match *self {}
        }

        pub(crate) fn pay_debts(&self) -> std::future::Pending<()> {
            match *self {}
        }
    }

    impl Message {
        pub(crate) fn reloading(status: &str) -> Self {
            Self::state("RELOADING=1", status)
        }
    }
}
