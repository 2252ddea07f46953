#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod activation;
mod error;
mod manager;
mod notify;

pub use self::{activation::Activation, error::Unusable, notify::Notify};
