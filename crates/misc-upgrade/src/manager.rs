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
    use tracing::error;

    use super::Message;
    use crate::error::Unusable;

    /// How many messages wait at most for a manager that does not read.
    const MOST_OWED: usize = 32;
    /// How long to wait before it is tried again.
    const PAUSE: Duration = Duration::from_millis(100);

    /// Sends without ever waiting, and in order: what does not get through now is owed, and sent before what follows.
    pub(crate) struct Manager {
        socket: UnixDatagram,
        address: SocketAddr,
        line: Mutex<Line>,
        stuck: Notify,
    }

    struct Line {
        owed: VecDeque<Message>,
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
                line.owed.pop_front();
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
                let result = self.send(text);
                self.heard(&mut line, result, text, true);
            }
        }

        /// Sends what is owed as soon as the manager reads again.
        pub(crate) async fn pay_debts(&self) {
            loop {
                self.stuck.notified().await;
                while !self.pay(&mut self.line()) {
                    sleep(PAUSE).await;
                }
            }
        }

        /// Sends what is owed; returns whether nothing is left.
        fn pay(&self, line: &mut Line) -> bool {
            while let Some(Message { text, gives_way }) = line.owed.pop_front() {
                let result = self.send(&text);
                if !self.heard(line, result, &text, gives_way) {
                    line.owed.push_front(Message { text, gives_way });
                    return false;
                }
            }
            true
        }

        fn send(&self, text: &str) -> io::Result<()> {
            self.socket.send_to_addr(text.as_bytes(), &self.address).map(drop)
        }

        /// Returns whether there is nothing more to do for a message: it was sent, or is lost.
        ///
        /// A manager that is not there is told of once, but each time when it misses a change of state.
        fn heard(&self, line: &mut Line, result: io::Result<()>, text: &str, gives_way: bool) -> bool {
            let error = match result {
                Ok(()) => {
                    line.broken = false;
                    return true;
                }
                Err(error) if is_full(&error) => return false,
                Err(error) => error,
            };
            if !(line.broken && gives_way) {
                let lost = text.replace('\n', " ");
                error!(
                    socket = ?self.address, %error, lost,
                    "the service manager could not be told; make its socket reachable, or unset NOTIFY_SOCKET"
                );
            }
            line.broken = true;
            true
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
