//! UDP: a server of datagrams.

mod config;
mod datagram;
mod server;

pub use self::{
    config::{Config, Overflow},
    datagram::Datagram,
    server::Server,
};
