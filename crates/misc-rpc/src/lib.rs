#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
pub mod code;
mod error;
mod fault;
mod payload;

pub use misc_core::{Idempotent, Verdict};

pub use self::{
    client::{
        Builder, Client, ClientConfig, ClientMethod, MethodName, Procedure, Refused, Transport, TransportError,
        TransportFuture, Url,
    },
    error::Error,
    fault::{Fault, Never},
    payload::Payload,
};
