#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod code;
mod error;
mod fault;
mod payload;

pub use misc_core::{Idempotent, Verdict};

pub use self::{
    error::Error,
    fault::{Fault, Never},
    payload::Payload,
};
