#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config;
mod server;

#[cfg(feature = "axum")]
#[doc(no_inline)]
pub use axum;

pub use self::{config::Config, server::Server};
