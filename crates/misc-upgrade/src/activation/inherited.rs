//! All sockets that were inherited, and which of them a service gets.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{Mutex, MutexGuard, PoisonError},
};

use misc_core::{Request, Socket, SocketKind};
use tracing::{info, warn};

use super::{
    environment,
    held::{Fit, Held, asks_for_any_port},
};
use crate::error::Unusable;

/// The originals stay here and duplicates are handed out, so that a queue lives on while its service restarts.
#[derive(Debug)]
pub(super) struct Inherited(Mutex<Vec<Held>>);

impl Inherited {
    pub(super) fn from_env() -> Result<Self, Unusable> {
        Self::new(environment::take(|name| std::env::var_os(name))?)
    }

    pub(super) fn new(descriptors: impl IntoIterator<Item = (String, OwnedFd)>) -> Result<Self, Unusable> {
        let sockets = descriptors.into_iter().map(|(name, descriptor)| Held::new(name, descriptor));
        Ok(Self(Mutex::new(sockets.collect::<Result<_, _>>()?)))
    }

    /// Hands out the socket that fits; none, if it is to be bound.
    pub(super) fn take(&self, request: &Request<'_>) -> io::Result<Option<Socket>> {
        let mut sockets = self.sockets();
        let Some((fit, at)) = find(&sockets, request) else {
            return may_bind(&sockets, request).map(|()| None);
        };
        let held = &mut sockets[at];
        let socket = held.take(request, fit)?;
        let (service, name, address) = (request.service(), &held.name, &held.address);
        info!(service, %address, "socket taken from systemd as `{name}`");
        if fit == Fit::Name && !asks_for_any_port(request) {
            warn!(
                service, asked_for = %request.address(), passed = %address,
                "systemd has passed another address than the service asks for, and that one holds: make the .socket \
                 unit and the configuration agree"
            );
        }
        Ok(Some(socket))
    }

    /// Lets anybody have what a service has held.
    pub(super) fn free(&self, service: &str) {
        self.sockets().iter_mut().for_each(|held| held.free(service));
    }

    /// Names the sockets that nobody has taken.
    pub(super) fn left(&self) -> Vec<String> {
        self.sockets().iter().filter(|held| held.is_left()).map(ToString::to_string).collect()
    }

    fn sockets(&self) -> MutexGuard<'_, Vec<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds the free socket that fits best: of equal ones the one with the very address, or the first.
fn find(sockets: &[Held], request: &Request<'_>) -> Option<(Fit, usize)> {
    let only = sockets.iter().filter(|held| held.is_meant(request)).count() == 1;
    let rank = |(at, held): (usize, &Held)| {
        let fit = held.fit(request, only)?;
        Some((fit, !held.has_address_of(request), at))
    };
    sockets.iter().enumerate().filter_map(rank).min().map(|(fit, .., at)| (fit, at))
}

/// Refuses to bind a socket where one was passed that may have been meant.
fn may_bind(sockets: &[Held], request: &Request<'_>) -> io::Result<()> {
    let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    let (wanted, option) = match request.kind() {
        SocketKind::Datagram => ("a datagram socket", "ListenDatagram="),
        _ => ("a listener for connections", "ListenStream="),
    };
    if let Some((held, other)) = sockets.iter().find_map(|held| Some((held, held.guessed_for(request)?))) {
        return refused(format!(
            "systemd has passed {held}, which this service has got for {other} by its name alone: is it meant for \
             that? Pass a socket for each of its addresses, with {option} set to that address"
        ));
    }
    let named = || sockets.iter().filter(|held| held.name == request.service());
    if named().next().is_some() && named().all(|held| held.is_left() && !held.is_kind(request)) {
        let passed = named().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return refused(format!(
            "systemd has passed {passed}, but {wanted} is needed; use {option} in the .socket unit"
        ));
    }
    Ok(())
}
