//! Unix sockets: the servers of [`tcp`](crate::tcp), at addresses such as `unix:/run/shop.sock`.
//!
//! The file of a socket that was left behind by a process that is gone is replaced, and stays when the server stops. A
//! limit on the connections of a peer has no effect, since a peer has no address.
//!
//! ```
//! use misc_net::{codec::LinesCodec, unix::{Peer, Server}};
//!
//! let answer = async |line: String, _: Peer| Ok(Some(line));
//! let server = Server::framed("unix:/run/shop.sock", LinesCodec::new_with_max_length(1024), answer);
//! ```

#[doc(no_inline)]
pub use crate::stream::{Config, Connection, Framed, Handle, Peer, Server};
