//! Socket activation: sockets that systemd has opened, and keeps open while the service restarts.

#[cfg(unix)]
mod environment;
#[cfg(unix)]
mod held;
#[cfg(unix)]
mod inherited;

#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::{io, sync::Arc};

use misc_core::{App, Bind, Lifecycle, Phase, Plugin, Request, Socket, Sockets, Transition};
use tracing::{info, warn};

#[cfg(unix)]
use self::inherited::Inherited;
#[cfg(not(unix))]
use self::none::Inherited;
use crate::error::Unusable;

/// Hands out the sockets that systemd has passed (`sd_listen_fds(3)`), and binds all others.
///
/// systemd opens the sockets of a `.socket` unit once and keeps them, so connections wait in their queues while the
/// service restarts, and none is refused. Services need not know: `Context::listen` and `Context::bind_udp` get
///
/// 1. the socket with the address that is asked for: one whose name (`FileDescriptorName=`) is the whole path of the
///    service, `http` or `group/http`, before any other;
/// 2. else the only socket of that name, for then the unit decides the address, which a warning tells if it is another
///    one; or any of that name, when port 0 is asked for;
/// 3. else a socket that is bound now, by [`Bind`].
///
/// A line in the log says for each socket which it was. A service that has got one by its name alone must not ask for a
/// second address which was not passed: nobody could tell which of the two was meant for the public. It fails, and the
/// cure is a unit with a socket for each address of the service.
///
/// A socket belongs to one run of a service. After that anybody may take it, so a service that was restarted gets it
/// again, with whoever has been waiting in its queue. When the app is ready, a warning names the sockets that nobody has
/// taken.
///
/// TCP and Unix listeners and UDP sockets can be passed. They do not leak into children. Take them early, before
/// anything that resolves names: reading them removes `LISTEN_PID` and `LISTEN_FDS` from the environment, which C code
/// in other threads must not read meanwhile.
///
/// `misc_test::TestApp` moves all sockets, and so takes the place of this one, unless the app is launched as it is.
///
/// # Examples
/// ```
/// use misc_core::App;
/// use misc_upgrade::Activation;
///
/// # fn main() -> Result<(), misc_upgrade::Unusable> {
/// let app = App::new("shop").with(Activation::from_env()?);
/// # drop(app);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "install it: `App::with`"]
pub struct Activation(Passed);

impl Activation {
    /// Takes the sockets that were passed to this process; none, if `LISTEN_PID` does not name it.
    ///
    /// There is nothing left for a second call. Two apps in one process share clones of the first.
    ///
    /// # Errors
    /// [`Unusable`] when a variable makes no sense, or a descriptor is no socket that a service can listen on.
    pub fn from_env() -> Result<Self, Unusable> {
        Ok(Self(Passed(Arc::new(Inherited::from_env()?))))
    }

    /// Hands out these sockets, by name.
    ///
    /// # Errors
    /// [`Unusable`] when a descriptor is no socket that a service can listen on.
    ///
    /// # Examples
    /// ```
    /// use misc_upgrade::Activation;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let activation = Activation::from_descriptors([("http", listener.into())])?;
    /// # drop(activation);
    /// # Ok(()) }
    /// ```
    #[cfg(unix)]
    #[cfg_attr(docsrs, doc(cfg(unix)))]
    pub fn from_descriptors<N: Into<String>>(
        descriptors: impl IntoIterator<Item = (N, OwnedFd)>,
    ) -> Result<Self, Unusable> {
        let descriptors = descriptors.into_iter().map(|(name, descriptor)| (name.into(), descriptor));
        Ok(Self(Passed(Arc::new(Inherited::new(descriptors)?))))
    }
}

impl Plugin for Activation {
    fn install(self, app: App) -> App {
        app.sockets(self.0.clone()).observe(self.0)
    }
}

/// What was passed, and follows the services that take it.
#[derive(Debug, Clone)]
struct Passed(Arc<Inherited>);

impl Passed {
    fn bind(&self, request: &Request<'_>) -> io::Result<Socket> {
        let socket = Bind.open(request).map_err(|error| match &*self.0.left() {
            [] => error,
            left => {
                let left = left.join(", ");
                let name = request.service();
                let hint = format!("systemd has passed {left}: is it meant? Then set FileDescriptorName={name} there");
                io::Error::new(error.kind(), format!("{error}; {hint}"))
            }
        })?;
        info!(service = request.service(), address = %request.address(), "socket bound");
        Ok(socket)
    }

    fn warn_of_left(&self) {
        let sockets = self.0.left().join(", ");
        if !sockets.is_empty() {
            warn!(
                sockets,
                "systemd has passed sockets that no service has asked for so far, and connections wait there: set \
                 FileDescriptorName= to the path of a service, or remove them from the unit"
            );
        }
    }
}

impl Sockets for Passed {
    fn open(&self, request: &Request<'_>) -> io::Result<Socket> {
        match self.0.take(request)? {
            Some(socket) => Ok(socket),
            None => self.bind(request),
        }
    }
}

impl Lifecycle for Passed {
    fn on_transition(&self, transition: &Transition) {
        match (transition.service(), transition.to()) {
            (None, Phase::Ready) => self.warn_of_left(),
            // Its run goes on.
            (None, _) | (Some(_), Phase::Ready | Phase::Stopping) => {}
            (Some(service), _) => self.0.free(service),
        }
    }
}

/// Where no sockets are passed.
#[cfg(not(unix))]
mod none {
    use std::io;

    use misc_core::{Request, Socket};

    use crate::error::Unusable;

    #[derive(Debug)]
    pub(super) struct Inherited;

    impl Inherited {
        pub(super) fn from_env() -> Result<Self, Unusable> {
            Ok(Self)
        }

        pub(super) fn take(&self, _: &Request<'_>) -> io::Result<Option<Socket>> {
            Ok(None)
        }

        pub(super) fn free(&self, _: &str) {}

        pub(super) fn left(&self) -> Vec<String> {
            Vec::new()
        }
    }
}
