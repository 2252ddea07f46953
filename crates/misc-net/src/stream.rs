//! What TCP and Unix have in common: connections, and servers of them.

mod config;
mod connection;
mod framed;
mod idle;
mod metrics;
mod peer;
mod peers;
mod server;

#[cfg(feature = "tls")]
pub(crate) use self::server::Transport;
pub use self::{
    config::Config,
    connection::Connection,
    framed::Framed,
    peer::Peer,
    server::{Handle, Server},
};
pub(crate) use self::{connection::Io, metrics::Traffic};
