//! TCP: servers of connections and of frames, and a client that reconnects.

mod backoff;
mod client;

pub use self::client::{Client, ClientConfig, ClientHandle};
pub use crate::stream::{Config, Connection, Framed, Handle, Peer, Server};
