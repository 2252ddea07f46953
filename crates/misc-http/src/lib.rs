#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod config;
mod connection;
mod exchange;
mod handler;
#[cfg(feature = "axum")]
mod inject;
mod io;
pub mod layers;
mod live;
mod ops;
mod problem;
mod serve;
mod server;
mod time;
pub mod trace;

#[cfg(feature = "axum")]
#[doc(no_inline)]
pub use axum;
#[cfg(feature = "tower-http")]
#[doc(no_inline)]
pub use tower_http;

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub use self::inject::Inject;
pub use self::{
    body::Body,
    config::{Config, Http2, OnDisconnect},
    connection::Connection,
    handler::{Answering, Closure, Handler, IntoService, Tower},
    layers::{RequestId, Route},
    live::Handle,
    ops::{Ops, OpsBody, Reply, ops},
    problem::Problem,
    server::Server,
};
