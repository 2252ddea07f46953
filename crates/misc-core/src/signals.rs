//! The signals of the process, on each platform.

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) name: &'static str,
    /// The number, which added to 128 is the exit code of a process that the signal ends.
    pub(crate) number: u8,
    /// It asks for a reload, if anybody wants to know.
    pub(crate) reloads: bool,
}

#[cfg(unix)]
mod platform {
    use std::io;

    use tokio::signal::unix::{SignalKind, signal};

    use super::Signal;

    const TERMINATE: Signal = Signal { name: "SIGTERM", number: 15, reloads: false };
    const INTERRUPT: Signal = Signal { name: "SIGINT", number: 2, reloads: false };
    const HANGUP: Signal = Signal { name: "SIGHUP", number: 1, reloads: true };

    /// Receives signals; from its creation on they no longer end the process by themselves.
    pub(crate) struct Signals {
        terminate: tokio::signal::unix::Signal,
        interrupt: tokio::signal::unix::Signal,
        hangup: tokio::signal::unix::Signal,
    }

    impl Signals {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hangup: signal(SignalKind::hangup())?,
            })
        }

        /// # Cancel safety
        /// Strict.
        pub(crate) async fn next(&mut self) -> Signal {
            tokio::select! {
                Some(()) = self.terminate.recv() => TERMINATE,
                Some(()) = self.interrupt.recv() => INTERRUPT,
                Some(()) = self.hangup.recv() => HANGUP,
                else => std::future::pending().await,
            }
        }
    }
}

#[cfg(windows)]
mod platform {
    use std::io;

    use tokio::signal::windows::{
        CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
    };

    use super::Signal;

    const INTERRUPT: Signal = Signal { name: "Ctrl-C", number: 2, reloads: false };
    const TERMINATE: Signal = Signal { name: "a console event", number: 15, reloads: false };

    /// Receives console events; from its creation on they no longer end the process by themselves.
    pub(crate) struct Signals {
        ctrl_c: CtrlC,
        ctrl_break: CtrlBreak,
        close: CtrlClose,
        shutdown: CtrlShutdown,
    }

    impl Signals {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self { ctrl_c: ctrl_c()?, ctrl_break: ctrl_break()?, close: ctrl_close()?, shutdown: ctrl_shutdown()? })
        }

        /// # Cancel safety
        /// Strict.
        pub(crate) async fn next(&mut self) -> Signal {
            tokio::select! {
                Some(()) = self.ctrl_c.recv() => INTERRUPT,
                Some(()) = self.ctrl_break.recv() => INTERRUPT,
                Some(()) = self.close.recv() => TERMINATE,
                Some(()) = self.shutdown.recv() => TERMINATE,
                else => std::future::pending().await,
            }
        }
    }
}

pub(crate) use self::platform::Signals;
