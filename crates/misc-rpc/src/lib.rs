#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod caller;
pub mod code;
mod contract;
mod error;
mod fault;
mod methods;
mod openrpc;
mod payload;
mod server;
mod shape;

pub use misc_core::{Idempotent, Verdict};

pub use self::{
    caller::Caller,
    contract::{Contract, Param, Procedure},
    error::Error,
    fault::{Fault, Never},
    methods::Methods,
    payload::Payload,
    server::{Limits, Refused, ResponseFuture, Server},
    shape::Shape,
};

/// What the code that `#[rpc]` writes needs.
#[doc(hidden)]
pub mod __private {
    pub use crate::shape::{Probe, Shapeless};
}
