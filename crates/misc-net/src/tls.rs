//! TLS by rustls: for the servers of this crate and any other, and for the client.
//!
//! [`Tls`] is what a server needs, [`Client`] what a client does. Both read their files at once, so that a program with
//! wrong ones does not start, and read them again when they have changed, without a task that watches them.

mod client;
mod config;
mod error;
mod files;
mod listener;
mod secured;
mod server;
mod store;

pub(crate) use self::secured::Secured;
pub use self::{
    client::Client,
    config::{ClientAuth, ClientConfig, Config, Version},
    error::Error,
    listener::{Listener, Stream},
    server::Tls,
};
